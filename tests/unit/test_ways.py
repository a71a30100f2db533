"""A way is what its last pings agree on, and its picture says so in words, in a dash and in a mark, too."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest

from homelab import ways
from homelab.checks.path import Pong
from homelab.errors import CommandFailed
from homelab.machine import Pending
from homelab.pictures.ways import SHOWN, chains
from homelab.pictures.ways import ways as drawn
from homelab.ways import Way

SVG = "{http://www.w3.org/2000/svg}"
DIRECT, LOST = Pong(1, "203.0.113.10:41641", 2.0, direct=True), Pong(1, "", 0.0, direct=False)
RELAYED = Pong(1, "DERP(tor)", 40.0, direct=False)


def machine(**more):
    return {"addresses": {}, "role": "", **more}


STATUS = {
    "networks": {
        "internet": {"prefix": "203.0.113.0/24", "public": True},
        "flat": {"prefix": "192.168.88.0/24"},
        "home": {"prefix": "192.168.77.0/24"},
    },
    "machines": {
        "cloud": machine(role="cloud", addresses={"internet": "203.0.113.2/24"}),
        "demoserver": machine(addresses={"internet": "203.0.113.60/24"}),
        "home_router": machine(nat="cone", addresses={"internet": "203.0.113.10/24", "home": "192.168.77.1/24"}),
        "tequila": machine(addresses={"home": "192.168.77.10/24"}, gateway="192.168.77.1"),
        "flat_router": machine(nat="cone", addresses={"internet": "203.0.113.20/24", "flat": "192.168.88.1/24"}),
        "phone": machine(addresses={"flat": "192.168.88.10/24"}, gateway="192.168.88.1"),
    },
    "links": [
        {"machine": "flat_router", "network": "internet", "nat": "symmetric", "delay_ms": 100, "loss_pct": 5},
        {"machine": "home_router", "network": "internet", "nat": "cone", "cut": True},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("pongs", "kind", "settled", "words"),
    [
        ([], "asked", False, "measuring …"),
        ([LOST, LOST], "asked", False, "measuring …"),
        ([LOST] * 3, "down", True, "no answer"),
        ([DIRECT, LOST, LOST, LOST], "down", True, "no answer"),
        ([RELAYED], "relayed", False, "by a relay, 40 ms"),
        ([RELAYED] * 5, "relayed", True, "by a relay, 40 ms"),
        ([RELAYED, DIRECT], "direct", False, "direct, 2 ms"),
        ([RELAYED, DIRECT, DIRECT], "direct", True, "direct, 2 ms"),
        ([DIRECT, LOST, DIRECT], "direct", False, "direct, 2 ms, 1 of 3 lost"),
        ([LOST, DIRECT, DIRECT], "direct", True, "direct, 2 ms"),
    ],
)
def test_what_pings_say(pongs, kind, settled, words) -> None:
    way = Way("phone", "tequila", tuple(pongs))
    assert (way.kind, way.settled, way.words) == (kind, settled, words)


def test_what_cannot_be_asked_is_down_and_says_why() -> None:
    way = Way("phone", "tequila", (DIRECT,), why="nobody is logged in")
    assert (way.kind, way.settled, way.by) == ("down", True, "")


def test_it_asks_until_the_answers_agree_and_by_the_names_of_the_nodes(monkeypatch) -> None:
    asked, answers = [], {"tequila": [RELAYED, DIRECT, DIRECT], "demo": [DIRECT, DIRECT, DIRECT]}

    def ping(place, name, count, until_direct, patience):
        asked.append(name)
        return [answers[name].pop(0)]

    monkeypatch.setattr(ways.path, "ping", ping)
    place = SimpleNamespace(pending=Pending())
    rounds = list(ways.measured(place, "phone", {"tequila": "tequila", "demoserver": "demo"}))
    assert [w.kind for w in rounds[0]] == ["relayed", "direct"]
    assert [(w.end, w.kind) for w in rounds[-1]] == [("tequila", "direct"), ("demoserver", "direct")]
    assert (len(rounds), len(asked)) == (3, 6)


def test_a_node_that_is_gone_in_between_does_not_end_the_others(monkeypatch) -> None:
    def ping(place, name, count, until_direct, patience):
        if name == "tequila":
            raise CommandFailed(["tailscale", "ping"], 1, "", "no such peer", "phone")
        return [DIRECT]

    monkeypatch.setattr(ways.path, "ping", ping)
    place = SimpleNamespace(pending=Pending())
    *_, last = ways.measured(place, "phone", {"tequila": "tequila", "demoserver": "demoserver"})
    assert [w.kind for w in last] == ["down", "direct"]


def test_while_changes_wait_nothing_is_measured() -> None:
    place = SimpleNamespace(pending=Pending(count=1))
    assert list(ways.measured(place, "phone", {"tequila": "tequila"})) == []


def test_machines_on_both_sides_of_the_internet() -> None:
    assert chains(STATUS, "phone", "tequila") == (["phone", "flat_router"], ["home_router", "tequila"])
    assert chains(STATUS, "demoserver", "phone") == (["demoserver"], ["flat_router", "phone"])
    assert chains(STATUS, "phone", "flat_router") == ([], []), "nothing public between"


def test_the_picture_says_each_way_and_each_strain_in_words() -> None:
    found = [
        Way("phone", "demoserver", (RELAYED,) * 5),
        Way("phone", "tequila", (LOST,) * 3),
        Way("phone", "flat_router", (DIRECT,) * 2),
    ]
    picture = drawn(STATUS, found)
    assert str(picture).splitlines() == [
        "phone → demoserver: by a relay, 40 ms, relay tor",
        "phone → tequila: no answer",
        "phone → flat_router: direct, 2 ms, to 203.0.113.10:41641",
        "flat_router's wire to internet: 100 ms, 5 % lost, symmetric NAT",
        "home_router's wire to internet: cut",
    ]
    words = ["".join(t.itertext()).strip() for t in ET.fromstring(picture.svg()).iter(f"{SVG}text")]
    assert {"phone", "flat_router", "symmetric NAT", "100 ms, 5 % lost", "relay tor"} <= set(words)
    assert {"by a relay", "40 ms", "no answer", "cut", "home_router", "tequila"} <= set(words)
    assert "No way was measured." in str(drawn({**STATUS, "links": []}, []))


def test_ways_are_told_apart_without_their_hue() -> None:
    dashes = [str(look[2]) for look in SHOWN.values()]
    assert len(set(dashes)) == len(SHOWN)
