"""The archive: capture, reels, bag, verification.  Knows the room, never the live links."""
