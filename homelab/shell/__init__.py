"""Shells by Tailscale SSH: a session, a keyboard for it, and its recordings."""
