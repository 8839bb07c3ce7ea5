"""The host application: the only writer of the journal, and the composition root of the host site."""

from functools import cache


@cache
def software() -> str:
    """Return what stands in a session's first entry and in its archive.

    Asked when it is needed: what tells a version takes three megabytes, and a bidder's command has 64.
    """
    from importlib.metadata import version

    return f"evalroom {version('evalroom')}"
