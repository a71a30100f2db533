"""10, gotchas: two clients on one computer, a broker that the house cannot reach, a hole for large packets, long ways."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from homelab import labsocket, needs
from homelab.errors import HomelabError, ParamsError, Problem, WaitTimeout, nearest
from homelab.lab_machine import LabMachine
from homelab.params import Strict
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import (
    device,
    firewall_rule,
    forward,
    link,
    mss_clamp,
    nic_mtu,
    portproxy,
    tunnel_mtu,
    windows_tailscale,
)
from homelab.stages import services
from homelab.vantage import Nobody, seat
from homelab.wait import until
from homelab.wsl import where
from homelab.wsl.interop import Unknown

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "10_gotchas"
WINDOWS, WSL_NETWORK, HOME_NETWORK = "windows", "wsl", "home_lan"  # in the lab's topology
NARROW, WIDE = (
    1280,
    1500,
)  # bytes: what reports see in WSL beside a client on Windows, and an ordinary network
TUNNEL, SEGMENT = 1200, 1100  # bytes: what fits through the narrow one, as a packet and as TCP's share of it
BROKER = services.Params.model_validate({"services": ["mosquitto"]})  # what 04 makes of it, and nothing else
NEWS = 3.0  # seconds until the machines page knows who has logged out
PLANKS = ("forward", "portproxy", "firewall_rule")
ONLY_THE_LAB = Plan(STAGE, notes=("A demonstration: it runs where nothing can be harmed, in the lab.",))
MIRRORED = (
    "WSL mirrors Windows' network: no portproxy, and no address that moves. The home gets in through the Hyper-V "
    "firewall instead: New-NetFirewallHyperVRule -DisplayName '{rule}' -Direction Inbound -Protocol TCP -LocalPorts "
    "{port} -VMCreatorId '{{40E0AC32-46A5-438A-A0B2-2B479E8F2E90}}'"
)


class Params(Strict):
    """`target` is the device behind the bridge, host:port (empty: port `port` of WSL itself).

    `port` is where Windows listens for the home, `inner` where WSL takes it over, `device` (a role) who must
    get in. `experiments` adds the long ones.
    """

    target: str = "mqtt:1883"
    port: int = Field(1883, ge=1, le=65535)
    inner: int = Field(11883, ge=1, le=65535)
    device: str = Field("iot", min_length=1)
    experiments: bool = False

    @field_validator("target")
    @classmethod
    def _is_target(cls, value: str) -> str:
        if value and not (forward.TARGET.match(value) and 0 < int(value.rpartition(":")[2]) < 65536):
            raise ValueError("must be host:port, such as mqtt:1883, or empty")
        return value

    @model_validator(mode="after")
    def _is_no_circle(self) -> Params:
        if self.target in (f"localhost:{self.inner}", f"127.0.0.1:{self.inner}"):
            raise ValueError(f"{self.target} leads to itself: inner is the port that leads there")
        return self

    @property
    def to_port(self) -> int:
        """The port of WSL that Windows leads to."""
        return self.inner if self.target else self.port

    @property
    def rule(self) -> str:
        """The name of the firewall's rule."""
        return firewall_rule.named(self.port, self.target.partition(":")[0])


def plan(world: World, wish: Params) -> Plan:
    """All that lasts: in the lab the broker and who is in the tailnet; the bridge from the home to it.

    Raises:
        ParamsError: the lab has no such device.
        HomelabError: a port is taken by something else.
        PrerequisiteMissing: Windows cannot be called.
    """
    if world.lab and wish.device not in world.machines:
        hint = nearest(wish.device, world.machines)
        raise ParamsError([Problem("device", f"no machine of the lab plays {wish.device!r}", hint)])
    machine = services.home(world)
    if isinstance(machine, Nobody):
        return Plan(STAGE, notes=(f"{machine.why}: {machine.hint}.",))
    first: list[Change] = []
    if world.lab:
        first += needs.missing(world, [needs.joined(r) for r in ("router", "router2") if r in world.machines])
        first += services.plan(world, BROKER).changes
    last = bridge(machine, wish)
    return planned(STAGE, first, last.changes, notes=last.notes)


