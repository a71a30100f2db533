"""The policy's ssh section: rules as they are written, and what an auditor would say of them."""

from __future__ import annotations

import pytest

from homelab.policy import ssh_policy

ME = "alice@example.com"
SAFE = ssh_policy.rule(
    "accept", ["autogroup:member"], ["autogroup:self"], ["ubuntu"], recorder="tag:recorder"
)
OPEN = ssh_policy.rule("accept", ["group:family"], ["tag:server"], ["root"], recorder="tag:recorder", enforce=False)  # fmt: skip
BARE = ssh_policy.rule("check", ["bob@example.com"], ["tag:server"], ["root"], period="12h")


def policy(*rules, **more):
    return {"ssh": list(rules), **more}


def test_a_rule_as_the_policy_has_it() -> None:
    assert SAFE == {
        "action": "accept",
        "src": ["autogroup:member"],
        "dst": ["autogroup:self"],
        "users": ["ubuntu"],
        "recorder": ["tag:recorder"],
        "enforceRecorder": True,
    }
    assert BARE["checkPeriod"] == "12h"
    assert "recorder" not in BARE
    assert "checkPeriod" not in ssh_policy.rule("accept", [], [], [], period="12h")


@pytest.mark.parametrize(
    ("rules", "tags", "said"),
    [
        ([], set(), []),
        ([SAFE], {"tag:recorder"}, []),
        ([SAFE], None, []),
        ([OPEN], {"tag:recorder"}, ["fails open"]),
        ([BARE], None, ["no recorder"]),
        ([SAFE], {"tag:server"}, ["no device carries tag:recorder: nobody gets in"]),
        ([OPEN], set(), ["fails open", "no device carries tag:recorder: nothing is recorded"]),
        ([SAFE, BARE, OPEN], {"tag:recorder"}, ["no recorder", "fails open"]),
    ],
)
def test_holes(rules, tags, said) -> None:
    found = ssh_policy.holes(policy(*rules), tags)
    assert len(found) == len(said)
    for hole, words in zip(found, said, strict=True):
        assert words in str(hole)
    assert all(hole.open for hole in found if "nobody gets in" not in hole.what)


def test_a_hole_names_its_rule() -> None:
    assert str(ssh_policy.holes(policy(BARE))[0]).startswith("check bob@example.com → tag:server as root: ")


def test_who_has_which_shell() -> None:
    text = policy(SAFE, OPEN, BARE, groups={"group:family": [ME]})
    assert ssh_policy.access(text, ME) == {("autogroup:self", "ubuntu"), ("tag:server", "root")}
    assert ssh_policy.access(text, "bob@example.com") == {("autogroup:self", "ubuntu"), ("tag:server", "root")}  # fmt: skip
    assert ssh_policy.access(policy(OPEN), "bob@example.com") == frozenset()
    tagged = ssh_policy.rule("accept", ["tag:ci", "autogroup:tagged"], ["tag:server"], ["root"])
    assert ssh_policy.access(policy(tagged), ME) == frozenset()
    assert ssh_policy.access(policy(BARE), "") == {("tag:server", "root")}, "an unknown me may be anybody"


def test_what_an_edit_takes() -> None:
    both = policy(SAFE, OPEN, groups={"group:family": [ME]})
    assert ssh_policy.lost(both, policy(SAFE), ME) == ["root on tag:server"]
    assert not ssh_policy.locks_out(both, policy(SAFE), ME)
    assert ssh_policy.locks_out(both, policy(), ME)
    assert ssh_policy.locks_out(both, {}, ME)
    assert not ssh_policy.locks_out({}, {}, ME), "who had none loses none"
    assert ssh_policy.lost({}, both, ME) == []
