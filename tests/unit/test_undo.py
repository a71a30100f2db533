"""Taking back a run: the world as it was before it, as far as later runs have left it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from homelab import history
from homelab import plan as plans
from homelab.errors import ApplyFailed, CommandFailed, StalePlan
from homelab.journal import Journal
from homelab.machine import Pending
from homelab.one_at_a_time import OneAtATime
from homelab.plan import Change, Plan
from homelab.read_only import Guard
from homelab.world import World


@dataclass(frozen=True)
class Lamp:
    light: str


class House:
    """A place with lamps by name, which is the resource module of a lamp too."""

    name, State = "room", Lamp

    def __init__(self) -> None:
        self.lamps: dict[str, str] = {}
        self.done: list[str] = []
        self.broken = ""

    def read(self, place: object, name: str) -> Lamp:
        return Lamp(self.lamps.get(name, "off"))

    def command(self, before: Lamp, after: Lamp) -> list[str]:
        return ["switch", after.light]

    def do(self, place: object, before: Lamp, after: Lamp) -> None:
        if self.broken == after.light:
            raise CommandFailed(["switch"], 1, err="no current")
        self.done.append(after.light)
        self.lamps[self.switched] = after.light

    switched = "lamp"


class Days:
    """Runs in a world, one after the other; `state` is what the lamp is now."""

    def __init__(self, house: House, path: Path) -> None:
        self.house, self.world = house, World.__new__(World)
        self.world.guard, self.world.alone = Guard(True), OneAtATime(self.world)
        world: Any = self.world
        world.machines, world.journal, world.applies = {"room": house}, Journal(path), True
        world.tailnet, world.lab, world.pending = None, None, Pending()
        world.params = SimpleNamespace(
            path=path, common=SimpleNamespace(world="test"), manages=lambda stage: True
        )

    def run(self, name: str, *lights: str, lamp: str = "lamp") -> None:
        """A run that brings the lamp to one light after the other, as plans do: nothing where it is so already."""
        self.world.run, self.house.switched = name, lamp
        for light in lights:
            now = self.house.read(None, lamp)
            if now.light != light:
                change = Change("room", "lamp", f"make it {light}", now, Lamp(light), lamp)
                self.world.apply(Plan("08", (change,)))

    def killed(self, name: str, light: str = "off") -> None:
        """A demonstration of a run that changes the lamp by other means, and says so."""
        self.world.run, now = name, self.house.read(None, "lamp")
        self.house.lamps["lamp"] = light
        self.world.came_about(Change("room", "lamp", "killed", now, Lamp(light), "lamp"), "08")

    def undo(self, name: str) -> list[str]:
        """Take that run back, as `./runbook undo` does; returns what was switched."""
        self.world.run = ""
        before = len(self.house.done)
        self.world.take_back(name)
        return self.house.done[before:]

    @property
    def state(self) -> str:
        return self.house.read(None, "lamp").light


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Days:
    house = House()
    monkeypatch.setattr(plans, "resource", lambda name: house)
    monkeypatch.setattr("homelab.world.resource", lambda name: house)
    return Days(house, tmp_path / "journal.jsonl")


def test_a_demonstration_that_ends_where_it_began_leaves_nothing_to_undo(days: Days) -> None:
    days.run("A", "on", "off", "on")
    days.run("B", "off", "on")
    assert days.undo("B") == []
    assert days.state == "on"
    assert days.undo("A") == ["off"]


def test_what_was_killed_in_a_lesson_and_mended_leaves_nothing_to_undo(days: Days) -> None:
    """08 a second time: "No changes.", then the recorder is killed in the middle of a session, and comes back."""
    days.run("A", "on")
    days.run("B", "on")
    days.killed("B")
    days.run("B", "on")
    assert days.undo("B") == []
    assert days.state == "on"


def test_a_failed_run_between_them_does_not_hide_what_the_first_began(days: Days) -> None:
    """05-08 as A, again as B, a 08 that fails in the middle as C; then undo C, B, A."""
    days.run("A", "on", "off", "on")
    days.run("B", "off", "on")
    days.killed("C")
    assert days.state == "off"
    assert days.undo("C") == ["on"]
    assert days.undo("B") == []
    assert days.undo("A") == ["off"]
    assert [days.undo(run) for run in "CBA"] == [[], [], []], "nothing is left of them"


def test_the_first_of_two_runs_can_be_taken_back_where_the_second_left_it_alone(days: Days) -> None:
    days.run("A", "on")
    days.run("B", "off", "on")
    assert days.undo("A") == ["off"]
    assert days.undo("B") == []


def test_a_later_run_that_went_back_has_taken_back(days: Days) -> None:
    days.run("A", "on")
    days.run("B", "off")
    assert days.undo("A") == []
    days.run("D", "on")
    assert days.undo("A") == [], "what D has switched on is D's"
    assert days.undo("D") == ["off"]
    assert days.undo("B") == ["on"]
    assert days.undo("A") == ["off"]


def test_what_was_taken_back_and_done_anew_belongs_to_who_did_it_anew(days: Days) -> None:
    days.run("A", "on")
    assert days.undo("A") == ["off"]
    days.run("D", "on")
    assert days.undo("A") == []
    assert days.undo("D") == ["off"]


def test_what_somebody_switched_off_in_between_was_off_before_the_next_run(days: Days) -> None:
    """By hand, unknown to the journal: the second run finds it off, and taking it back makes it off."""
    days.run("A", "on")
    days.house.lamps["lamp"] = "off"
    days.run("B", "on")
    assert days.undo("A") == []
    assert days.undo("B") == ["off"]


def test_a_run_that_found_it_gone_in_the_middle_still_takes_back_what_it_found_first(days: Days) -> None:
    days.run("A", "on")
    days.house.lamps["lamp"] = "off"
    days.run("A", "on")
    assert days.undo("A") == ["off"]
    assert days.undo("A") == []


def test_the_way_of_several_steps_is_gone_back_step_by_step(days: Days) -> None:
    days.run("A", "dim", "bright", "dim", "on")
    assert days.undo("A") == ["dim", "off"]


def test_each_thing_by_itself_and_the_last_first(days: Days) -> None:
    days.run("A", "on")
    days.run("A", "red", lamp="other")
    days.run("B", "off", "on")
    back = days.world.journal.way_back("A")
    assert [(c.name, c.after.light) for c in back] == [("other", "off"), ("lamp", "off")]


def test_what_a_later_run_changed_further_is_refused_before_anything_is_done(days: Days) -> None:
    days.run("A", "on")
    days.run("A", "red", lamp="other")
    days.run("B", "bright")
    with pytest.raises(StalePlan) as caught:
        days.undo("A")
    assert "./runbook undo B" in caught.value.hint
    assert days.house.lamps == {"lamp": "bright", "other": "red"}
    assert days.undo("B") == ["on"]
    days.house.switched = "other"
    with pytest.raises(ApplyFailed):  # the house switches one lamp only; half an undo is in the journal
        days.undo("A")
    days.house.switched = "lamp"
    assert days.undo("A") == ["off"]


def test_an_undo_that_failed_can_be_tried_again(days: Days) -> None:
    days.run("A", "on")
    days.house.broken = "off"
    with pytest.raises(ApplyFailed):
        days.undo("A")
    days.house.broken = ""
    assert days.undo("A") == ["off"]


def test_only_shown_it_names_what_is_left_to_do(days: Days, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that was used up is gone by itself: then nothing waits; after a complete undo nothing is left to say."""
    days.run("A", "dim", "on")
    days.house.lamps["lamp"] = "off"
    days.world.applies = False
    assert days.world.take_back("A")
    assert days.world.pending.count == 0
    said = capsys.readouterr().out
    assert said.count("already") >= 2
    assert "back already" in said
    days.house.lamps["lamp"] = "dim"
    assert not days.world.take_back("A")
    assert days.world.pending.count == 1
    days.world.applies = True
    assert days.undo("A") == ["off"]
    assert not days.world.journal.way_back("A"), "also what was back already is written down"


def test_all_runs_together(days: Days) -> None:
    days.run("A", "on")
    days.run("B", "off")
    days.run("C", "red")
    assert [c.after.light for c in days.world.journal.way_back()] == ["off"]


def test_nothing_is_written_of_a_lesson_that_changed_nothing(days: Days) -> None:
    days.killed("A", light="off")
    assert days.world.journal.entries() == []


def _entry(run: str, old: str, new: str) -> history.Entry:
    return history.Entry(0.0, run, "08", Change("room", "lamp", "", Lamp(old), Lamp(new)))


def test_followers_are_those_that_still_stand() -> None:
    steps = [("A", "off", "on"), ("B", "on", "red"), ("B", "red", "on"), ("C", "on", "dim")]
    entries = [_entry(*step) for step in steps]
    assert history.followers(entries, "A") == {("room", "lamp", ""): "C"}
    assert history.followers(entries[:3], "A") == {}
