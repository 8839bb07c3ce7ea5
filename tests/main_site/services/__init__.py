"""Tests of `main_site.services`."""
