"""The second day: which release runs and which one is offered, backups, and putting them back."""
