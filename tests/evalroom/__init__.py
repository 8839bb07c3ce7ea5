"""Tests of evalroom."""
