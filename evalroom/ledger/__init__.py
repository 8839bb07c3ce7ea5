"""The ledger: canonical entries, their Merkle tree, signed checkpoints, witnesses and proofs."""
