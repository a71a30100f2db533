"""The menu of exit nodes: where it is not, what it reads while somebody chooses, and a way back that has gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from homelab.errors import HomelabError
from homelab.panels import beside
from homelab.panels import exit_node as menu
from homelab.plan import Plan
from homelab.resources import prefs
from homelab.stages import exit_node as chapter

WISH = chapter.Params()
RENTED = "se-sto-wg-001.mullvad.ts.net"


class Phone:
    """What it goes out by now."""

    name = "phone"
    pending = SimpleNamespace(count=0)

    def __init__(self) -> None:
        self.by = ""


@pytest.fixture
def phone(monkeypatch) -> Phone:
    made = Phone()
    monkeypatch.delenv("HOMELAB_HEADLESS", raising=False)
    monkeypatch.setattr(prefs, "read", lambda place: prefs.State(exit_node=made.by))
    monkeypatch.setattr(menu.exit_nodes, "offered", lambda place: [])
    monkeypatch.setattr(menu, "seat", lambda world, role: made)
    monkeypatch.setattr(menu, "choices", lambda place: "the list")
    return made


class World(dict[str, Any]):
    """A world of one phone, whose changes are plans of one word."""

    forbidden = False

    def __init__(self, phone: Phone, lab: bool = True, applies: bool = True, managed: bool = True) -> None:
        super().__init__(phone=phone)
        self.machines = {"phone": phone}
        self.lab, self.applies, self.applied = {"tier": "none"} if lab else {}, applies, []
        self.params = SimpleNamespace(manages=lambda stage: managed, path="home.yaml")

    def apply(self, plan: Plan) -> None:
        self.applied.append(plan.stage)


@pytest.mark.parametrize(
    "where", [{"lab": False}, {"lab": False, "managed": False}, {"managed": False}, {"applies": False}]
)
def test_where_a_pick_may_not_change_the_world_there_is_the_list_alone(phone, monkeypatch, where) -> None:
    monkeypatch.setattr(menu, "Chooser", lambda *_: pytest.fail("it may be picked"))
    assert menu.panel(World(phone, **where), WISH) == "the list"


def test_a_choice_between_two_questions_is_no_agreement(phone, monkeypatch) -> None:
    asked = []

    def address(place: Phone, patience: float) -> str:
        asked.append(place.by)
        if len(asked) == 2:
            place.by = "tequila"  # somebody chooses while the question is on its way
        return "203.0.113.20" if len(asked) < 3 else "203.0.113.10"

    monkeypatch.setattr(menu, "public_address", address)
    monkeypatch.setattr(menu.exits, "resolver", lambda place, patience: "")
    *_, last = menu.looked(World(phone), WISH)
    assert (last.by, last.address) == ("tequila", "203.0.113.10")


@pytest.fixture
def chooser(phone, monkeypatch):
    """The menu as it was opened while a rented node was the way out, and what it told."""
    phone.by = RENTED
    world, told = World(phone), []

    def use(world: World, wish: Any, name: str, lan: bool = False) -> Plan:
        if name == "gone":
            raise HomelabError(f"the tailnet has no node called {RENTED!r}", "phone")
        return SimpleNamespace(stage=name or "its own way")  # type: ignore[return-value]

    monkeypatch.setattr(chapter, "use", use)
    monkeypatch.setattr(menu.Chooser, "look", lambda self: None)
    made = menu.Chooser(world, WISH)
    return made, world, told


def test_as_it_was_is_its_own_way_where_the_lease_has_ended(phone, chooser) -> None:
    made, world, told = chooser
    phone.by = "gone"
    made.open(told.append, told.append)
    made.back.click()
    assert world.applied == ["its own way"]
    assert "the tailnet has no node called" in str(told[-1])
    assert str(told[-1]).endswith("phone goes out by its own way instead.")


def test_a_pick_that_was_on_its_way_is_not_done_and_not_shown(phone, chooser, monkeypatch) -> None:
    made, world, told = chooser
    later: list[Any] = []
    monkeypatch.setattr(beside, "soon", later.append)
    made.open(told.append, told.append)
    made.lan.value = True
    made.node.value = ""  # before the browser knew that the controls rest
    assert world.applied == [RENTED]
    later.pop()()
    assert world.applied == [RENTED]
    assert made.node.value == RENTED
    assert not made.node.disabled
