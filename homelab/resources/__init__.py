"""What the runbook can read and change: one noun a file.

Each module has a frozen dataclass ``State`` and ``read(place, name)``, ``command(before, after)``
and ``do(place, before, after)``. `command` is what a learner would type; `do` runs just that, or
goes through a client library and is proved to lead to the same state.
"""
