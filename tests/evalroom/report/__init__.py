"""Tests of the report: its data, checks and signatures."""
