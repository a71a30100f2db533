"""To look from a device of the tailnet that is no machine: a container's sidecar, or a second tailscaled.

Such a node mostly has no tunnel device, so that only its own ``tailscale`` sends packets as that device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from homelab.machine import TIMEOUT, Machine, Result, Watch
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.world import World

FIND = """\
test -S "/run/tailscale-$0.sock" && echo "socket /run/tailscale-$0.sock" && exit
for id in $(docker ps -q 2>/dev/null); do
  docker inspect -f '{{.Config.Hostname}} {{.Name}}' "$id"
done | sed -n "s|^$0 /|container |p" | while read -r kind name; do
  docker exec "$name" tailscale version >/dev/null 2>&1 && echo "$kind $name" && break
done
"""


class DeviceSeat:
    """The device `name` on `machine`: `enter` goes to where its programs are, `client` is its ``tailscale``."""

    def __init__(self, machine: Machine, name: str, enter: Sequence[str], client: Sequence[str]) -> None:
        self.machine, self.name, self.enter, self.client = machine, name, list(enter), list(client)
        self.about = f"the device {name} on {machine.name}"
        self.person, self.pending = machine.person, machine.pending

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        """As `Machine.run`; ``tailscale`` is the device's own."""
        words = [*self.client, *argv[1:]] if argv[0] == "tailscale" else list(argv)
        return self.machine.run([*self.enter, *words], stdin=stdin, timeout=timeout, env=env, watch=watch)

    def read_text(self, path: str) -> str | None:
        """A file of the machine that it runs on."""
        return self.machine.read_text(path)

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file of the machine that it runs on."""
        self.machine.write_text(path, text, mode)


def device_seat(world: World, name: str) -> DeviceSeat | Nobody:
    """The device `name`, looked for on all machines of the world; or `Nobody`."""
    machines = list(world.machines.values())
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda m: m.run(["sh", "-c", FIND, name]).out.split(), machines)
        for machine, found in zip(machines, answers, strict=True):
            match found:
                case ["socket", path]:
                    return DeviceSeat(machine, name, [], ["tailscale", f"--socket={path}"])
                case ["container", container]:
                    return DeviceSeat(machine, name, ["docker", "exec", "-i", container], ["tailscale"])
    return Nobody(name, f"no machine and no container is called {name!r} in this world")
