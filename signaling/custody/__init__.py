"""The custody of trustees' keys: one small process per trustee, and the way to talk to it."""
