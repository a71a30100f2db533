"""Which of the lab's own daemons do not run: who broke off a cell that had ended one on purpose, finds it so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def told(status: Mapping[str, Any] | None) -> str:
    """A sentence about the daemons of a lab's `status` that should run and do not, and what starts them; or nothing."""
    machines = (status or {}).get("machines", {})
    idle = [
        f"{name} on {machine}"
        for machine, document in machines.items()
        for name, state in (document.get("services") or {}).items()
        if state != "running"
    ]
    return f" Not running in it: {', '.join(idle)}; `./runbook lab up` starts what should." if idle else ""
