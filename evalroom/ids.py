"""Identifiers of the trade, each a type of its own so that a seat never passes for a site.

A sealed bid has a number (32 hex digits, drawn by its bidder) before it has an id on the sheets.  Identifiers name files, tracks and log origins; `check_name` is the only gate they pass.  It refuses
anything that could leave a folder, collide without case, or break a signed note's line.
"""

import re
from typing import NewType

from evalroom.errors import MalformedName

SessionId = NewType("SessionId", str)
SiteId = NewType("SiteId", str)
SeatCode = NewType("SeatCode", str)
LotId = NewType("LotId", str)
BidId = NewType("BidId", str)
BidNumber = NewType("BidNumber", str)
ItemId = NewType("ItemId", str)
CommandId = NewType("CommandId", str)
TrackId = NewType("TrackId", str)
DrawId = NewType("DrawId", str)

HOST_ACTOR = "host"
"""Actor of entries that the host's own writer makes; never a seat code."""

NODE_ACTOR = "node"
"""Actor of what a site's node saw, and the name of its own feed; never a seat code."""

BIDDER_ACTOR = "bidder"
"""Actor of what a bidder does through the host; the entry's body names the sealed bid.  Never a seat code."""

TRUSTEE_ACTOR = "trustee"
"""Actor of what a trustee's agent does through the host; the entry's body names the trustee.  Never a seat code."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")


def check_name(name: str) -> str:
    """Return `name` when it may name a site, seat, lot, bid, item or session.

    ASCII letters, digits, `_`, `.` and `-`, at most 64 characters, beginning with a letter or digit, not
    ending in `.` (Windows drops it) or `-`, and never holding `..`.

    Raises:
        MalformedName: for anything else.
    """
    if ".." in name or not _NAME.fullmatch(name):
        raise MalformedName(name=name[:80])
    return name


def track_id(site: SiteId, seat: SeatCode, kind: str) -> TrackId:
    """Return the track id `<site>-<seat>/<kind>` that the archive uses as a path (archive.md §13)."""
    return TrackId(f"{site}-{seat}/{kind}")
