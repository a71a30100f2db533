"""Real packets from a machine to many places at once: a TCP connection, or a ping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from homelab.machine import Machine

Seen = Literal["open", "refused", "blocked"]
# A packet that is refused arrived: the policy let it through, and nothing listens there.
SCRIPT = """\
limit=$1; shift; n=0
for where in "$@"; do
  {
    case $where in
      */*) said=$(timeout "$limit" bash -c 'exec 3<>"/dev/tcp/$0"' "$where" 2>&1) ;;
      *) said=$(timeout "$limit" ping -n -c 1 "$where" 2>&1) ;;
    esac
    echo "$n $? $(echo "$said" | grep -c refused)"
  } &
  n=$((n + 1))
done
wait
"""


def command(places: Sequence[tuple[str, int]], seconds: float) -> list[str]:
    """Try every (host, port) at once, port 0 by ping, each for `seconds`."""
    return ["bash", "-c", SCRIPT, "probe", f"{seconds:g}", *(f"{h}/{p}" if p else h for h, p in places)]


def probe(machine: Machine, places: Sequence[tuple[str, int]], seconds: float) -> list[Seen]:
    """What became of a packet to each of `places` (host, port; port 0 is a ping), in their order.

    Raises:
        CommandFailed: the machine has no bash.
    """
    if not places:
        return []
    said = machine.run(command(places, seconds), timeout=30 + seconds).ok().out
    found: dict[int, Seen] = {}
    for line in said.splitlines():
        n, rc, refused = (int(word) for word in line.split())
        found[n] = "open" if rc == 0 else "refused" if refused else "blocked"
    return [found[n] for n in range(len(places))]
