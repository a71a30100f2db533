"""Two edits of one policy become one, with every comment; what both have changed differently is never guessed."""

from __future__ import annotations

import random

import pytest

from homelab.policy import policyfile
from homelab.policy.merge import merged
from homelab.three_way import Disagree

BASE = """// ours
{
  // who reaches what
  "grants": [
    {"src": ["*"], "dst": ["*"], "ip": ["*"]}, // all
  ],
  "tagOwners": {"tag:a": ["autogroup:admin"]},
  "randomizeClientPort": false,
}
"""
GRANT = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
EDITS = {
    "a section": lambda text: policyfile.with_key(text, ("autoApprovers", "routes"), "10.0.0.0/8", ["x"]),
    "a list": lambda text: policyfile.with_item(text, "nodeAttrs", {"target": ["*"], "attr": ["funnel"]}),
    "a key": lambda text: policyfile.with_key(text, "tagOwners", "tag:b", ["autogroup:admin"]),
    "an item": lambda text: policyfile.with_item(text, "grants", {"src": ["b"], "dst": ["c"], "ip": ["*"]}),
    "a key out": lambda text: policyfile.without_key(text, "tagOwners", "tag:a"),
    "a word": lambda text: text.replace("false", "true"),
}


@pytest.mark.parametrize("one", EDITS)
@pytest.mark.parametrize("other", EDITS)
def test_two_edits_are_one_whoever_was_first(one: str, other: str) -> None:
    first, second = EDITS[one](BASE), EDITS[other](BASE)
    both = merged(BASE, first, second)
    assert policyfile.data(both) == policyfile.data(merged(BASE, second, first))
    again = first if one == other else EDITS[other](first)
    assert policyfile.data(both) == policyfile.data(again)
    for comment in ("// ours", "// who reaches what", "// all"):
        assert comment in both


@pytest.mark.parametrize("seed", range(20))
def test_many_edits_in_any_order(seed: int) -> None:
    order = random.Random(seed).sample(sorted(EDITS), len(EDITS))
    now = BASE
    for name in order:
        now = merged(BASE, now, EDITS[name](BASE))
    assert policyfile.data(now) == {
        "grants": [GRANT, {"src": ["b"], "dst": ["c"], "ip": ["*"]}],
        "tagOwners": {"tag:b": ["autogroup:admin"]},
        "randomizeClientPort": True,
        "autoApprovers": {"routes": {"10.0.0.0/8": ["x"]}},
        "nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}],
    }


def test_an_item_that_one_has_changed_keeps_its_place() -> None:
    changed = policyfile.changed_item(BASE, "grants", GRANT, {**GRANT, "ip": ["tcp:443"]})
    more = EDITS["an item"](BASE)
    assert [g["ip"] for g in policyfile.data(merged(BASE, more, changed))["grants"]] == [["tcp:443"], ["*"]]


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (
            lambda t: policyfile.with_key(t, "tagOwners", "tag:b", ["alice@example.com"]),
            lambda t: policyfile.with_key(t, "tagOwners", "tag:b", "bob@example.com"),
            "tagOwners.tag:b",
        ),
        (
            lambda t: policyfile.changed_item(t, "grants", GRANT, {**GRANT, "ip": ["22"]}),
            lambda t: policyfile.changed_item(t, "grants", GRANT, {**GRANT, "ip": ["443"]}),
            "grants",
        ),
        (
            lambda t: t.replace("false", "true"),
            lambda t: policyfile.without_key(t, (), "randomizeClientPort"),
            "randomizeClientPort",
        ),
        (lambda t: policyfile.without_key(t, (), "tagOwners"), EDITS["a key"], "tagOwners"),
        (EDITS["a key"], lambda t: "no policy", "not HuJSON"),
    ],
)
def test_what_both_change_differently_is_said(one, other, what: str) -> None:
    with pytest.raises(Disagree) as caught:
        merged(BASE, one(BASE), other(BASE))
    assert what in caught.value.what