def foundations(plan: Plan) -> Plan:
    """What `plan` wants before the bridge itself."""
    return Plan(plan.stage, tuple(c for c in plan if c.resource not in PLANKS), plan.notes)


def bridge(machine: Machine, wish: Params) -> Plan:
    """What leads from the home to `target`, as far as it is missing or has drifted; a note where there is nothing to do.

    Raises:
        HomelabError: a port is taken by something else.
        PrerequisiteMissing: Windows cannot be called.
    """
    if isinstance(machine, Nobody):
        return Plan(STAGE)
    signals = where.look(machine)
    verdict = where.judge(signals)
    if verdict.kind != where.WSL2:
        return Plan(STAGE, notes=(f"This is {verdict.kind}: whoever reaches it needs no bridge.",))
    mode = where.networking(signals)
    if not isinstance(mode, Unknown) and mode.mode == where.MIRRORED:
        return Plan(STAGE, notes=(MIRRORED.format(rule=wish.rule, port=wish.port),))
    role, made = machine.name, list[Change]()
    if wish.target:
        now = forward.read(machine, str(wish.inner))
        there = forward.wanted(wish.inner, wish.target, signals.systemd)
        why = f"lead port {wish.inner} of WSL to {wish.target}"
        made += change(role, "forward", now, there, why, name=str(wish.inner))
    leads = portproxy.wanted(portproxy.every(machine), signals.address, wish.port, wish.to_port)
    before = portproxy.read(machine, leads.listen)
    what = (
        "lead port {} of Windows to WSL's address of today"
        if before.connect
        else "lead port {} of Windows into WSL"
    )
    made += change(role, "portproxy", before, leads, what.format(wish.port), name=leads.listen)
    rule = firewall_rule.State(wish.rule, wish.port)
    made += change(role, "firewall_rule", firewall_rule.read(machine, wish.rule), rule, "let the home in", name=wish.rule)  # fmt: skip
    return planned(STAGE, made)


def removed(machine: Machine, wish: Params) -> Plan:
    """Nothing of the bridge is left, whatever WSL's address is by now: the door first.

    Raises:
        HomelabError: a port is somebody else's.
        PrerequisiteMissing: Windows cannot be called.
    """
    if isinstance(machine, Nobody) or where.judge(where.look(machine)).kind != where.WSL2:
        return Plan(STAGE)
    listen, role = f"{portproxy.EVERY}:{wish.port}", machine.name
    rule, leads = firewall_rule.read(machine, wish.rule), portproxy.read(machine, listen)
    made = change(role, "firewall_rule", rule, firewall_rule.State(wish.rule), "shut the door", name=wish.rule) if rule.port else ()  # fmt: skip
    made += change(role, "portproxy", leads, portproxy.State(listen), f"let port {wish.port} of Windows go", name=listen)  # fmt: skip
    if wish.target:
        inner = forward.read(machine, str(wish.inner))
        gone = forward.State(wish.inner)
        made += change(role, "forward", inner, gone, f"let port {wish.inner} of WSL go", name=str(wish.inner))
    return planned(STAGE, made)


def doorbell(world: World) -> str:
    """The address of Windows in the home; empty where it is not known."""
    place = seat(world, WINDOWS)
    if isinstance(place, LabMachine):
        return place.addresses[HOME_NETWORK].partition("/")[0]
    return ""


def restart_wsl(world: World) -> str:
    """End the lab's WSL and start it, as Windows does after an update; the address that it has then.

    Raises:
        HomelabError: it is no lab.
    """
    if not world.lab:
        raise HomelabError(
            "only the lab's WSL is restarted", WINDOWS, "at home: wsl --shutdown, then open a terminal"
        )
    done = labsocket.request(world.lab["socket"], op="wsl", machine=WINDOWS, do="restart")
    return str(done["windows"]["address"]).partition("/")[0]


