"""Live links: hub, WebSocket pumps, dialer, WebRTC peers, relay.  Knows the room, never the archive."""
