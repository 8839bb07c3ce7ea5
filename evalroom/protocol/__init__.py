"""Sans-I/O ends of the signalling protocol: messages, outbox, feed.  Sockets and clocks stay outside."""
