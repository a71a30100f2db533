"""A saved plan under way: what its own steps have changed beside their work is not somebody else's doing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab.errors import StalePlan
from homelab.joined_plan import Joined, Step
from homelab.journal import Journal
from homelab.plan import Change
from homelab.plan_underway import is_on_the_way, look, onward
from homelab.policy import policyfile
from homelab.resources import consent, policy, prefs
from homelab.saved_plan import Saved

PAGE = consent.BESIDE[0][1]
EMPTY = policy.State("{\n}\n")
FUNNEL = {"target": ["autogroup:member"], "attr": ["funnel"]}


def edited(now: policy.State, section: str, item: Any = "x") -> policy.State:
    return policy.State(policyfile.with_item(now.text, section, item))


ALLOW = Step(
    "05", Change("pi", "consent", "allow Funnel", consent.State(False, "n"), consent.State(True, "n"))
)
SSH = Step("08", Change("tailnet", "policy", "who may", EMPTY, edited(EMPTY, "ssh")))
MORE = Step("09", Change("tailnet", "policy", "more", SSH.change.after, edited(SSH.change.after, "grants")))
SAVED = Saved(
    Path("plan.json"),
    "attic",
    "home.yaml",
    "run-1",
    "2026-11-27T22:00:00+01:00",
    {},
    Joined((ALLOW, SSH, MORE)),
)


@dataclass
class World:
    """What is now, and what the journal says of how it came to be."""

    journal: Journal
    policy: policy.State = EMPTY
    given: bool = False

    def now(self, change: Change) -> Any:
        return self.policy if change.resource == "policy" else consent.State(self.given, "n")

    def goes(self, step: Step, now: policy.State | None = None, why: str = "") -> None:
        """A step is applied; or what else brings the policy to `now`, as the journal has it."""
        change = step.change
        if now is not None:
            change = Change("tailnet", "policy", why, self.policy, now)
        if change.resource == "policy":
            self.policy = change.after
        else:
            self.given = True
        self.journal.append("run-2", change, step.stage)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Journal(tmp_path / "journal.jsonl"))


def names(steps: list[Step]) -> list[str]:
    return [step.change.why for step in steps]


def test_an_edit_is_made_on_top_of_what_the_page_of_an_earlier_step_wrote(world: World) -> None:
    assert look(SAVED, world) == ([], [ALLOW, SSH, MORE])
    world.goes(ALLOW)
    world.goes(ALLOW, edited(EMPTY, "nodeAttrs", FUNNEL), PAGE)
    assert look(SAVED, world) == ([], [SSH, MORE]), "cut off here, the plan still fits"
    for step in (SSH, MORE):
        change = onward(SAVED, step.change, world)
        assert change.before == world.policy
        world.goes(step, change.after, step.change.why)
    assert policyfile.data(world.policy.text) == {"nodeAttrs": [FUNNEL], "ssh": ["x"], "grants": ["x"]}
    assert look(SAVED, world) == ([], [])


@pytest.mark.parametrize("before", [True, False])
def test_what_somebody_else_wrote_is_not_ours(world: World, before: bool) -> None:
    other = edited(EMPTY, "grants", "somebody's")
    if before:
        world.policy = other
    world.goes(ALLOW)
    world.goes(ALLOW, edited(world.policy, "nodeAttrs", FUNNEL), PAGE)
    if not before:
        world.policy = edited(world.policy, "grants", "somebody's")
    (moved,), _ = look(SAVED, world)
    assert moved.resource == "policy"
    assert "somebody" in moved.since
    assert onward(SAVED, SSH.change, world) == SSH.change, "which World.apply_one refuses"


def test_what_another_run_of_ours_wrote_is_somebody_elses_too(world: World) -> None:
    world.goes(SSH, edited(EMPTY, "nodeAttrs", FUNNEL), "another stage's wish")
    assert [m.resource for m in look(SAVED, world)[0]] == ["policy"]


def test_what_does_not_go_together_is_said(world: World) -> None:
    world.goes(ALLOW)
    world.goes(ALLOW, policy.State('{"ssh": {}}'), PAGE)
    with pytest.raises(StalePlan) as caught:
        onward(SAVED, SSH.change, world)
    assert "changed its ssh too" in caught.value.what
    assert "--params home.yaml" in caught.value.hint


OFF, ON = prefs.State(), prefs.State(ssh=True, advertise_routes=("10.0.0.0/8",))


def test_part_of_the_way_is_on_the_way_and_elsewhere_is_not() -> None:
    change = Change("pi", "prefs", "why", OFF, ON)
    assert is_on_the_way(prefs.State(ssh=True), change)
    assert is_on_the_way(OFF, change)
    assert not is_on_the_way(prefs.State(ssh=True, shields_up=True), change)
    assert not is_on_the_way(prefs.State(advertise_routes=("10.9.0.0/16",)), change)
