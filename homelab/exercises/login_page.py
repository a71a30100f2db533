"""A worked answer that signs a machine in: the login page's form, sent by curl from the machine itself."""

from __future__ import annotations


def signed_in_by(person: str) -> str:
    """The line in a shell there, after ``tailscale up`` has asked; `person` is an e-mail address."""
    return f"curl -sd login={person} $(tailscale status --json | grep -o 'https://login[^\"]*')"
