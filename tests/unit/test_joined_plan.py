"""The plans of all stages as one: each change once, lessons not at all, and what cannot be told left for the next run."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from homelab import plan as plans
from homelab.joined_plan import Joined, join
from homelab.outcome import Outcome
from homelab.plan import Change, Later, matches
from homelab.secret import conceal


@dataclass(frozen=True)
class Node:
    up: bool = False
    tags: tuple[str, ...] = ()
    address: str | Later = ""
    exit_node: str = ""
    about: str = ""


class Nodes:
    State = Node

    def command(self, before: Node, after: Node) -> list[str]:
        return ["set", "up" if after.up else "down"]


@pytest.fixture(autouse=True)
def _nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "resource", lambda name: Nodes())


def change(before: Node, after: Node, machine: str = "tequila", why: str = "so") -> Change:
    return Change(machine, "node", why, before, after)


def planned(*changes: Change) -> list[dict]:
    """The records that a notebook leaves of what it would apply."""
    return [Outcome(c, "planned").record() for c in changes]


OFF, ON = Node(), Node(up=True)


def told(plan: Joined) -> list[tuple[str, str, Node, Node]]:
    return [(s.stage, s.change.machine, s.change.before, s.change.after) for s in plan.steps]


def test_the_same_need_counts_once() -> None:
    plan = join(
        [("03", planned(change(OFF, ON))), ("05", planned(change(OFF, ON), change(OFF, ON, "phone")))]
    )
    assert told(plan) == [("03", "tequila", OFF, ON), ("05", "phone", OFF, ON)]
    assert len(plan) == 2


def test_a_value_known_later_is_the_same_need() -> None:
    later = replace(ON, address=Later("enrolment"))
    plan = join([("03", planned(change(OFF, later))), ("05", planned(change(OFF, later)))])
    assert told(plan) == [("03", "tequila", OFF, later)]


def test_different_wishes_are_chained() -> None:
    tagged, routed = Node(tags=("tag:a",)), Node(tags=("tag:b",), exit_node="sweden")
    plan = join([("03", planned(change(OFF, tagged))), ("06", planned(change(OFF, routed)))])
    both = Node(tags=("tag:a", "tag:b"), exit_node="sweden")
    assert told(plan) == [("03", "tequila", OFF, tagged), ("06", "tequila", tagged, both)]


def test_a_wish_that_an_earlier_one_fulfils_needs_nothing() -> None:
    more = Node(up=True, tags=("tag:a",))
    assert len(join([("03", planned(change(OFF, more))), ("05", planned(change(OFF, ON)))])) == 1


def test_what_cannot_be_told_is_left_with_all_that_this_stage_wanted_after_it() -> None:
    one, other = Node(exit_node="sweden"), Node(exit_node="home")
    mine = planned(change(OFF, ON, "phone"), change(OFF, other, why="other way"), change(OFF, ON, "router"))
    plan = join([("06", planned(change(OFF, one))), ("07", mine), ("08", planned(change(OFF, ON, "router")))])
    assert [s.change.machine for s in plan.steps] == ["tequila", "phone", "router"]
    assert plan.steps[-1].stage == "08", "who needs it by itself still gets it"
    conflict, after = plan.left
    assert (conflict.stage, conflict.machine) == ("07", "tequila")
    assert "06 changes its exit node too" in conflict.reason
    assert "other way" in after.reason
    assert len(plan) == 5


def test_steps_of_one_stage_follow_each_other() -> None:
    half, whole = Node(up=True), Node(up=True, tags=("tag:a",))
    plan = join([("03", planned(change(OFF, half), change(half, whole)))])
    assert [c.after for c in plan.ways()[("tequila", "node", "")]] == [half, whole]


def test_a_stage_goes_on_from_where_it_would_be_itself_on_top_of_what_others_did() -> None:
    a, b, bc = Node(tags=("tag:a",)), Node(tags=("tag:b",)), Node(tags=("tag:b", "tag:c"))
    plan = join([("04", planned(change(OFF, a))), ("08", planned(change(OFF, b), change(b, bc)))])
    assert plan.left == ()
    assert [s.change.after.tags for s in plan.steps] == [
        ("tag:a",),
        ("tag:a", "tag:b"),
        ("tag:a", "tag:b", "tag:c"),
    ]
    strange = Node(tags=("tag:z",))
    plan = join([("04", planned(change(OFF, a))), ("08", planned(change(OFF, b), change(strange, bc)))])
    assert "planned again" in plan.left[0].reason


def test_lessons_there_and_back_count_for_nothing() -> None:
    a, b = change(OFF, ON), change(OFF, ON, "phone")
    lesson = planned(a, b, b.inverse(), a.inverse())
    assert len(join([("03", lesson)])) == 0
    stop = change(ON, OFF)
    work = planned(stop, change(OFF, ON, "data"), stop.inverse())
    assert len(join([("04", work)])) == 3, "what is stopped for something is no lesson"


def test_a_secret_is_never_part_of_it() -> None:
    conceal("a-word-that-is-secret")
    record = Outcome(change(OFF, Node(about="a-word-that-is-secret")), "planned")._repr_mimebundle_()
    (mime,) = [key for key in record if key.startswith("application/vnd")]
    assert "•••" in str(record[mime])
    for found in (record[mime], *planned(change(OFF, Node(about="a-word-that-is-secret")))):
        plan = join([("04", [found, *planned(change(OFF, ON, "phone"))])])
        assert plan.steps == ()
        assert "secret" in plan.left[0].reason
        assert len(plan.left) == 2


def test_a_record_that_says_too_little_waits_too() -> None:
    plan = join([("00", [{"machine": "m", "why": "w", "outcome": "planned"}])])
    assert (len(plan.steps), len(plan.left)) == (0, 1)


def test_an_applied_change_is_not_told_whole() -> None:
    assert "change" not in Outcome(change(OFF, ON), "applied").record()


@pytest.mark.parametrize("seed", range(200))
def test_applied_in_order_every_step_fits_and_nothing_is_lost(seed: int) -> None:
    """Whatever stages want: the plan starts from the world, each step from the one before, and keeps every wish."""
    draw = random.Random(seed)
    machines = ("tequila", "phone", "router")
    world = {
        m: Node(draw.random() < 0.3, tuple(draw.sample(("tag:a", "tag:b"), draw.randint(0, 2))))
        for m in machines
    }
    wishes = []
    for number in range(4):
        changes = []
        for machine in draw.sample(machines, draw.randint(0, 3)):
            wanted = Node(
                True,
                (*world[machine].tags, f"tag:{draw.choice('cdef')}"),
                "",
                draw.choice(("", "", "x", "y")),
            )
            if wanted != world[machine]:
                changes.append(change(world[machine], wanted, machine, f"{number} wants it"))
        wishes.append((f"{number:02}", changes))
    plan = join((stage, planned(*changes)) for stage, changes in wishes)
    now = dict(world)
    for step in plan.steps:
        assert matches(now[step.change.machine], step.change.before)
        now[step.change.machine] = step.change.after
    left = {(one.stage, one.machine) for one in plan.left}
    for stage, changes in wishes:
        for wish in changes:
            if (stage, wish.machine) in left:
                continue
            reached = now[wish.machine]
            assert set(wish.after.tags) <= set(reached.tags)
            assert wish.after.exit_node in ("", reached.exit_node)
            assert reached.up
