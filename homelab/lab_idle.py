"""Which of the lab's own daemons do not run: who broke off a cell that had ended one on purpose, finds it so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def missing(machine: Mapping[str, Any]) -> list[str]:
    """The lab's own daemons that should run in a machine of the status document and do not."""
    return [name for name, state in machine.get("services", {}).items() if state != "running"]


def told(status: Mapping[str, Any] | None) -> str:
    """A sentence about the daemons of a lab's `status` that should run and do not, and what starts them; or nothing."""
    machines = (status or {}).get("machines", {})
    idle = [f"{name} on {machine}" for machine, document in machines.items() for name in missing(document)]
    return f" Not running in it: {', '.join(idle)}; `./runbook lab up` starts what should." if idle else ""
