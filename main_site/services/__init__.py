"""What the host does for its sessions: the writer of the journal, the notary, links, recordings, archives."""
