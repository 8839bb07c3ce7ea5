"""The bidder's own machine: sealing a bid to a file, keeping its keys, and talking to the host that takes bids in."""
