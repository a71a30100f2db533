"""06, exit node: a machine of yours becomes the way out, another takes it, and what happens when it is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from homelab import needs
from homelab.errors import HomelabError, ParamsError, Problem, nearest
from homelab.lab_machine import LabMachine
from homelab.params import Roles, Strict
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import policyfile
from homelab.record import say
from homelab.resources import approval, ip_forward, login, meter, policy, prefs
from homelab.routing import exit_nodes
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "06_exit_node"
NO_KEY = (
    "Approving takes an admin API key (api_key in the params file), or you: on the machines page, … → "
    "Edit route settings → Use as exit node."
)
DEMONSTRATION = Plan(STAGE, notes=("A demonstration: it runs where nothing can be harmed, in the lab.",))
ONLY_THE_LAB = "Only the lab's machines are cut off, killed and metered."
RENTED = re.compile(r"^[a-z]{2}-[a-z]{3}-wg-\d{3}$")
WHO_RENTS = "autogroup:member"
SOCKET = re.compile(r":(\d+)\s")


class Params(Strict):
    """`exit_node` is the machine (its role) that becomes the way out, `traveller` the one that takes it.

    `rented` is a VPN provider's exit node, as Mullvad's are called; `experiments` adds the long ones.
    """

    exit_node: str = Field("tequila", min_length=1)
    traveller: str = Field("phone", min_length=1)
    rented: str = "se-sto-wg-001"
    experiments: bool = False

    @field_validator("rented")
    @classmethod
    def _is_rented(cls, value: str) -> str:
        if value and not RENTED.match(value):
            raise ValueError("must be a server's short name such as se-sto-wg-001, or empty")
        return value

    @model_validator(mode="after")
    def _are_two(self) -> Params:
        if self.exit_node == self.traveller:
            raise ValueError(
                f"{self.traveller!r} cannot be its own way out: exit_node and traveller must differ"
            )
        return self


def problems(wish: Params, roles: Roles) -> list[Problem]:
    """Machines that nobody plays, said before anything starts; at home the rented one is the provider's business."""
    usual = Params.model_construct()
    found = roles.missing("exit_node", [wish.exit_node], [usual.exit_node])
    found += roles.missing("traveller", [wish.traveller], [usual.traveller])
    if roles.lab and wish.rented:
        server = wish.rented.replace("-", "_")
        found += roles.missing("rented", [server], [usual.rented.replace("-", "_")])
    return found


def plan(world: World, wish: Params) -> Plan:
    """All that lasts: both in the tailnet, and the exit node forwards, offers itself, and is approved.

    Raises:
        ParamsError: the lab has no such machines.
    """
    if world.lab:
        _known(world, wish)
    role = wish.exit_node
    there = [r for r in (role, wish.traveller) if r in world.machines]
    changes: list[Change] = [*needs.missing(world, [needs.joined(r) for r in there])]
    if role not in there:
        return planned(STAGE, changes, notes=(f"No machine plays {role!r} here: nothing to offer.",))
    place = world[role]
    forward, told = ip_forward.read(place), prefs.read(place)
    changes += change(role, "ip_forward", forward, ip_forward.on(forward), "pass on packets of others")
    changes += change(
        role, "prefs", told, replace(told, advertise_exit_node=True), "offer itself as an exit node"
    )
    if world.tailnet is None:
        return planned(STAGE, changes, notes=(NO_KEY,))
    name = called(world, role)
    now = approval.read(world.tailnet, name)
    every = tuple(sorted({*now.approved, *prefs.EVERYWHERE}))
    changes += change("tailnet", "approval", now, replace(now, approved=every), f"approve {name} as an exit node", name=name)  # fmt: skip
    return planned(STAGE, changes)


def called(world: World, role: str) -> str:
    """The name in the tailnet of the machine that plays `role`; the one it will get where it is not in yet."""
    place = seat(world, role)
    found = "" if isinstance(place, Nobody) else str(login.read(place).hostname)
    return found or needs.default_name(role)


def _known(world: World, wish: Params) -> None:
    roles = {
        "exit_node": wish.exit_node,
        "traveller": wish.traveller,
        "rented": wish.rented.replace("-", "_"),
    }
    problems = [
        Problem(name, f"no machine of the lab plays {role!r}", nearest(role, world.machines))
        for name, role in roles.items()
        if role and role not in world.machines
    ]
    if problems:
        raise ParamsError(problems)


