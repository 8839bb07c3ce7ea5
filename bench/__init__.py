"""Benchmarks with their numbers: each module measures one thing against a peer run in the same call."""
