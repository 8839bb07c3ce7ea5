"""Tests of the sans-I/O ends."""
