"""A change is a transition: the shown command, the way back and staleness come from its two states."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from homelab import plan as plans
from homelab.errors import ApplyFailed, CommandFailed, HomelabError, NeedFailed, StalePlan
from homelab.journal import Journal
from homelab.machine import Pending
from homelab.one_at_a_time import OneAtATime
from homelab.plan import Change, Later, Plan, change, matches, plan
from homelab.read_only import Guard
from homelab.resources import login, prefs
from homelab.world import World

NOW = login.State("NeedsLogin")
WANTED = login.wanted("demoserver")


def test_command_and_way_back_come_from_the_same_states() -> None:
    (up,) = change("demoserver", "login", NOW, WANTED, "join")
    assert up.command == "sudo tailscale up --hostname=demoserver"
    assert up.inverse().command == "sudo tailscale logout"
    assert up.inverse().inverse().before == up.before


def test_nothing_to_do_is_no_changes() -> None:
    running = login.State("Running", "demoserver", address="100.64.0.1")
    empty = plan("enrollment", change("demoserver", "login", running, WANTED, "join"))
    assert not empty
    assert str(empty) == "No changes."


def test_values_known_later_match_any_and_are_said() -> None:
    assert matches(login.State("Running", "demoserver", address="100.64.0.9"), WANTED)
    assert not matches(login.State("Running", "other", address="100.64.0.9"), WANTED)
    assert "<known after login>" in str(plan("s", change("d", "login", NOW, WANTED, "join")))


def test_a_saved_plan_is_plain_json_and_equal_when_read_back() -> None:
    made = plan(
        "s",
        change(
            "d", "login", NOW, login.wanted("d", ("tag:container",), key="env:KEY"), "join", loses="nothing"
        ),
        change("d", "prefs", prefs.State(), prefs.State(advertise_routes=("10.20.0.0/24",)), "route"),
    )
    assert Plan.load(json.loads(json.dumps(made.data()))) == made


def test_a_plan_of_another_version_is_refused_by_name() -> None:
    data = plan("s", change("d", "login", NOW, WANTED, "join")).data()
    data["changes"][0]["resource"] = "teleport"
    with pytest.raises(HomelabError, match="teleport"):
        Plan.load(data)
    data["changes"][0]["resource"] = "login"
    data["changes"][0]["after"]["colour"] = "red"
    with pytest.raises(HomelabError, match="colour"):
        Plan.load(data)


def test_the_inverse_of_a_plan_is_last_first() -> None:
    made = plan(
        "s",
        change("a", "prefs", prefs.State(), prefs.State(ssh=True), "1"),
        change("b", "login", NOW, WANTED, "2"),
    )
    assert [c.machine for c in made.inverse()] == ["b", "a"]


@dataclass(frozen=True)
class Lamp:
    on: bool


class Room:
    """A place whose one resource is a lamp; the fixture makes it a resource module."""

    name, pending = "room", Pending()
    State = Lamp

    def __init__(self) -> None:
        self.lamp, self.broken, self.done = Lamp(False), False, 0

    def read(self, place, name: str) -> Lamp:
        return self.lamp

    def command(self, before: Lamp, after: Lamp) -> list[str]:
        return ["switch", "on" if after.on else "off"]

    def do(self, place, before: Lamp, after: Lamp) -> None:
        self.done += 1
        if self.broken:
            raise CommandFailed(["switch"], 1, err="no light")
        self.lamp = after


@pytest.fixture
def room(monkeypatch) -> Room:
    made = Room()
    monkeypatch.setattr(plans, "resource", lambda name: made)
    monkeypatch.setattr("homelab.world.resource", lambda name: made)
    return made


def _world(room: Room, tmp_path, applies: bool = True) -> World:
    made = World.__new__(World)
    made.guard, made.alone = Guard(True), OneAtATime(made)
    made.machines, made.journal, made.applies = {"room": room}, Journal(tmp_path / "j.jsonl"), applies
    made.tailnet, made.lab, made.run, made.pending = None, None, "run-1", Pending()

    class Common:
        world = "test"

    made.params = type("P", (), {"common": Common, "path": tmp_path, "manages": lambda self, stage: True})()
    return made


ON = Change("room", "lamp", "light", Lamp(False), Lamp(True))


def test_apply_journal_and_undo(room: Room, tmp_path) -> None:
    world = _world(room, tmp_path)
    assert world.apply(Plan("s", (ON,)))
    assert room.lamp.on
    back = world.journal.way_back("run-1")
    assert [c.command for c in back] == ["switch off"]
    world.run = "an undo, which is a run of its own"
    assert world.take_back("run-1")
    assert not room.lamp.on
    assert not world.journal.way_back("run-1")


def test_what_is_there_already_is_not_done_again(room: Room, tmp_path, capsys) -> None:
    room.lamp = Lamp(True)
    _world(room, tmp_path).apply(Plan("s", (ON,)))
    assert room.done == 0
    assert "already" in capsys.readouterr().out


def test_a_stale_plan_is_refused_and_nothing_is_done(room: Room, tmp_path) -> None:
    @dataclass(frozen=True)
    class Other:
        on: str

    room.lamp = Other("broken")
    with pytest.raises(StalePlan):
        _world(room, tmp_path).apply(Plan("s", (ON,)))
    assert room.done == 0


def test_where_nothing_may_be_applied_it_is_shown_and_waits(room: Room, tmp_path, capsys) -> None:
    world = _world(room, tmp_path, applies=False)
    assert not world.apply(Plan("s", (ON,)))
    assert (room.done, world.pending.count) == (0, 1)
    assert "--apply" in capsys.readouterr().out
    world.apply(Plan("s", (ON,)))
    assert world.pending.count == 1, "further down a notebook may plan the same thing again"
    assert "planned" not in capsys.readouterr().out


def test_a_failed_change_stops_and_is_not_tried_again_in_the_run(room: Room, tmp_path, capsys) -> None:
    world = _world(room, tmp_path)
    room.broken = True
    with pytest.raises(ApplyFailed, match="no light"):
        world.apply(Plan("s", (ON, ON)))
    assert room.done == 1
    with pytest.raises(NeedFailed, match="no light"):
        world.apply(Plan("other stage", (ON,)))
    assert room.done == 1
    world.run = "run-2"
    with pytest.raises(ApplyFailed):
        world.apply(Plan("s", (ON,)))
    capsys.readouterr()


def test_a_half_written_journal_line_is_passed_over(room: Room, tmp_path, capsys) -> None:
    world = _world(room, tmp_path)
    world.apply(Plan("s", (ON,)))
    with world.journal.path.open("a") as file:
        file.write('{"schema": 1, "at": 17')
    assert len(world.journal.entries()) == 1
    capsys.readouterr()


def test_a_journal_of_a_newer_version_is_refused_with_its_line(tmp_path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"schema": 99}\n')
    with pytest.raises(HomelabError) as caught:
        Journal(path).entries()
    assert caught.value.where == f"{path}:1"


def test_later_is_said_with_what_makes_it_known() -> None:
    assert str(Later("enrolment")) == "<known after enrolment>"


def test_what_an_earlier_change_has_yet_to_lead_to_is_told_with_what_was_found() -> None:
    absent, fresh, running = (login.State(node) for node in ("not installed", "NeedsLogin", "Running"))
    (made,) = plans.change("phone", "login", fresh, running, "log in", absent)
    assert Change.load(json.loads(json.dumps(made.data()))).found == absent
    assert made.inverse().found is None
    (usual,) = plans.change("phone", "login", fresh, running, "log in", fresh)
    assert "found" not in usual.data()
