"""Watching a home: one look a night, told when something has changed, kept as a page over all runs."""
