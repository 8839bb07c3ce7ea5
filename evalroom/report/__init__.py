"""The report of a lot: its data made from the journal, its checks, and how it stands with those who sign it."""
