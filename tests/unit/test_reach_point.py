"""The reach matrix without a network: what is judged, what changed, and how both are drawn and said."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.colors import to_rgb

from homelab.checks.policy import arrives_as_allowed
from homelab.machine import Pending
from homelab.pictures.matrix import LOOKS, matrix
from homelab.policy.allowed import Node
from homelab.policy.nodes import exit_node, itself
from homelab.reach import Cell, Reach, Source, Target, _targets
from homelab.reach.point import Point
from homelab.vantage import Nobody

SVG = "{http://www.w3.org/2000/svg}"
ALL = {"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}
PHONE = Node("phone", "alice@example.com", addresses=("100.64.0.1",))
TEQUILA = Node("tequila", "alice@example.com", addresses=("100.64.0.2",), routes=("0.0.0.0/0",))
ROUTER = Node("router", "alice@example.com", addresses=("100.64.0.5",), routes=("10.20.0.0/24",))
GUEST = Node("laptop", "carol@example.com", addresses=("100.64.0.9",), shared=True)
OFF = Node("off", "alice@example.com", addresses=("100.64.0.6",), routes=("10.9.0.0/24",), online=False)
KNOWN = [PHONE, TEQUILA, ROUTER, OFF]
NONE: dict[str, Any] = {"grants": []}


def _point(node: Node | None, **more: Any) -> Point:
    return Point(SimpleNamespace(name="m"), node, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("point", "address", "verdict"),
    [
        (_point(PHONE), "100.64.0.2", True),
        (_point(None), "100.64.0.2", False),
        (_point(None), "10.20.0.50", None),
        (_point(PHONE), "10.20.0.50", None),
        (_point(PHONE, takes_routes=True), "10.20.0.50", True),
        (_point(ROUTER, takes_routes=True), "10.20.0.50", None),
        (_point(PHONE), "203.0.113.50", None),
        (_point(PHONE, leaves_by=TEQUILA), "203.0.113.50", True),
        (_point(PHONE), "www.example.com", None),
        (_point(GUEST), "100.64.0.2", False),
        (_point(GUEST, peers={"tequila": "100.64.0.2"}), "100.64.0.2", True),
    ],
)
def test_what_the_policy_is_asked(point, address, verdict) -> None:
    assert point.should(ALL, KNOWN, address, 443) is verdict


def test_who_is_not_connected_cannot_prove_a_policy_wrong() -> None:
    point = _point(PHONE, takes_routes=True)
    for address in ("100.64.0.6", "10.9.0.7"):
        assert point.should(ALL, KNOWN, address, 443) is None
        assert point.should(NONE, KNOWN, address, 443) is False


def test_default_targets_are_connected_devices_one_of_each_class() -> None:
    tagged = Node("quiz", tags=("tag:container",), addresses=("100.64.0.8",))
    lost = Node("old", tags=("tag:old",), addresses=("100.64.0.9",), online=False)
    labels = [t.label for t in _targets([*KNOWN, tagged, lost], [_point(PHONE)])]
    assert labels == ["tequila:22", "tequila:443", "quiz:22", "quiz:443"]


def test_without_the_admins_list_targets_are_what_a_machine_sees() -> None:
    found = _targets([], [_point(PHONE, peers={"nas": "100.64.0.20", "tv": "100.64.0.21"})])
    assert [t.label for t in found] == ["nas:22", "nas:443", "tv:22", "tv:443"]


def test_where_a_name_is_for_a_machine() -> None:
    assert _point(PHONE, peers={"tequila": "100.64.7.7"}).address("tequila", KNOWN, None) == "100.64.7.7"
    assert _point(PHONE).address("tequila", KNOWN, None) == "100.64.0.2"
    assert _point(PHONE).address("www.example.com", KNOWN, None) == "www.example.com"
    assert _point(PHONE).address("nobody", KNOWN, None) == ""


def test_a_node_that_the_tailnet_does_not_list_is_of_another() -> None:
    found = {
        "BackendState": "Running",
        "TailscaleIPs": ["100.64.0.9"],
        "Self": {"UserID": 7, "DNSName": "laptop.other.ts.net."},
        "User": {"7": {"LoginName": "carol@example.com"}},
    }
    assert itself(found, KNOWN) == GUEST
    assert itself({**found, "TailscaleIPs": ["100.64.0.1"]}, KNOWN) is PHONE
    assert itself({**found, "BackendState": "Stopped"}, KNOWN) is None
    alone = itself(found, [])
    assert alone is not None
    assert not alone.shared, "without the admin's list nobody is known to be a stranger"


def test_the_exit_node_in_use() -> None:
    peer = {"DNSName": "tequila.x.", "TailscaleIPs": ["100.64.0.2"], "ExitNode": True}
    assert exit_node({"Peer": {"k": peer}}, KNOWN) is TEQUILA
    assert exit_node({"Peer": {"k": {**peer, "ExitNode": False}}}, KNOWN) is None


def _reach(*rows: tuple[Cell, ...]) -> Reach:
    names = ("phone", "visitor")[: len(rows)]
    targets = (Target("tequila", 22), Target("tequila"), Target("db", 5432, "the database"))[: len(rows[0])]
    return Reach(tuple(Source(n, "somebody") for n in names), targets, rows)


def test_a_change_is_one_of_arriving() -> None:
    before = _reach((Cell("open"), Cell("refused"), Cell("blocked")))
    after = _reach((Cell("refused"), Cell("blocked"), Cell("open"))).compared(before)
    assert [t.label for _, t, _ in after.changed] == ["ping tequila", "the database"]
    assert not before.compared(before).changed
    with pytest.raises(KeyError):
        after.cell("phone", "nothing")


def test_what_is_not_asked_is_neither_wrong_nor_changed() -> None:
    seen = _reach((Cell("", True), Cell("blocked"), Cell("open", True)))
    assert not seen.wrong
    assert not seen.compared(_reach((Cell("open"), Cell(""), Cell("open")))).changed


def test_alternative_text_has_every_cell_and_every_verdict() -> None:
    before = _reach((Cell("open"), Cell("open"), Cell("blocked")))
    seen = _reach((Cell("open", False), Cell("blocked", True), Cell())).compared(before)
    assert str(matrix(seen)).splitlines() == [
        "phone (somebody): tequila:22 reached, ping tequila blocked, the database not asked",
        "changed: phone → ping tequila, before: reached, now: blocked",
        "not as the policy says: phone → tequila:22 should be blocked, and is reached",
        "not as the policy says: phone → ping tequila should be reached, and is blocked",
    ]
    assert str(seen) == str(matrix(seen))
    words = {
        "".join(t.itertext()).strip() for t in ET.fromstring(matrix(seen, "Now").svg()).iter(f"{SVG}text")
    }
    assert {
        "Now",
        "phone",
        "the database",
        "db",
        "port 5432",
        "should be blocked",
        "should be reached",
    } <= words


def test_no_head_is_cut_off_and_no_two_are_alike() -> None:
    """As in the chapter on subnet routers: two ports of one address, and a public name."""
    public = "tequila.snow-burbot.ts.net"
    targets = (Target("10.20.0.50", 5432, "database"), Target("10.20.0.50", 22, "its SSH"), Target(public, 443, "by its public name"))  # fmt: skip
    row = (Cell("open", True), Cell("refused", True), Cell("open"))
    picture = matrix(Reach((Source("phone", "somebody.with.a.long.name@example.com"),), targets, (row,)))
    words = ["".join(t.itertext()).strip() for t in ET.fromstring(picture.svg()).iter(f"{SVG}text")]
    assert not [w for w in words if "…" in w]
    assert {public, "port 443", "by its public name", "port 22", "somebody.with.a.long.name@example.com"} <= set(words)  # fmt: skip
    assert words.count("10.20.0.50") == 2


def test_a_small_matrix_is_a_small_picture() -> None:
    one = Reach((Source("phone", "me"),), (Target("tequila", 22),), ((Cell("open", True),),))
    assert matrix(one).figure.get_figwidth() < 3


def test_nobody_asked_is_drawn_too() -> None:
    assert "nobody was asked" in matrix(Reach((), (), ())).svg()


def test_in_grey_print_the_fills_stay_apart() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        )
        return float(116 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) ** (1 / 3) - 16)

    fills = sorted(lightness(fill) for fill, _, _ in LOOKS.values())
    assert all(later - earlier > 10 for earlier, later in pairwise(fills)), fills
    for fill, ink, _ in LOOKS.values():
        assert abs(lightness(fill) - lightness(ink)) > 40


def _tailnet() -> Any:
    return SimpleNamespace(
        name="tailnet", pending=Pending(), machines={}, tailnet=SimpleNamespace(name="tailnet")
    )


def test_the_check_names_each_way_that_is_wrong() -> None:
    good = _reach((Cell("open", True), Cell("blocked", False), Cell("blocked")))
    answer = arrives_as_allowed(_tailnet(), good)
    assert (answer.status, answer.evidence) == (
        "ok",
        "1 way is open and 1 way is blocked, as the policy says; the policy says nothing of: phone → the database (blocked)",
    )
    bad = _reach((Cell("open", False), Cell("blocked", True), Cell("blocked")))
    answer = arrives_as_allowed(_tailnet(), bad)
    assert answer.status == "fail"
    assert answer.evidence.splitlines() == [
        "phone → tequila:22 should be blocked, and is reached",
        "phone → ping tequila should be reached, and is blocked",
    ]


def test_the_check_skips_where_nobody_can_judge() -> None:
    assert (
        arrives_as_allowed(Nobody("tailnet", "needs an admin API key"), _reach((Cell("open"),))).status
        == "skip"
    )
    assert arrives_as_allowed(_tailnet(), _reach((Cell("open"), Cell("blocked")))).status == "skip"
