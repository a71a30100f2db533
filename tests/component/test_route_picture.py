"""The picture of a route: what it says in words, and that no fact hangs on a hue alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from homelab.pictures.picture import Picture
from homelab.pictures.route import LOOKS, TUBES, Leg, route, routes

SVG = "{http://www.w3.org/2000/svg}"
NATS = ("flat_router", "home_router (symmetric NAT)", "windows")
DIRECT = Leg("phone", "tequila", "direct", "WireGuard", NATS, "1 ms")


def _words(picture: Picture) -> list[str]:
    return ["".join(t.itertext()).strip() for t in ET.fromstring(picture.svg()).iter(f"{SVG}text")]


def test_a_direct_route_names_every_machine_and_the_tube() -> None:
    picture = route([DIRECT], "To Tequila")
    assert str(picture) == (
        "phone → tequila: direct, inside WireGuard, by way of flat_router (NAT), "
        "home_router (symmetric NAT), windows (NAT); 1 ms"
    )
    words = _words(picture)
    assert {
        "To Tequila",
        "phone",
        "flat_router",
        "home_router",
        "symmetric NAT",
        "windows",
        "tequila",
    } <= set(words)
    assert {"WireGuard", "direct, inside WireGuard", "1 ms"} <= set(words)
    assert words.count("NAT") == 2


@pytest.mark.parametrize(("gap", "between"), [(None, 1), (0, 0), (3, 3), (9, 3)])
def test_a_relay_stands_where_the_internet_is(gap, between) -> None:
    leg = Leg("phone", "tequila", "relayed", "WireGuard", NATS, relay="relay (DERP mad)", gap=gap)
    assert leg.bend == between
    picture = route([leg])
    names = [n for n in _words(picture) if n in ("phone", "flat_router", "relay", "home_router", "windows")]
    assert names.index("relay") == between + 1
    assert "DERP mad" in _words(picture)
    assert "through a relay, inside WireGuard" in str(picture)


def test_legs_that_meet_are_one_strip_and_a_tube_that_goes_on_is_one_tube() -> None:
    funnel = [
        Leg("visitor", "relay (Funnel)", "plain", "TLS"),
        Leg("relay", "tequila", "direct", "TLS in WireGuard", ("home_router",)),
    ]
    picture = route(funnel)
    words = _words(picture)
    assert words.count("relay") == 1
    assert words.count("TLS") == 2, "its name stands in each leg"
    assert str(picture).splitlines() == [
        "visitor → relay (Funnel): inside TLS",
        "relay → tequila: direct, inside TLS in WireGuard, by way of home_router (NAT)",
    ]


def test_a_plain_leg_says_that_nothing_protects_it() -> None:
    picture = route([Leg("router", "db", "plain")])
    assert "not encrypted" in _words(picture)
    assert not {"WireGuard", "TLS"} & set(_words(picture))


def test_a_lost_packet_ends_at_the_cross() -> None:
    leg = Leg("visitor", "tequila", "lost", "WireGuard", ("home_router", "windows"), "nobody asked", gap=1)
    said = str(route([leg]))
    assert said == "visitor → tequila: lost on the way, by way of home_router (NAT); nobody asked"


def test_before_and_after_are_named_strips() -> None:
    picture = routes({"before": [Leg("phone", "tequila", "lost")], "after": [DIRECT]}, "A change")
    assert str(picture).splitlines()[0] == "before:"
    assert {"before", "after", "A change"} <= set(_words(picture))
    assert picture.figure.get_figheight() > route([DIRECT]).figure.get_figheight() * 1.6


def test_no_route_says_so() -> None:
    assert str(route([], "Nothing yet")) == "no route was looked at"


def test_every_way_and_tube_differs_in_more_than_hue() -> None:
    lines = [(width, str(dashes)) for _, width, dashes in LOOKS.values()]
    assert len(set(lines)) == len(lines)
    outlines = [dashes for _, dashes in TUBES.values()]
    assert len(set(outlines)) == len(outlines)


def test_long_notes_are_broken_not_cut() -> None:
    note = "the certificate's private key is on this machine and on no other, whatever the relay would like"
    words = " ".join(_words(route([Leg("visitor", "tequila", "plain", "TLS", note=note)])))
    assert note in words


def test_more_cards_than_a_page_can_show_go_on_below() -> None:
    """Through Tequila: seven cards, in a row of five and one of three that begins where the first ended."""
    onward = Leg("tequila", "somebody", "plain", "", ("windows", "home_router"))
    picture = route([DIRECT, onward], "Through Tequila")
    words = _words(picture)
    assert words.count("tequila") == 2
    assert {"phone", "flat_router", "home_router", "windows", "somebody"} <= set(words)
    assert not [word for word in words if "…" in word]
    assert float(ET.fromstring(picture.svg()).get("width", "").removesuffix("pt")) / 72 < 10
    assert str(picture).count("\n") == 1, "the words are the same as ever"


def test_one_leg_is_never_cut() -> None:
    long = Leg("phone", "tequila", "direct", "WireGuard", ("a", "b", "c", "d", "e"))
    assert _words(route([long])).count("tequila") == 1
