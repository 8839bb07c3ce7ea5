"""The host application: the only writer of the journal, and the composition root of the host site."""

from importlib.metadata import version

SOFTWARE = f"evalroom {version('evalroom')}"
"""What stands in a session's first entry and in its archive."""
