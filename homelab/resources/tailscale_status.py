"""What tailscaled says of itself, as plain data; the resources read their states from it."""

from __future__ import annotations

import json
from typing import Any

from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine

ABSENT, STOPPED_DAEMON = "not installed", "tailscaled is not running"
# Where no daemon runs, the client would look for it for two seconds. We know where the lab's is; one that
# has just begun is worth them.
IF_THERE = """\
test -S /run/tailscale/tailscaled.sock || pgrep -x tailscaled >/dev/null || {
  command -v tailscale >/dev/null || exit 127
  echo "failed to connect to local tailscaled" >&2; exit 1
}
exec "$@"
"""


def status(machine: Machine) -> dict[str, Any]:
    """``tailscale status --json``; a dictionary with only ``BackendState`` where tailscale does not answer."""
    return ask(machine, ["tailscale", "status", "--json"])


def prefs(machine: Machine) -> dict[str, Any]:
    """``tailscale debug prefs``: what the node was told."""
    return ask(machine, ["tailscale", "debug", "prefs"])


def ask(machine: Machine, argv: list[str]) -> dict[str, Any]:
    """What a tailscale command answers in JSON; only ``BackendState`` where no daemon answers.

    Raises:
        HomelabError: tailscale says something else.
    """
    words = ["sh", "-c", IF_THERE, "sh", *argv] if isinstance(machine, LabMachine) else argv
    done = machine.run(words, timeout=15)
    if done.rc == 127 or ("not found" in done.err and not done.out):
        return {"BackendState": ABSENT}
    if done.out.startswith("{"):
        found: dict[str, Any] = json.loads(done.out)
        return found
    if "failed to connect to local" in done.err or "not running" in done.err:
        return {"BackendState": STOPPED_DAEMON}
    raise HomelabError(f"tailscale says: {done.err.strip() or done.out.strip()}", machine.name)


def peers(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The peers in a status, by name."""
    return sorted((found.get("Peer") or {}).values(), key=lambda p: str(p.get("DNSName", "")))


def owner(found: dict[str, Any]) -> str:
    """Who has signed this node in, by their login; empty for a tagged node, which belongs to nobody."""
    me = found.get("Self") or {}
    user = (found.get("User") or {}).get(str(me.get("UserID")), {})
    return "" if me.get("Tags") else str(user.get("LoginName", ""))


def short_name(node: dict[str, Any]) -> str:
    """The node's first label: ``phone`` of ``phone.snow-burbot.ts.net.``."""
    return str(node.get("DNSName", "")).split(".")[0]


def own_name(found: dict[str, Any], node: dict[str, Any]) -> str:
    """The name by which commands know the node: short in its own tailnet, whole where it is from elsewhere."""
    name = str(node.get("DNSName", "")).rstrip(".")
    suffix = str(found.get("MagicDNSSuffix") or "")
    return name.removesuffix(f".{suffix}") if suffix else name.split(".")[0]