def use(world: World, wish: Params, name: str, lan: bool = False) -> Plan:
    """The traveller goes out by the exit node `name`, or by its own way again if `name` is empty.

    `lan` leaves it the network that it stands in.

    Raises:
        HomelabError: that exit node cannot be chosen; see `exit_nodes.chosen`.
    """
    place = seat(world, wish.traveller)
    if isinstance(place, Nobody):
        return Plan(STAGE, notes=(f"{place.why}: nobody to travel.",))
    now = prefs.read(place)
    if not name:
        wanted, why = (
            replace(now, exit_node="", exit_node_allow_lan_access=False),
            "go out by its own way again",
        )
    else:
        found = exit_nodes.chosen(place, name, world.tailnet)
        wanted = replace(now, exit_node=found, exit_node_allow_lan_access=lan)
        why = f"go out by {found}{', and keep the LAN' if lan else ''}"
    return planned(STAGE, change(wish.traveller, "prefs", now, wanted, why))


def why_not(world: World, wish: Params, name: str) -> str:
    """Why the traveller cannot choose `name` now, in one sentence and with what to do; empty if it can."""
    try:
        exit_nodes.chosen(seat(world, wish.traveller), name, world.tailnet)
    except HomelabError as error:
        return str(error)
    return ""


def rent(world: World) -> Plan:
    """The members of the tailnet may use the provider's exit nodes: an attribute in the policy.

    Source: https://tailscale.com/kb/1258/mullvad-exit-nodes.
    """
    if world.tailnet is None:
        return Plan(STAGE, notes=("Renting is written into the policy, which takes an admin API key.",))
    now = policy.read(world.tailnet)
    text = policyfile.with_item(now.text, "nodeAttrs", {"target": [WHO_RENTS], "attr": ["mullvad"]})
    return planned(
        STAGE, change("tailnet", "policy", now, policy.State(text), "rent the exit nodes of a provider")
    )


def provider(world: World, name: str) -> None:
    """In the lab the provider's server `name` is switched on; elsewhere it runs, or is not ours to start.

    Raises:
        HomelabError: the lab has no such server.
    """
    role = name.replace("-", "_")
    if world.lab and isinstance(place := world[role], LabMachine):
        place.start("tailscaled")
        say(f"The lab's provider has switched on {name}, a stand-in for a Mullvad server.")


def meters(world: World, routers: dict[str, str]) -> Plan:
    """Count what leaves by each of `routers`: by its role, the role of the node behind it whose tunnel it passes on."""
    changes: list[Change] = []
    for router, node in routers.items():
        place = seat(world, router)
        if not isinstance(place, LabMachine):
            return Plan(STAGE, notes=(ONLY_THE_LAB,))
        wanted = meter.State(way_out(place), tunnel_port(world[node]))
        changes += change(router, "meter", meter.read(place), wanted, "count what goes to the internet")
    return planned(STAGE, changes)


def way_out(router: LabMachine) -> str:
    """The interface of `router` that is on the internet, such as ``eth0``."""
    public = router.addresses["internet"]
    lines = router.run(["ip", "-br", "-4", "addr"]).ok().out.splitlines()
    return next(line.split("@")[0].split()[0] for line in lines if public.partition("/")[0] in line)


def tunnel_port(machine: Machine) -> int:
    """The UDP port by which tailscaled sends its tunnel.

    Raises:
        HomelabError: it has none.
    """
    lines = machine.run(["sudo", "ss", "-4Hulnp"]).out.splitlines()
    found = next((m for line in lines if "tailscaled" in line and (m := SOCKET.search(line))), None)
    if not found:
        raise HomelabError("tailscaled listens on no UDP port", machine.name, "does it run?")
    return int(found[1])


def kill(world: World, role: str) -> None:
    """End tailscaled on the lab's machine `role` as a crash would (SIGKILL): it says goodbye to nobody.

    Raises:
        HomelabError: it is no machine of the lab.
    """
    _lab(world, role).stop("tailscaled", signal=9)


def revive(world: World, role: str) -> None:
    """Start tailscaled on the lab's machine `role` again, as a service manager would."""
    _lab(world, role).start("tailscaled")


def _lab(world: World, role: str) -> LabMachine:
    place = seat(world, role)
    if not isinstance(place, LabMachine):
        raise HomelabError(ONLY_THE_LAB, role)
    return place
