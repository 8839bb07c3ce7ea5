"""Tests of main_site.pricing."""
