"""Tests of main_site."""
