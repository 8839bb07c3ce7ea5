"""What the host keeps in its database: the journal, checkpoints, sites and the operator's cookies."""
