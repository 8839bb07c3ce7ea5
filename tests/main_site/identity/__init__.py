"""Tests of `main_site.identity`."""
