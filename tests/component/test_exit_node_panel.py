"""The chooser of exit nodes in a lab: the address follows the choice, what cannot be chosen is told, all goes back."""

from __future__ import annotations

import pytest

from homelab import needs
from homelab.checks import exit_node as exits
from homelab.panels import exit_node as chooser
from homelab.plan import plan as planned
from homelab.resources import prefs
from homelab.stages import exit_node as chapter
from homelab.wait import until
from homelab.world import open_world

WISH = chapter.Params()
FLAT, HOME = "203.0.113.20, which is flat_router", "203.0.113.10, which is home_router"
SWEDEN = "203.0.113.90, which is se_sto_wg_001"


@pytest.fixture(scope="module")
def offered(world):
    """Two exit nodes to choose from: the home's, and a rented one."""
    world.apply(planned("test", needs.missing(world, [needs.joined("phone"), needs.joined("tequila")])))
    world.apply(chapter.plan(world, WISH))
    chapter.provider(world, WISH.rented)
    world.apply(chapter.rent(world))
    assert exits.may_choose(world["phone"], "tequila").status == "ok"
    assert exits.may_choose(world["phone"], WISH.rented).status == "ok"
    return world


@pytest.fixture
def menu(offered):
    """The panel, with what it drew and told."""
    made = chooser.Chooser(offered, WISH)
    drawn: list[object] = []
    told: list[object] = []
    made.open(drawn.append, told.append)
    yield made, drawn, told
    made.back.click()
    made.rounds.stop()


def sees(drawn: list[object], by: str, address: str) -> None:
    wanted = (by, f"sees  {address}", f"asked for by     {address}")
    until(lambda: str(drawn[-1]), lambda seen: all(w in seen for w in wanted), f"{wanted}", 20.0)


def test_the_address_and_the_resolver_follow_the_choice(offered, menu) -> None:
    panel, drawn, told = menu
    assert [words for words, _ in panel.node.options] == [
        "(none)",
        "tequila",
        "se-sto-wg-001, Stockholm, Sweden",
    ]
    assert f"sees  {FLAT}" in str(drawn[-1]), "whoever runs all cells has it asked when this one ends"
    panel.node.value = panel.node.options[1][1]
    assert prefs.read(offered["phone"]).exit_node == "tequila"
    assert "sudo tailscale set --exit-node=tequila" in str(told[-1])
    assert any("tequila" in str(seen) and "asking …" in str(seen) for seen in drawn), "drawn at once"
    sees(drawn, "tequila", HOME)
    panel.node.value = panel.node.options[2][1]
    sees(drawn, "se-sto-wg-001", SWEDEN)
    panel.lan.value = True
    assert prefs.read(offered["phone"]).exit_node_allow_lan_access
    panel.back.click()
    assert prefs.read(offered["phone"]) == prefs.State()
    assert (panel.node.value, panel.lan.value) == ("", False)
    sees(drawn, "its own way", FLAT)


def test_what_cannot_be_chosen_is_told_and_the_menu_shows_the_world(offered, menu) -> None:
    panel, _, told = menu
    offered["tequila"].stop("tailscaled")
    try:
        panel.node.value = panel.node.options[1][1]
        assert "offline" in str(told[-1])
        assert "Traceback" not in str(told[-1])
        assert panel.node.value == ""
        assert not panel.node.disabled
    finally:
        offered["tequila"].start("tailscaled")
    assert exits.may_choose(offered["phone"], "tequila").status == "ok"


@pytest.mark.nightly
def test_what_somebody_else_has_chosen_is_seen(offered, menu) -> None:
    panel, drawn, _ = menu
    offered["phone"].run(["sudo", "tailscale", "set", f"--exit-node={WISH.rented}.mullvad.ts.net"]).ok()
    panel.again.click()
    assert "se-sto" in panel.node.value
    sees(drawn, "se-sto-wg-001", SWEDEN)


def test_headless_it_is_the_list_and_what_the_world_sees(offered, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    seen = chooser.panel(offered, WISH)
    assert FLAT in str(seen)
    assert "se-sto-wg-001.mullvad.ts.net" in capsys.readouterr().out
    shown = open_world("lab", apply=False)
    assert "tequila" in str(chooser.panel(shown, WISH)), "the list alone"
    shown.close()
