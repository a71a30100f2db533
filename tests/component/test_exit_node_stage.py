"""The exit node's chapter in a lab: shown is done, what is refused, what routers see, the kill, and all taken back."""

from __future__ import annotations

import time

import pytest
from exercises import is_solved

from homelab import needs
from homelab.checks import exit_node as exits
from homelab.checks import path, reach
from homelab.errors import HomelabError
from homelab.plan import plan as planned
from homelab.resources import approval, ip_forward, meter, policy, prefs
from homelab.routing import exit_nodes
from homelab.stages import exit_node, exit_node_view
from homelab.wait import until

WISH = exit_node.Params()
FLAT, HOME, SWEDEN, TARGET = "203.0.113.20", "203.0.113.10", "203.0.113.90", "203.0.113.50"


def states(world) -> list[object]:
    return [
        ip_forward.read(world["tequila"]),
        prefs.read(world["tequila"]),
        prefs.read(world["phone"]),
        approval.read(world.tailnet, "tequila"),
        policy.read(world.tailnet),
        meter.read(world["flat_router"]),
    ]


def ok(*answers) -> None:
    assert [a for a in answers if a.status != "ok"] == []


@pytest.fixture(scope="module")
def fresh(world):
    """The states before anything was done; both nodes are in the tailnet."""
    world.apply(planned("test", needs.missing(world, [needs.joined("phone"), needs.joined("tequila")])))
    return states(world)


@pytest.mark.parametrize(
    "text", [None, "net.ipv4.ip_default_ttl = 64\nnet.ipv4.ip_forward = 0\n", "net.ipv4.ip_forward = 1\n"]
)
def test_forwarding_shown_and_done(world, typed, text) -> None:
    router = world["iot"]
    if text:
        router.write_text(ip_forward.FILE, text)
    was = ip_forward.read(router)
    wanted = ip_forward.on(was)
    ip_forward.do(router, was, wanted)
    assert ip_forward.read(router) == wanted
    ip_forward.do(router, wanted, was)
    assert ip_forward.read(router) == was
    typed("iot", ip_forward.command(was, wanted))
    assert ip_forward.read(router) == wanted
    typed("iot", ip_forward.command(wanted, was))
    assert ip_forward.read(router) == was


def test_meter_shown_and_done(world, typed) -> None:
    router, off = world["flat_router"], meter.State()
    on = meter.State("eth0", 4711)
    meter.do(router, off, on)
    assert meter.read(router) == on
    meter.do(router, on, off)
    typed("flat_router", meter.command(off, on))
    assert meter.read(router) == on
    assert meter.counts(router) == meter.Counts()
    typed("flat_router", meter.command(on, off))
    assert meter.read(router) == off
    with pytest.raises(HomelabError, match="no meter"):
        meter.counts(router)


def test_before_the_chapter_its_checks_fail(world, fresh) -> None:
    phone = world["phone"]
    answers = [
        exits.forwards(world["tequila"]),
        exits.may_choose(phone, "tequila", seconds=0.2),
        exits.suggests(phone, "tequila", seconds=0.2),
        exits.leaves_by(phone, HOME, seconds=0.2),
        exits.asks_names_by(phone, HOME, seconds=0.2),
        exits.stands_still(phone, TARGET),
        exits.nothing_in_the_clear(world["flat_router"], meter.Counts()),
    ]
    assert [a.name for a in answers if a.status != "fail"] == []
    assert "does not offer itself" in exit_node.why_not(world, WISH, "tequila")


def test_offered_is_not_approved(world, fresh) -> None:
    plan = exit_node.plan(world, WISH)
    assert [c.resource for c in plan] == ["ip_forward", "prefs", "approval"]
    world.apply(plan.part("ip_forward", "prefs"))
    until(
        lambda: approval.read(world.tailnet, "tequila").offered,
        lambda seen: set(prefs.EVERYWHERE) <= set(seen),
        "the offer",
    )
    assert "nobody approved it" in exit_node.why_not(world, WISH, "tequila")
    told = prefs.read(world["phone"])
    with pytest.raises(HomelabError, match="nobody approved it"):
        exit_node.use(world, WISH, "tequila")
    assert prefs.read(world["phone"]) == told
    world.apply(exit_node.plan(world, WISH))
    ok(exits.forwards(world["tequila"]), exits.may_choose(world["phone"], "tequila"))
    ok(exits.suggests(world["phone"], "tequila"))
    assert not exit_node.plan(world, WISH), "a second time there is nothing to do"


