"""Whoever holds an archive key: making it, and reading a document years after the opening from the archive alone."""
