"""Apply and Undo under a plan: what a click does, what it must not, and what is said beside the buttons."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from homelab import home_lock, one_at_a_time, params, plan, session
from homelab.errors import CommandFailed
from homelab.journal import Journal
from homelab.machine import Pending
from homelab.panels import apply as panels
from homelab.panels import standing
from homelab.plan import Change, Plan
from homelab.resources import auth_key, login
from homelab.world import World


@dataclass(frozen=True)
class Lamp:
    room: str
    light: str


class House:
    """Lamps by name; a resource module of its own."""

    State = Lamp

    def __init__(self) -> None:
        self.lamps = {"hall": "off", "attic": "off"}
        self.done: list[str] = []
        self.broken = ""

    def read(self, place: Any, name: str) -> Lamp:
        return Lamp(name, self.lamps[name])

    def command(self, before: Lamp, after: Lamp) -> list[str]:
        return ["switch", after.room, after.light]

    def do(self, place: Any, before: Lamp, after: Lamp) -> None:
        if self.broken == after.room:
            raise CommandFailed(["switch"], 1, err="no light in the attic")
        self.done.append(after.light)
        self.lamps[after.room] = after.light


PLAN = Plan(
    "06_exit_node",
    tuple(
        Change("tequila", "lamp", f"light in the {n}", Lamp(n, "off"), Lamp(n, "on"), n)
        for n in ("hall", "attic")
    ),
)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.delenv("HOMELAB_HEADLESS", raising=False)
    made: Any = House()
    monkeypatch.setattr(plan, "resource", lambda name: made)
    monkeypatch.setattr("homelab.world.resource", lambda name: made)
    return made


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stood beside the buttons, one after the other."""
    texts: list[str] = []
    monkeypatch.setattr(panels, "live", lambda: lambda thing: texts.append(str(thing)))
    return texts


def at_home(tmp_path: Path, text: str = "", applies: bool = False) -> World:
    (tmp_path / "home.yaml").write_text(f"world: home\n{text}")
    made: Any = {"tequila": SimpleNamespace(name="tequila")}
    world = World(
        params.read(tmp_path / "home.yaml"), made, Journal(tmp_path / "home.jsonl"), SimpleNamespace(), Pending(),
        applies=applies, tailnet=None,
    )  # type: ignore[arg-type]  # fmt: skip
    world.run = session.name()
    return world


def in_the_lab(tmp_path: Path) -> World:
    world = at_home(tmp_path, applies=True)
    world.lab = {"tier": "none, it is a test"}
    return world


