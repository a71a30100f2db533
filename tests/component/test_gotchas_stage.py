"""Chapter 10 in a fresh lab: shown and done are the same; the hole, its probe and its remedies; what a broken run leaves."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab import needs
from homelab.checks import detour, mtu, path
from homelab.plan import matches
from homelab.plan import plan as planned
from homelab.resources import ip_rule, mss_clamp, nic_mtu, tunnel_mtu, windows_tailscale
from homelab.stages import gotchas, gotchas_view, gotchas_ways, services
from homelab.stages.gotchas_leftovers import leftovers, mend

ROLES = ("tequila", "phone", "router", "router2")


@pytest.fixture(scope="module")
def members(world):
    """Those who take part are in the tailnet."""
    world.apply(planned("test", needs.missing(world, [needs.joined(role) for role in ROLES])))
    return world


RESOURCES = {
    "nic_mtu": (nic_mtu, "eth0", nic_mtu.State("eth0", 1400)),
    "tunnel_mtu": (tunnel_mtu, "", tunnel_mtu.State(1200)),
    "mss_clamp": (mss_clamp, "tailscale0", mss_clamp.State("tailscale0", 1100)),
    "ip_rule": (ip_rule, "10.20.0.0/24", ip_rule.State("10.20.0.0/24", True)),
    "windows_tailscale": (windows_tailscale, "", windows_tailscale.State(True, True, "Automatic")),
}


@pytest.mark.parametrize("name", RESOURCES)
def test_done_and_typed_lead_to_the_same_both_ways(members, name) -> None:
    module, what, wanted = RESOURCES[name]
    machine, seen = members["tequila"], []
    system = members.lab["socket"]
    for way in ("do", "typed"):
        elevated(system, way == "typed")  # a learner's terminal runs as administrator
        before, path = module.read(machine, what), []
        for old, new in ((before, wanted), (wanted, before)):
            if way == "do":
                module.do(machine, old, new)
            else:
                machine.run(module.command(old, new)).ok()
            path.append(module.read(machine, what))
            assert matches(path[-1], new)
        seen.append(path)
    elevated(system, False)
    assert seen[0] == seen[1]


def elevated(socket: str, yes: bool) -> None:
    from homelab import labsocket

    admin = {"admin": "elevated" if yes else "asked"}
    labsocket.request(socket, op="windows", machine="windows", set=admin)


@pytest.mark.nightly
def test_the_hole_is_found_and_each_remedy_fills_it(members) -> None:
    phone, tequila = members["phone"], members["tequila"]
    before = gotchas_view.traces(members)
    assert path.goes_direct(phone, "tequila").status == "ok", "the search is about the direct way"
    assert mtu.large_answers_arrive(phone, tequila, "tequila").status == "ok"
    narrow = gotchas.narrow(members)
    members.apply(narrow)
    seen = mtu.transfer(tequila, phone, "tequila", patience=1.5)
    assert mtu.only_large_answers_stall(phone, tequila, seen).status == "ok"
    assert mtu.large_answers_arrive(phone, tequila, "tequila", seen).status == "fail"
    assert mtu.search(phone, "tequila", 1280) == 1216
    for name, remedy in gotchas.remedies(tequila).items():
        members.apply(remedy)
        assert path.goes_direct(phone, "tequila").status == "ok"
        assert mtu.large_answers_arrive(phone, tequila, "tequila").status == "ok", name
        members.apply(remedy.inverse())
    members.apply(narrow.inverse())
    assert mtu.carries_full_packets(phone, "tequila").status == "ok"
    assert gotchas_view.nothing_left(tequila, before, gotchas_view.traces(members)).status == "ok"


def test_the_detour_and_its_remedy(members) -> None:
    second, neighbour = members["router2"], gotchas_ways.neighbour(members)
    before = gotchas_view.traces(members)
    assert detour.goes_straight(second, neighbour).status == "ok"
    accepts = gotchas_ways.detour(members)
    members.apply(accepts)
    assert detour.goes_round(second, neighbour, gotchas_ways.carrier(members)).status == "ok"
    assert detour.goes_straight(second, neighbour).status == "fail"
    rule = gotchas_ways.own_lan_first(second)
    members.apply(rule)
    assert detour.goes_straight(second, neighbour).status == "ok"
    for plan in (rule, accepts):
        members.apply(plan.inverse())
    assert gotchas_view.nothing_left(second, before, gotchas_view.traces(members)).status == "ok"


def test_an_exercise_is_done_when_its_worked_answer_was_typed(members) -> None:
    is_solved(members, "10.2")


def test_what_an_interrupted_run_leaves_is_taken_back(members) -> None:
    before = gotchas_view.traces(members)
    assert not leftovers(members), "nothing was interrupted"
    for plan in (gotchas.other_client(members, True), gotchas.narrow(members)):
        members.apply(plan)
    members.apply(gotchas.join_windows(members))
    for name in ("mss_clamp", "tunnel_mtu"):
        module, what, wanted = RESOURCES[name]
        module.do(members["tequila"], module.read(members["tequila"], what), wanted)
    members.apply(gotchas_ways.nat(members, "flat_router", "symmetric"))
    members.apply(gotchas_ways.own_lan_first(members["router2"]))
    left = gotchas_view.nothing_left(members["tequila"], before, gotchas_view.traces(members))
    assert left.status == "fail"
    for word in ("mtu of", "mangle of", "rules of", "settings of", "clients of", "link of", "machines page"):
        assert word in left.evidence, word
    mend(members, gotchas.Params())
    after = gotchas_view.traces(members)
    assert gotchas_view.nothing_left(members["tequila"], before, after).evidence.startswith(f"{len(after)} ")


def test_a_broker_that_docker_woke_too_early_is_started(world) -> None:
    """What a busy morning does by chance: the container in its sidecar's network is down, the sidecar is not."""
    machine = world["tequila"]
    services.supply(world, gotchas.BROKER)
    world.apply(services.plan(world, gotchas.BROKER))
    assert not gotchas.broker(world)
    machine.run(["docker", "kill", "mosquitto-mosquitto-1"]).ok()
    asleep = gotchas.broker(world)
    assert [c.resource for c in asleep] == ["project"]
    world.apply(asleep)
    assert not gotchas.broker(world)
