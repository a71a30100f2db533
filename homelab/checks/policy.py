"""Does the network do what the tailnet's policy says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.tailnet import Tailnet
from homelab.vantage import Nobody, admin

if TYPE_CHECKING:
    from homelab.reach import Reach
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
    evidence = f"{arrived} of {len(judged)} ways are open and {len(judged) - arrived} are blocked, each as the policy says"
    return Answer(name, vantage.name, "ok", evidence)
