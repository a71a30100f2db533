"""All that a node shows, as the one file that a container takes (``TS_SERVE_CONFIG``): the JSON of the talk.

``tailscale serve set-raw`` takes it on any node. It checks nothing but the JSON, and ``${TS_CERT_DOMAIN}``
is replaced by whoever sends it; hence `homelab.serve_config`, which reads such a file first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.serve import config
from homelab.resources.tailscale_status import status
from homelab.serve_config import DOMAIN, TOP

NO_NAME = "THE.NODES.NAME"  # shown where the node is not in a tailnet yet


@dataclass(frozen=True)
class State:
    """The configuration as `text` (empty: nothing is shown); `domain` is the node's own full name."""

    text: str
    domain: str = field(default="", compare=False, metadata={"show": False})


def wanted(text: str) -> State:
    """The configuration in `text`, which is good JSON, in the one way that we write it."""
    found = json.loads(text)
    return State(_written(found))


def _written(found: dict[str, Any]) -> str:
    """In the order of the talk's file: what listens, what it leads to, who may come."""
    ordered = {key: found[key] for key in sorted(found, key=lambda k: (TOP.index(k) if k in TOP else 9, k))}
    return json.dumps(ordered, indent=2) + "\n" if found else ""


def read(machine: Machine, name: str = "") -> State:
    """From ``tailscale serve status --json``, with the node's own name taken out again."""
    domain = str((status(machine).get("Self") or {}).get("DNSName") or "").rstrip(".")
    text = _written(config(machine))
    if domain:
        text = re.sub(rf'(?<=["/]){re.escape(domain)}(?=[:"/])', lambda _: DOMAIN, text)
    return State(text, domain)


def difference(before: State, after: State) -> str:
    """The edit as a unified diff; of a first file only its size, for the command holds it all."""
    if not before.text or not after.text:
        return f"{_size(before)} → {_size(after)}"
    old, new = before.text.splitlines(), after.text.splitlines()
    return "\n".join(unified_diff(old, new, "shown now", "wanted", n=2, lineterm=""))


def _size(state: State) -> str:
    return f"{len(state.text.splitlines())} lines of serve configuration" if state.text else "nothing shown"


def command(before: State, after: State) -> list[str]:
    """``set-raw`` with the node's name put in; ``reset`` for nothing."""
    if not after.text:
        return ["sudo", "tailscale", "serve", "reset"]
    put_in = f"sed 's/{DOMAIN}/{before.domain or NO_NAME}/'"
    return ["sh", "-c", f"{put_in} <<'EOF' | sudo tailscale serve set-raw\n{after.text}EOF"]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        HomelabError: the node has no name to put in.
        CommandFailed: tailscale refuses.
    """
    if after.text and not before.domain:
        raise HomelabError("the node has no name yet, which the file wants", machine.name, "tailscale up")
    machine.run(command(before, after)).ok()