@pytest.fixture
def through(world, fresh):
    """The phone goes out by tequila, and both routers are metered."""
    world.apply(exit_node.plan(world, WISH))
    metered = exit_node.meters(world, {"flat_router": "phone", "home_router": "tequila"})
    world.apply(metered)
    ok(exits.may_choose(world["phone"], "tequila"))
    world.apply(exit_node.use(world, WISH, "tequila"))
    yield
    world.apply(exit_node.use(world, WISH, ""))
    world.apply(metered.inverse())
    ok(exits.leaves_by(world["phone"], FLAT), exits.asks_names_by(world["phone"], FLAT))


def test_out_by_the_home_and_back(world, through) -> None:
    phone, flat, home = world["phone"], world["flat_router"], world["home_router"]
    assert not exit_node.use(world, WISH, "tequila")
    ok(exits.leaves_by(phone, HOME), exits.asks_names_by(phone, HOME))
    ok(path.goes_direct(phone, "tequila"))
    before, there = meter.counts(flat), meter.counts(home)
    ok(
        exits.leaves_by(phone, HOME),
        exits.asks_names_by(phone, HOME),
        reach.unreachable(phone, "192.168.88.1"),
    )
    ok(exits.nothing_in_the_clear(flat, before), exits.goes_in_the_clear(home, there))
    assert (meter.counts(flat) - before).tunnel > 0
    with_lan = exit_node.use(world, WISH, "tequila", lan=True)
    world.apply(with_lan)
    ok(reach.reaches(phone, "192.168.88.1"), exits.leaves_by(phone, HOME))
    world.apply(with_lan.inverse())
    ok(reach.unreachable(phone, "192.168.88.1"))


def test_killed_it_stands_still_and_comes_back(world, through) -> None:
    phone, flat = world["phone"], world["flat_router"]
    ok(exits.leaves_by(phone, HOME))
    before = meter.counts(flat)
    exit_node.kill(world, "tequila")
    try:
        ok(exits.stands_still(phone, TARGET), exits.nothing_in_the_clear(flat, before))
        assert "offline" in exit_node.why_not(world, WISH, "tequila")
        since = time.monotonic()
    finally:
        exit_node.revive(world, "tequila")
    ok(exits.comes_back(phone, HOME, since))


def test_the_meter_notices_a_leak(world, through) -> None:
    """Without its own client the phone goes out as it always did: what the chapter warns of, and the meter sees."""
    phone, flat = world["phone"], world["flat_router"]
    before = meter.counts(flat)
    phone.stop("tailscaled", signal=9)
    try:
        assert exits.stands_still(phone, TARGET).status == "fail"
        assert exits.nothing_in_the_clear(flat, before).status == "fail"
    finally:
        phone.start("tailscaled")
    ok(
        exits.leaves_by(phone, HOME, seconds=20)
    )  # the tunnel's keys are agreed anew: 5 s where a packet is lost


def test_a_rented_one(world, through) -> None:
    phone = world["phone"]
    exit_node.provider(world, WISH.rented)
    exit_node.provider(world, WISH.rented)  # twice is as good as once
    assert "no node called" in exit_node.why_not(world, WISH, WISH.rented)
    rents = exit_node.rent(world)
    world.apply(rents)
    ok(exits.may_choose(phone, WISH.rented), exits.suggests(phone, "tequila"))
    assert exit_node_view.choices(phone).rows[-1][1:3] == ("Stockholm", "Sweden")
    moved = exit_node.use(world, WISH, WISH.rented)
    world.apply(moved)
    ok(exits.leaves_by(phone, SWEDEN), exits.asks_names_by(phone, SWEDEN))
    assert not exit_node.use(world, WISH, WISH.rented)
    world.apply(moved.inverse())
    ok(exits.leaves_by(phone, HOME))
    world.apply(rents.inverse())
    ok(exits.may_not_choose(phone, WISH.rented))
    assert exits.may_not_choose(phone, "tequila", seconds=0.2).status == "fail"
    world["se_sto_wg_001"].stop("tailscaled")


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, fresh) -> None:
    is_solved(world, "06.1")


def test_all_of_it_is_taken_back(world, fresh) -> None:
    done = [c for c in world.journal.way_back() if c.resource not in ("login", "client")]
    world.apply(planned("test", done))
    assert states(world) == fresh
    assert exit_nodes.offered(world["phone"]) == []