def broker(world: World) -> Plan:
    """What the broker lacks to run: nothing, unless Docker woke its containers in the wrong order.

    A container that lives in another's network does not start before that one, and Docker does not try
    again: it stays down, with status 255.
    """
    return services.plan(world, BROKER).part("project")


def other_client(world: World, runs: bool) -> Plan:
    """Tailscale's service on Windows, on or off; what `False` plans is the remedy as well.

    Raises:
        PrerequisiteMissing, WaitTimeout: Windows cannot be asked.
    """
    machine = services.home(world)
    if isinstance(machine, Nobody) or where.judge(where.look(machine)).kind != where.WSL2:
        return Plan(STAGE, notes=("No Windows around this machine: one client is all there can be.",))
    now = windows_tailscale.read(machine)
    if not now.there:
        return Plan(STAGE, notes=("Tailscale is not installed on Windows.",))
    start = windows_tailscale.AUTOMATIC if runs else windows_tailscale.MANUAL
    wanted = windows_tailscale.State(True, runs, start)
    if now.running == runs:
        return Plan(STAGE)
    why = "run Tailscale on Windows too" if runs else "run Tailscale in WSL only"
    return planned(STAGE, change(machine.name, "windows_tailscale", now, wanted, why))


def join_windows(world: World) -> Plan:
    """The lab's Windows logs in to the tailnet; its client runs."""
    return planned(STAGE, needs.joined(WINDOWS)(world)) if world.lab else ONLY_THE_LAB


def forget_windows(world: World) -> Plan:
    """The lab's Windows leaves the machines page, once it is logged out."""
    if not world.lab or world.tailnet is None:
        return ONLY_THE_LAB
    tailnet = world.tailnet
    with suppress(
        WaitTimeout
    ):  # the page hears of a logout a moment later; of a client that was killed, never
        until(
            lambda: device.read(tailnet, WINDOWS),
            lambda now: now.expired or not now.there,
            "the logout to be known",
            NEWS,
        )
    now = device.read(tailnet, WINDOWS)
    gone = "remove it from the machines page"
    return planned(STAGE, change("tailnet", "device", now, device.State(False), gone, name=WINDOWS, loses="a new login"))  # fmt: skip


def narrow(world: World, mtu: int = NARROW) -> Plan:
    """WSL's network as reports see it beside a client on Windows: packets of 1280 bytes, and no more."""
    place = seat(world, services.ROLE)
    if not isinstance(place, LabMachine):
        return ONLY_THE_LAB
    now = link.read(place, WSL_NETWORK)
    wanted = dataclasses.replace(now, mtu=mtu)
    return planned(STAGE, change(place.name, "link", now, wanted, f"let no more than {mtu} bytes through", name=WSL_NETWORK))  # fmt: skip


def remedies(machine: Machine) -> dict[str, Plan]:
    """The three remedies for large packets that vanish, each a plan of its own for `machine`, which sends them."""
    nic, role = nic_mtu.way_out(machine), machine.name
    below, tunnel, clamp = nic_mtu.read(machine, nic), tunnel_mtu.read(machine), mss_clamp.read(machine)
    smaller = dataclasses.replace(tunnel, mtu=TUNNEL)
    brief = mss_clamp.State(clamp.nic, SEGMENT)
    return {
        f"{nic} at {WIDE}": planned(
            STAGE,
            change(role, "nic_mtu", below, nic_mtu.State(nic, WIDE), "widen the network below", name=nic),
        ),
        f"TS_DEBUG_MTU={TUNNEL}": planned(
            STAGE, change(role, "tunnel_mtu", tunnel, smaller, "take smaller packets into the tunnel")
        ),
        f"segments of {SEGMENT}": planned(
            STAGE, change(role, "mss_clamp", clamp, brief, "have TCP send smaller pieces", name=clamp.nic)
        ),
    }
