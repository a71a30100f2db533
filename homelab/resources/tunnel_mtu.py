"""How large a packet Tailscale takes into the tunnel: ``TS_DEBUG_MTU``, which tailscaled reads when it starts.

1280 bytes by default, to which WireGuard, UDP and IPv4 add 60: the network below must carry 1340. A debug
variable, as its name says: Tailscale promises nothing for it.

Source: https://github.com/tailscale/tailscale/blob/v1.102.5/net/tstun/mtu.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources import tailscale_status
from homelab.wait import until

FILE = "/etc/default/tailscaled"  # systemd's unit names it as its EnvironmentFile
DEFAULT = 1280
LINE = re.compile(r"^TS_DEBUG_MTU=['\"]?(\d+)['\"]?\s*$", re.MULTILINE)
BACK = 10.0  # seconds until a restarted tailscaled is in its tailnet again


@dataclass(frozen=True)
class State:
    """The `mtu` that the file asks for (None: tailscaled's own, 1280); `systemd` restarts it there."""

    mtu: int | None = None
    systemd: bool = field(default=False, compare=False, metadata={"show": False})


def read(machine: Machine, name: str = "") -> State:
    """From the file; the last line counts."""
    found = LINE.findall(machine.read_text(FILE) or "")
    return State(int(found[-1]) if found else None, bool(machine.run(["test", "-d", "/run/systemd/system"])))


def command(before: State, after: State) -> list[str]:
    """Edit the file, its other lines kept, and restart tailscaled."""
    lines = []
    if before.mtu:
        # Where the line was alone, the file was ours.
        lines.append(f"sudo sed -i '/^TS_DEBUG_MTU=/d' {FILE} && {{ [ -s {FILE} ] || sudo rm {FILE}; }}")
    if after.mtu:
        lines.append(f"echo TS_DEBUG_MTU={after.mtu} | sudo tee -a {FILE} >/dev/null")
    systemd = before.systemd or after.systemd
    lines.append("sudo systemctl restart tailscaled" if systemd else "sudo service tailscaled restart")
    return ["sh", "-c", " &&\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the node is in its tailnet again.

    Raises:
        HomelabError: there is no tailscaled.
        CommandFailed: it does not restart.
        WaitTimeout: it does not come back.
    """
    was = tailscale_status.status(machine)["BackendState"]
    if was == tailscale_status.ABSENT:
        raise HomelabError("Tailscale is not installed", machine.name, "see 03_enrollment")
    machine.run(command(before, after)).ok()
    until(
        lambda: str(tailscale_status.status(machine)["BackendState"]),
        lambda now: now == was,
        f"tailscaled to be {was} again",
        BACK,
        hint=f"what does {FILE} say?",
        where=machine.name,
    )
