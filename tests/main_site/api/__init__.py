"""Tests of `main_site.api`."""
