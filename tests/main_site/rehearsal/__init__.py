"""Tests of `main_site.rehearsal`."""
