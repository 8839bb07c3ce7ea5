"""The room: rules, protocol and proofs of a remote evaluation; no I/O, no clock, no framework."""
