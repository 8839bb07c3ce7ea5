"""How long tests wait for what must come."""

PATIENCE_S = 60.0
"""Long: it is spent only where something never comes.  On two cores shared with three busy others a connection that takes 0.3 s took nine."""
