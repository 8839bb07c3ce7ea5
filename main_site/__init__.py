"""The host application: the only writer of the journal, and the composition root of the host site."""
