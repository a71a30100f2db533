"""The switches of the topology in a lab: what one turns the world does, every way is measured, and all goes back."""

from __future__ import annotations

import pytest

from homelab import needs
from homelab.errors import LabError
from homelab.panels import topology
from homelab.pictures.picture import Picture
from homelab.pictures.tables import Table
from homelab.plan import plan as planned
from homelab.resources import link
from homelab.stages import wires
from homelab.wait import until
from homelab.world import open_world

NAMES = {role: role for role in ("phone", "demoserver", "tequila")}


@pytest.fixture(scope="module")
def joined(world):
    """Three nodes in one tailnet: two behind routers, one in the open."""
    world.apply(planned("test", needs.missing(world, [needs.joined(role) for role in NAMES])))
    return world


@pytest.fixture
def switches(joined):
    """The panel, with what it drew and told; afterwards its wires are as they were."""
    made = topology.Switches(joined, NAMES, "phone")
    drawn: list[object] = []
    told: list[object] = []
    made.open(drawn.append, told.append)
    yield made, drawn, told
    made.back.click()
    made.rounds.stop()


def sees(drawn: list[object], *lines: str) -> None:
    until(
        lambda: str(drawn[-1]),
        lambda seen: all(line in seen for line in lines),
        f"the picture to say {lines}",
        30.0,
    )


def test_a_switch_turns_the_wire_and_the_ways_follow(joined, switches) -> None:
    panel, drawn, told = switches
    assert panel.wire.value == "flat_router", "the router before the phone"
    assert "phone → tequila: direct" in str(drawn[-1]), (
        "whoever runs all cells has it measured when this one ends"
    )
    panel.nat.value = "symmetric"
    assert link.read(joined["flat_router"]).nat == "symmetric"
    assert "./runbook lab link flat_router --network internet --nat symmetric" in str(told[-1])
    assert any("measuring …" in str(seen) and "symmetric NAT" in str(seen) for seen in drawn), "drawn at once"
    sees(drawn, "phone → demoserver: direct", "phone → tequila: by a relay", "symmetric NAT")
    panel.wire.value = "home_router"
    panel.cut.value = True
    assert link.read(joined["home_router"]).cut
    sees(
        drawn,
        "phone → demoserver: direct",
        "phone → tequila: no answer",
        "home_router's wire to internet: cut",
    )
    panel.back.click()
    assert not wires.as_it_was(joined)
    assert (link.read(joined["flat_router"]).nat, link.read(joined["home_router"]).cut) == ("cone", False)
    assert panel.cut.value is False
    sees(drawn, "phone → demoserver: direct", "phone → tequila: direct")
    assert not joined.journal.way_back().part("link"), "the journal knows that all of it is back"


@pytest.mark.nightly
def test_every_other_switch_does_what_it_says(joined, switches) -> None:
    panel, drawn, _ = switches
    panel.udp.value = True
    sees(drawn, "phone → demoserver: by a relay", "phone → tequila: by a relay", "no UDP")
    panel.udp.value = False
    panel.delay.value = 100.0
    sees(drawn, "flat_router's wire to internet: 100 ms", "demoserver: direct, 20")
    panel.delay.value = 0.0
    panel.loss.value = 50.0
    sees(drawn, " lost", "50 % lost")
    panel.loss.value = 0.0
    panel.start.value = "tequila"
    sees(drawn, "tequila → phone: direct", "tequila → demoserver: direct")
    assert link.read(joined["flat_router"]) == link.State("flat_router", "internet", "cone")


@pytest.mark.nightly
def test_what_somebody_else_has_turned_is_seen_and_not_taken_back(joined, switches) -> None:
    panel, drawn, _ = switches
    joined["flat_router"].link("internet", delay_ms=50.0)
    panel.again.click()
    assert panel.delay.value == 50.0
    sees(drawn, "flat_router's wire to internet: 50 ms")
    panel.back.click()
    assert link.read(joined["flat_router"]).delay_ms == 50.0, "not ours"
    joined["flat_router"].link("internet", delay_ms=0.0)


@pytest.mark.nightly
def test_a_wire_without_nat_has_no_kind_of_it(switches) -> None:
    panel, *_ = switches
    panel.wire.value = "demoserver"
    assert (panel.nat.value, panel.nat.disabled) == ("", True)
    panel.wire.value = "home_router"
    assert (panel.nat.value, panel.nat.disabled) == ("cone", False)


def test_what_the_lab_refuses_is_told_and_the_switch_goes_back(joined, switches, monkeypatch) -> None:
    panel, _, told = switches

    def refuses(machine, before, after):
        raise LabError("the wire is stuck", "flat_router")

    monkeypatch.setattr(link, "do", refuses)
    panel.cut.value = True
    assert "the wire is stuck" in str(told[-1])
    assert panel.cut.value is False
    assert not panel.cut.disabled


@pytest.mark.nightly
def test_headless_and_where_nothing_may_be_changed_it_is_the_picture_alone(joined, monkeypatch) -> None:
    shown = open_world("lab", apply=False)
    assert isinstance(topology.panel(shown, NAMES), Picture)
    shown.close()
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    found = topology.panel(joined, NAMES)
    assert "phone → demoserver: direct" in str(found)


@pytest.mark.nightly
def test_at_home_it_is_a_table(joined, monkeypatch) -> None:
    monkeypatch.setattr(joined, "lab", None)
    found = topology.picture(joined, {"phone": "phone", "demoserver": "demoserver"}, "nobody")
    assert isinstance(found, Table)
    assert found.rows[0][:2] == ("phone", "demoserver")
    assert found.rows[0][2].startswith("direct")
