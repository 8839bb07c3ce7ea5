"""Tests of evalroom.pricing."""
