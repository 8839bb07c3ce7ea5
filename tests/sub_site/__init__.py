"""Tests of sub_site."""
