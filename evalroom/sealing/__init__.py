"""Sealed bids: suites, dealing, streams, envelopes and their opening.  Keys, files and clocks stay outside."""
