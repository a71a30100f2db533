"""Does a program run on this machine itself, and not in a container or another lab whose processes it sees?

Whoever looks from outside into a PID namespace sees its processes with more than one number: `NSpid` in
/proc/PID/status, which everybody may read (proc_pid_status(5)).
"""

from __future__ import annotations

from homelab.machine import Machine


def question(program: str) -> str:
    """The shell's question; it ends with status 0 where `program` runs."""
    statuses = f"$(pidof {program} | sed 's|[0-9][0-9]*|/proc/&/status|g')"
    return f"cat /dev/null {statuses} 2>/dev/null | grep -q '^NSpid:[[:blank:]]*[0-9]*$'"


def runs(machine: Machine, program: str) -> bool:
    """Whether `program` runs on `machine` itself."""
    return bool(machine.run(["sh", "-c", question(program)]))
