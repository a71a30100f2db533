"""A lab in which a daemon was ended says so, and what starts it; a command that meets one says it too."""

from __future__ import annotations

from homelab.errors import CommandFailed
from homelab.lab_idle import told


def test_what_does_not_run_is_said_with_what_starts_it() -> None:
    status = {
        "machines": {"phone": {"services": {"tailscaled": "running"}}, "router": {"services": {"tailscaled": "not running"}}, "db": {}}
    }  # fmt: skip
    assert told(status) == " Not running in it: tailscaled on router; `./runbook lab up` starts what should."
    assert told({"machines": {"phone": {"services": {"tailscaled": "running"}}}}) == ""
    assert told(None) == told({}) == ""


def test_a_command_that_finds_no_daemon_says_how_to_have_one() -> None:
    said = "failed to connect to local tailscaled; it doesn't appear to be running (sudo systemctl start tailscaled ?)"
    assert "./runbook lab up" in CommandFailed(["tailscale", "up"], 1, err=said).hint
