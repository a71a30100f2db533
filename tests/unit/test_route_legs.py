"""Legs from pings and the lab's status: which NATs are between, and on which side of the relay."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import status_document

from homelab import route
from homelab.checks.path import Pong


@pytest.fixture
def world(monkeypatch) -> Any:
    status = status_document.of()
    monkeypatch.setattr(route.labsocket, "request", lambda path, op: status)
    return SimpleNamespace(lab={"socket": "x"}, status=status)


RELAYED = Pong(1, "DERP(mad)", 4.2, False)
DIRECT = Pong(2, "203.0.113.10:42989", 1.0, True)


def test_the_last_ping_counts(world) -> None:
    (leg,) = route.legs(world, "phone", "tequila", [RELAYED, DIRECT])
    assert (leg.way, leg.inside) == ("direct", "WireGuard")
    assert leg.through == ("flat_router (NAT)", "home_router (NAT)", "windows (NAT)")
    assert leg.note == "round trip 1 ms, to 203.0.113.10:42989"


def test_a_relay_stands_between_the_near_nats_and_the_far_ones(world) -> None:
    (leg,) = route.legs(world, "phone", "tequila", [RELAYED])
    assert (leg.way, leg.relay, leg.bend) == ("relayed", "relay (DERP mad)", 1)
    (leg,) = route.legs(world, "tequila", "phone", [RELAYED])
    assert leg.bend == 2
    (leg,) = route.legs(world, "phone", "demoserver", [RELAYED])
    assert (leg.through, leg.bend) == (("flat_router (NAT)",), 1)
    (leg,) = route.legs(world, "demoserver", "tequila", [RELAYED])
    assert leg.bend == 0


def test_a_hard_nat_is_called_so(world) -> None:
    status_document.link(world.status, "flat_router", "internet")["nat"] = "symmetric"
    (leg,) = route.legs(world, "phone", "tequila", [RELAYED])
    assert leg.through[0] == "flat_router (symmetric NAT)"


def test_a_device_that_is_no_machine_is_behind_the_address_that_answered(world) -> None:
    (leg,) = route.legs(world, "phone", "quiz", [DIRECT])
    assert (leg.end, leg.through) == ("quiz", ("flat_router (NAT)",))
    (leg,) = route.legs(world, "phone", "quiz", [RELAYED])
    assert leg.through == ()


def test_a_router_of_its_own_subnet_is_no_nat_in_between(world) -> None:
    (leg,) = route.legs(world, "phone", "router", [DIRECT])
    assert leg.through == ("flat_router (NAT)",)
    assert route.plain(world, "router", "db").through == ()


def test_lost_and_unasked(world) -> None:
    (leg,) = route.legs(world, "phone", "tequila", [Pong(1, "", 0.0, False)])
    assert (leg.way, leg.note) == ("lost", "no answer")
    assert route.legs(world, "phone", "tequila", []) == []


def test_what_is_not_the_tailnets(world) -> None:
    leg = route.plain(world, "tequila", "visitor", "TLS", "the server's page")
    assert leg.through == ("windows (NAT)", "home_router (NAT)")
    assert (leg.way, leg.inside, leg.note) == ("plain", "TLS", "the server's page")


def test_at_home_only_the_ends_are_known() -> None:
    (leg,) = route.legs(SimpleNamespace(lab=None), "here", "phone", [DIRECT])  # type: ignore[arg-type]
    assert (leg.start, leg.end, leg.through) == ("here", "phone", ())
