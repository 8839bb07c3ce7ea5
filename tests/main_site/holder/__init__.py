"""Tests of `main_site.holder`."""
