"""Does the network do what the tailnet's policy says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.tailnet import Tailnet
from homelab.vantage import Nobody, admin

if TYPE_CHECKING:
    from homelab.reach import Cell, Reach
    from homelab.world import World

HINT = (
    "does that device shield itself (`tailscale debug prefs`, ShieldsUp), has it a firewall; "
    "does a router or exit node on the way forward packets (`sysctl net.ipv4.ip_forward`)?"
)


@check
def arrives_as_allowed(place: World | Tailnet | Nobody, reach: Reach) -> Answer:
    """Do the packets of `reach` arrive exactly where the policy lets them through?

    Cells of which the policy says nothing, such as a visitor's way to a public page, are not counted.
    """
    name = "packets arrive as the policy says"
    vantage = place if isinstance(place, (Tailnet, Nobody)) else admin(place)
    if isinstance(vantage, Nobody):
        return Answer(name, vantage.name, "skip", vantage.why, vantage.hint)
    judged = [cell for _, _, cell in reach if cell.seen and cell.should is not None]
    if not judged:
        return Answer(name, vantage.name, "skip", "no packet of these is the policy's business")
    if reach.wrong:
        from homelab.pictures.matrix import told

        wrong = "\n".join(told(s.name, t.label, c) for s, t, c in reach.wrong)
        return Answer(name, vantage.name, "fail", wrong, HINT)
    arrived = sum(cell.arrives for cell in judged)
    parts = [
        f"{_ways(arrived)} open" if arrived else "",
        f"{_ways(len(judged) - arrived)} blocked" if arrived < len(judged) else "",
    ]
    evidence = f"{' and '.join(part for part in parts if part)}, as the policy says"
    if silent := [f"{s.name} → {t.label} {_seen(c)}" for s, t, c in reach if c.seen and c.should is None]:
        evidence += f"; the policy says nothing of: {', '.join(silent)}"
    return Answer(name, vantage.name, "ok", evidence)


def _ways(count: int) -> str:
    return f"{count} way{'s are' if count != 1 else ' is'}"


def _seen(cell: Cell) -> str:
    return f"({'arrives' if cell.arrives else 'blocked'})"
