"""Real packets from a machine to many places at once: a TCP connection, or a ping."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Literal

from homelab.machine import Machine
from homelab.reach.device_seat import DeviceSeat

Seen = Literal["open", "refused", "blocked"]
# A packet that is refused arrived: the policy let it through, and nothing listens there.
SCRIPT = """\
limit=$1 client=$2; shift 2; n=0
send() {
  host=${1%/*} port=${1##*/}
  case $client,$1 in
    ,*/*) timeout "$limit" bash -c 'exec 3<>"/dev/tcp/$0"' "$1" ;;
    ,*) timeout "$limit" ping -n -c 1 "$1" ;;
    *,*/*) timeout "$limit" $client nc "$host" "$port" ;;
    *) timeout "$limit" $client ping --icmp -c 1 --timeout="${limit}s" "$1" ;;
  esac </dev/null 2>&1
}
for where in "$@"; do
  { said=$(send "$where"); echo "$n $? $(echo "$said" | grep -c refused)"; } &
  n=$((n + 1))
done
wait
"""
ENTER = 0.4  # seconds that it takes to start a program in a container


def command(places: Sequence[tuple[str, int]], seconds: float, client: Sequence[str] = ()) -> list[str]:
    """Try every (host, port) at once, port 0 by ping, each for `seconds`; `client` is a device's ``tailscale``."""
    words = [f"{host}/{port}" if port else host for host, port in places]
    limit = f"{seconds + ENTER if client else seconds:g}"
    return ["bash", "-c", SCRIPT, "probe", limit, shlex.join(client), *words]


def probe(machine: Machine, places: Sequence[tuple[str, int]], seconds: float) -> list[Seen]:
    """What became of a packet to each of `places` (host, port; port 0 is a ping), in their order.

    Raises:
        CommandFailed: the machine has no bash.
    """
    if not places:
        return []
    if isinstance(machine, DeviceSeat):
        argv = command(places, seconds, [*machine.enter, *machine.client])
        done = machine.machine.run(argv, timeout=30 + seconds)
    else:
        done = machine.run(command(places, seconds), timeout=30 + seconds)
    found: dict[int, Seen] = {}
    for line in done.ok().out.splitlines():
        n, rc, refused = (int(word) for word in line.split())
        found[n] = "open" if rc == 0 else "refused" if refused else "blocked"
    return [found[n] for n in range(len(places))]
