"""The lab: a disposable, offline tailnet on one Linux machine.

A program of its own. The rest of the library reaches it through its socket and
``python -m homelab.lab`` only.
"""
