"""Tests of the ledger, module by module."""
