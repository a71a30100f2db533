"""Whether the tailnet lets a node show things to the whole internet: the button that Funnel wants pressed once.

The page writes the attribute ``funnel`` into the tailnet's policy, for all members or for the node's tags,
and switches HTTPS on. Who edits the policy by hand gets the same.

Source: https://tailscale.com/kb/1223/funnel#requirements-and-limitations
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.tailscale_status import status
from homelab.wait import until

PAGE = "https://login.tailscale.com/f/funnel?node="
NEEDED = ("https", "funnel")
# What the page changes beside: written down where there is an API key to see it, and taken back with the rest.
BESIDE = (("policy", "what the page for Funnel wrote into the policy"),)
PATIENCE = 600.0  # seconds: a person has to find the page, and may have to sign in
STAYS = "the policy keeps the attribute funnel, as the page wrote it"


@dataclass(frozen=True)
class State:
    """Whether Funnel is `given`; `node` is the node's ID, which the page is asked with."""

    given: bool
    node: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str = "") -> State:
    """From the capabilities that the control plane gave the node."""
    me = status(machine).get("Self") or {}
    has = me.get("CapMap") or {}
    return State(all(word in has for word in NEEDED), str(me.get("ID") or ""))


def irreversible(before: State, after: State) -> bool:
    """A button that gives, and none that takes: that is an edit of the policy."""
    return after.given and not before.given


def command(before: State, after: State) -> list[str]:
    """The address that ``tailscale funnel`` prints when it has not been given."""
    return ["xdg-open", f"{PAGE}{before.node or 'NODE_ID'}"]


def do(machine: Machine, before: State, after: State) -> None:
    """Have the person of this world press the button, and wait until the node knows.

    Raises:
        HomelabError: the node is in no tailnet, or the page refuses.
        WaitTimeout: nobody pressed it.
    """
    if not before.node:
        raise HomelabError("it is in no tailnet, so nothing can be allowed", machine.name, "tailscale up")
    page = f"{PAGE}{before.node}"
    machine.person.enable(page)
    until(
        lambda: read(machine).given,
        bool,
        "somebody to allow Funnel",
        PATIENCE,
        hint=f"open {page}, as an admin of the tailnet",
        where=machine.name,
        every=0.1,
    )