@pytest.fixture
def controls(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """What can be pressed: Apply and Undo, at a home the tick before them."""
    placed: list[Any] = []
    monkeypatch.setattr(panels, "place", lambda box, saved: placed.extend(box.children))

    def of(world: World, plan: Plan = PLAN) -> list[Any]:
        placed.clear()
        panels.apply_and_undo(world, plan)
        return placed[:]

    return of


def test_where_nobody_presses_it_is_the_way_back_and_nothing_else(
    house, tmp_path, monkeypatch, shown
) -> None:
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    assert panels.apply_and_undo(at_home(tmp_path), PLAN) == PLAN.inverse()
    assert not shown


def test_a_home_is_changed_by_a_tick_and_a_click_and_back_again(house, tmp_path, shown, controls) -> None:
    world = at_home(tmp_path)
    world.apply(PLAN)  # Run all, which only shows
    assert world.pending.count == 2
    tick, apply, undo = controls(world)
    assert shown[-1].startswith("None of 2 changes is made. Apply does this:")
    assert apply.disabled
    assert undo.disabled
    tick.value = True
    assert not apply.disabled
    apply.click()
    assert house.lamps == {"hall": "on", "attic": "on"}
    halfway = next(text for text in shown if "✓ applied  on tequila: light in the hall" in text)
    assert halfway.endswith("… now      on tequila: light in the attic\n           $ switch attic on")
    assert shown[-1].startswith("All 2 changes are made.")
    assert f"./runbook undo {world.run} --apply" in shown[-1]
    assert "Undo does this:" in shown[-1], "the way back is seen before it can be pressed"
    assert shown[-1].endswith(str(PLAN.inverse()))
    assert apply.disabled, "the next click needs a tick of its own"
    assert not tick.value
    assert world.pending.count == 0, "checks ask now"
    assert len(world.journal.way_back(world.run)) == 2
    assert not world.applies, "it was for this plan alone"
    tick.value = True
    undo.click()
    assert house.lamps == {"hall": "off", "attic": "off"}
    assert shown[-1].startswith("None of 2 changes is made.")
    assert not world.journal.way_back(world.run)


def test_a_second_click_finds_nothing_left(house, tmp_path, shown, controls) -> None:
    world = in_the_lab(tmp_path)
    apply, undo = controls(world, PLAN)
    undo.click()
    assert shown[-1].startswith("Nothing is left to take back. None of 2 changes is made. Apply does this:")
    apply.click()
    apply.click()
    assert house.done == ["on", "on"]
    assert shown[-1].startswith("Nothing is left to apply. All 2 changes are made. Undo does this:")


def test_a_click_while_one_is_at_work_is_none(house, tmp_path, shown, controls, monkeypatch) -> None:
    later: list[Any] = []
    monkeypatch.setattr(panels, "soon", later.append)
    apply, undo = controls(in_the_lab(tmp_path), PLAN)
    apply.click()
    undo.click()  # it was on its way while we worked
    assert house.lamps == {"hall": "on", "attic": "on"}
    assert apply.disabled
    later.pop()()
    assert not apply.disabled


def test_a_world_that_has_moved_on_is_left_alone_and_what_moved_is_said(
    house, tmp_path, shown, controls
) -> None:
    apply, _ = controls(in_the_lab(tmp_path), PLAN)
    house.lamps["attic"] = "broken"
    apply.click()
    assert not house.done
    assert shown[-1].startswith(
        "Nothing was done. The world has moved on since this plan was made: lamp on tequila: light: off → broken."
    )


def test_a_change_that_fails_is_a_sentence_and_undo_takes_back_the_others(
    house, tmp_path, shown, controls
) -> None:
    apply, undo = controls(in_the_lab(tmp_path), PLAN)
    house.broken = "attic"
    apply.click()
    assert "no light in the attic" in shown[-1].splitlines()[0]
    assert "What was done before it stands; Undo takes it back." in shown[-1]
    assert "Traceback" not in shown[-1]
    assert house.lamps == {"hall": "on", "attic": "off"}
    assert "Apply does this:" in shown[-1]
    assert "Undo does this:" in shown[-1]
    house.broken = ""
    undo.click()
    assert house.lamps["hall"] == "off"


def test_who_else_is_at_work_on_this_home_is_said(house, tmp_path, shown, controls) -> None:
    world = at_home(tmp_path)
    tick, apply, _ = controls(world)
    tick.value = True
    with home_lock.HomeLock(tmp_path / "home.lock").held(True, "another-run"):
        apply.click()
    assert "run another-run of" in shown[-1]
    assert not house.done


def test_in_a_lab_a_click_waits_for_another_notebook_and_then_looks_at_what_is_left(
    house, tmp_path, shown, controls, monkeypatch
) -> None:
    apply, _ = controls(in_the_lab(tmp_path))
    other = contextlib.ExitStack()
    other.enter_context(home_lock.HomeLock(tmp_path / "home.lock").held(True, "another-notebook"))
    say = one_at_a_time._said

    def said(who: str) -> None:
        say(who)
        house.lamps["hall"] = "on"  # by the other one, which is done then
        other.close()

    monkeypatch.setattr(one_at_a_time, "_said", said)
    apply.click()
    assert any("Another is at work on this lab: run another-notebook of" in text for text in shown)
    assert house.done == ["on"], "the attic's alone"
    assert house.lamps == {"hall": "on", "attic": "on"}
    assert shown[-1].startswith("All 2 changes are made.")


def test_a_lab_that_is_gone_is_not_made_again_by_a_click(house, tmp_path, shown, controls) -> None:
    (tmp_path / "lab").mkdir()
    world = in_the_lab(tmp_path)
    world.journal.path = tmp_path / "lab/journal.jsonl"
    apply, _ = controls(world)
    (tmp_path / "lab").rmdir()
    apply.click()
    assert "no lab answers" in shown[-1]
    assert not house.done
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize(
    ("text", "forbidden", "why"),
    [
        ("", True, "apply = False, so this is only looked at."),
        ("manage: [enrollment]\n", False, "Observed, not managed: exit_node is not under `manage`"),
    ],
)
def test_where_the_reader_has_said_no_there_are_no_buttons(
    house, tmp_path, shown, controls, text, forbidden, why
) -> None:
    world = at_home(tmp_path, text)
    world.forbidden = forbidden
    assert not controls(world)
    assert shown[-1].startswith(why)
    assert world.apply(PLAN, told=True) is False, "whoever asks"
    assert not house.done


def test_a_chapter_that_was_done_in_another_session_can_be_taken_back(
    house, tmp_path, shown, controls
) -> None:
    world = in_the_lab(tmp_path)
    assert not controls(world, Plan("06_exit_node"))
    assert shown[-1].startswith("No changes")
    world.apply(PLAN)
    world.run = "jupyter-another-day"
    _, undo = controls(world, Plan("06_exit_node"))
    assert shown[-1].startswith("All 2 changes are made. Undo does this:")
    undo.click()
    assert house.lamps == {"hall": "off", "attic": "off"}


def test_what_has_come_half_way_has_not_moved_away(house, tmp_path, shown, controls) -> None:
    """An undo may leave the program on the disk that the plan had found missing: what it needs is there already."""
    waits = Change(
        "tequila",
        "lamp",
        "light",
        Lamp("hall", "off"),
        Lamp("hall", "on"),
        "hall",
        found=Lamp("hall", "none"),
    )
    apply, _ = controls(in_the_lab(tmp_path), Plan("06_exit_node", (waits,)))
    assert shown[-1].startswith("The change is not made. Apply does this:")
    apply.click()
    assert house.lamps["hall"] == "on"


def test_where_both_buttons_do_something_both_are_outlined(house, tmp_path, shown, controls) -> None:
    house.lamps["hall"] = "on"
    controls(in_the_lab(tmp_path), PLAN)
    forth, _, back = shown[-1].partition("Undo does this:")
    assert forth.startswith("1 of 2 changes is made. Apply does this:")
    assert "switch attic on" in forth
    assert "switch hall on" not in forth
    assert "switch hall off" in back
    assert "attic" not in back


@pytest.mark.parametrize(
    ("reusable", "logged_in", "made"),
    [(False, True, 2), (False, False, 0), (True, True, 1)],
)
def test_a_key_that_its_login_has_used_up_counts_as_made(tmp_path, reusable, logged_in, made) -> None:
    """It is gone by itself, and made anew only for a new login; a key for many is there, or is not."""
    key = auth_key.State(True, "k", reusable=reusable)
    out, on = login.State(login.NEEDS_LOGIN), login.State(login.RUNNING)
    wanted = Plan(
        "08_audited_ssh",
        (
            Change("tailnet", "auth_key", "a key", auth_key.State(False, "k"), key, "k"),
            Change("recorder", "login", "joins by it", out, on),
        ),
    )
    now = {"auth_key": auth_key.State(False, "k"), "login": on if logged_in else out}
    world: Any = SimpleNamespace(now=lambda change: now[change.resource])
    found = standing.look(world, wanted)
    assert (len(found.made), len(found.left)) == (made, 2 - made)
    assert not found.moved


def test_a_plan_read_from_the_journal_has_no_key_to_apply_with(house, tmp_path, shown, controls) -> None:
    change = Change(
        "tailnet", "auth_key", "a key", auth_key.State(False, "k"), auth_key.State(True, "k"), "k"
    )
    world = in_the_lab(tmp_path)
    world.now = lambda change: change.before  # type: ignore[method-assign]
    house.command = lambda before, after: ["make", "a", "key"]  # type: ignore[method-assign]
    apply, _ = controls(world, Plan("08_audited_ssh", (change,)))
    apply.click()
    assert shown[-1].startswith(
        "Nothing was done: the journal keeps no keys. Run the cell that makes the plan again"
    )
    assert not world.journal.entries()


def test_a_click_without_the_tick_does_nothing(house, tmp_path, shown, controls) -> None:
    _, apply, undo = controls(at_home(tmp_path))
    before = shown[:]
    apply.click()  # the browser had not greyed it yet
    undo.click()
    assert not house.done
    assert shown == before


def test_where_the_first_change_fails_nothing_was_done_before_it(house, tmp_path, shown, controls) -> None:
    apply, _ = controls(in_the_lab(tmp_path), PLAN)
    house.broken = "hall"
    apply.click()
    assert "no light" in shown[-1]
    assert "What was done before" not in shown[-1]
    assert "Undo does this:" not in shown[-1]


def test_an_undo_that_fails_half_way_is_not_said_to_be_taken_back_by_undo(
    house, tmp_path, shown, controls
) -> None:
    apply, undo = controls(in_the_lab(tmp_path), PLAN)
    apply.click()
    house.broken = "hall"
    undo.click()
    assert house.lamps == {"hall": "on", "attic": "off"}
    assert "press again, and it goes on from there" in shown[-1]
    assert "Undo takes it back" not in shown[-1]


def test_what_is_printed_is_heard_line_by_line() -> None:
    heard: list[object] = []
    with panels.Lines(heard.append) as lines:
        print("a", "b", file=lines)
        print("c\nd", end="", file=lines)
        assert heard == ["a b", "c"]
    assert heard == ["a b", "c", "d"]
