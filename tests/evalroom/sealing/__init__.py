"""Tests of evalroom.sealing."""
