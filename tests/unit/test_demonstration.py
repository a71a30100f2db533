"""What is changed for a lesson is changed back, however the lesson ends."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from homelab import demonstration
from homelab.demonstration import for_a_moment
from homelab.errors import ApplyFailed, CheckFailed
from homelab.plan import Plan, change
from homelab.resources import account

HERE, GONE = account.State("x", True), account.State("x", False)


class Somewhere:
    """A world whose only resource is a table; `stuck` names what cannot be changed any more."""

    def __init__(self, monkeypatch, applies: bool = True) -> None:
        self.applies = applies
        self.now = {"a": HERE, "b": HERE}
        self.stuck: set[str] = set()
        self.did: list[str] = []
        module = SimpleNamespace(read=lambda place, name: self.now[name])
        monkeypatch.setattr(demonstration, "resource", lambda name: module)

    def place(self, name: str) -> str:
        return name

    def apply(self, plan: Plan) -> bool:
        for one in plan:
            if not self.applies:
                self.did.append(f"planned: {one.why}")
                continue
            if one.name in self.stuck:
                raise ApplyFailed(f"{one.name} is stuck")
            self.now[one.name] = one.after
            self.did.append(one.why)
        return True


def away(name: str) -> Plan:
    return Plan("s", change("m", "account", HERE, GONE, f"{name} goes", name=name))


def test_for_as_long_as_it_is_looked_at(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    with for_a_moment(world, away("a"), away("b")):
        assert world.now == {"a": GONE, "b": GONE}
    assert world.now == {"a": HERE, "b": HERE}
    assert world.did == ["a goes", "b goes", "take back: b goes", "take back: a goes"]


def test_where_nothing_is_applied_it_is_planned_there_and_back(monkeypatch) -> None:
    world = Somewhere(monkeypatch, applies=False)
    with for_a_moment(world, away("a"), away("b")):
        assert world.now == {"a": HERE, "b": HERE}
    assert world.did == [
        "planned: a goes",
        "planned: b goes",
        "planned: take back: b goes",
        "planned: take back: a goes",
    ]


@pytest.mark.parametrize("error", [CheckFailed("c", "phone", "no"), KeyboardInterrupt(), AssertionError()])
def test_also_when_the_look_fails(monkeypatch, error) -> None:
    world = Somewhere(monkeypatch)
    with pytest.raises(type(error)), for_a_moment(world, away("a"), away("b")):
        raise error
    assert world.now == {"a": HERE, "b": HERE}


def test_what_began_is_taken_back_when_the_next_cannot_begin(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    world.stuck.add("b")
    with pytest.raises(ApplyFailed, match="b is stuck"), for_a_moment(world, away("a"), away("b")):
        pytest.fail("the lesson must not begin")
    assert world.now == {"a": HERE, "b": HERE}


def test_what_the_lesson_mended_itself_is_left_alone(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    with for_a_moment(world, away("a")):
        world.now["a"] = HERE
    assert world.did == ["a goes"]


@pytest.mark.parametrize(
    "error", [None, CheckFailed("c", "phone", "the lesson's own failure is what is told")]
)
def test_one_that_sticks_does_not_keep_the_others(monkeypatch, error) -> None:
    world = Somewhere(monkeypatch)

    def lesson() -> None:
        with for_a_moment(world, away("a"), away("b")):
            world.stuck.add("b")
            if error:
                raise error

    with pytest.raises(type(error) if error else ApplyFailed):
        lesson()
    assert world.now == {"a": HERE, "b": GONE}
