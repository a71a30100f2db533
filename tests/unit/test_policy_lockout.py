"""Who would be locked out by which change of the policy: each rule of the definition, and what is none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from homelab.errors import HomelabError
from homelab.policy.allowed import Node
from homelab.policy.lockout import Us, Way, refuse_lockout, touches_access

ALICE, BOB = "alice@example.com", "bob@example.com"
LAPTOP = Node("laptop", ALICE, "owner", addresses=("100.64.0.1",))
PHONE = Node("phone", ALICE, "owner", addresses=("100.64.0.2",))
SERVER = Node("server", tags=("tag:server",), addresses=("100.64.0.3",))
BOBS = Node("bobs", BOB, "admin", addresses=("100.64.0.4",))
US = Us(ALICE, (LAPTOP, PHONE, SERVER, BOBS))
ALL = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
OWNERS = {"tagOwners": {"tag:server": ["autogroup:admin"]}}
OPEN = {"grants": [ALL], **OWNERS}


def grants(*rules: tuple[list[str], list[str], list[str]], **more: object) -> dict[str, object]:
    """A policy of `rules` (src, dst, ip), and what else it says."""
    return {"grants": [{"src": s, "dst": d, "ip": i} for s, d, i in rules], **OWNERS, **more}


def said(before: dict, after: dict, me: Us = US) -> str:
    """What the refusal says with its hint, or nothing."""
    try:
        refuse_lockout(json.dumps(before), json.dumps(after), me)
    except HomelabError as error:
        return f"{error.what} {error.hint}"
    return ""


MINE = ([ALICE], ["*"], ["*"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OPEN, OPEN),
        (OPEN, grants(MINE)),
        (OPEN, grants((["autogroup:member"], ["*"], ["tcp:443"]))),
        (OPEN, grants(([ALICE], ["autogroup:self", BOB], ["*"]), (["*"], ["tag:server"], ["22"]))),
        (OPEN, grants((["group:us"], ["*"], ["*"]), groups={"group:us": [ALICE]})),
        (OPEN, {"acls": [{"action": "accept", "src": [ALICE], "dst": ["*:22"]}], **OWNERS}),
        (OPEN, grants((["100.64.0.0/29"], ["*"], ["*"]))),
        (OPEN, grants((["*"], ["all"], ["*"]), hosts={"all": "100.64.0.0/10"})),
        (
            OPEN,
            {"grants": [{**ALL, "srcPosture": ["posture:new"]}], **OWNERS},
        ),  # cannot be told: lets through
        (OPEN, {"grants": [{**ALL, "ip": ["https"]}], **OWNERS}),  # a mistake, which the API names
        (grants(([BOB], ["*"], ["*"])), grants()),  # what others lose
        (grants(), grants()),
        (grants(MINE), OPEN),
    ],
)
def test_no_lock_out(before, after) -> None:
    assert said(before, after) == ""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (OPEN, grants(), ["laptop could be reached", 'grants 1, {"src": ["*"]', "and 3 more"]),
        (OPEN, grants(([BOB], ["*"], ["*"])), [f"a rule that lets {ALICE} reach it"]),
        (OPEN, grants((["autogroup:admin"], ["*"], ["*"])), ["laptop"]),  # Bob is one, she is the owner
        (OPEN, grants((["tag:server"], ["*"], ["*"])), ["laptop"]),
        (OPEN, grants(([ALICE], ["autogroup:self"], ["*"])), ["server could be reached", "and 1 more"]),
        (OPEN, grants(([ALICE], ["laptop", "phone", BOB], ["*"]), hosts={"laptop": "100.64.0.1", "phone": "100.64.0.2"}), ["server could"]),
        (
            grants((["group:us"], ["*"], ["*"]), groups={"group:us": [ALICE]}),
            grants((["group:us"], ["*"], ["*"]), groups={"group:us": [BOB]}),
            ['grants 1, {"src": ["group:us"]'],
        ),
        (
            {"acls": [{"action": "accept", "src": ["x@example.com"], "dst": ["*:*"]}, {"action": "accept", "src": [ALICE], "dst": ["*:443"]}], **OWNERS},
            {"acls": [], **OWNERS},
            ["acls 2, "],
        ),
    ],
)  # fmt: skip
def test_a_device_is_lost(before, after, words) -> None:
    for word in [f"would lock out {ALICE}: ", "it was not sent", "tailscale.com/admin/acls", *words]:
        assert word in said(before, after)


def test_of_two_own_devices_each_has_to_stay_reachable() -> None:
    assert "laptop could be reached" in said(OPEN, grants((["100.64.0.1"], ["*"], ["*"])))


def test_a_tagged_device_is_nobodys_own() -> None:
    only_server = replace(US, devices=(replace(LAPTOP, tags=("tag:server",)), SERVER))
    assert said(OPEN, grants(), only_server) == "", "there is no device of hers to be locked out"


SSH = {"action": "check", "src": [ALICE], "dst": ["tag:server"], "users": ["autogroup:nonroot"]}
HERE = replace(US, ways=(Way("100.64.0.1", "100.64.0.3", 22, "alice", by_policy=True),))
ENDS = {**OPEN, "ssh": [SSH]}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (grants((["*"], ["*"], ["443"]), ssh=[SSH]), ["from laptop by which you are here needs port 22", "grants 1"]),
        ({**OPEN, "ssh": []}, ["makes you alice", 'ssh 1, {"action": "check"']),
        ({**OPEN, "ssh": [{**SSH, "users": ["root"]}]}, ["makes you alice"]),
        ({**OPEN, "ssh": [{**SSH, "src": [BOB]}]}, ["keep an ssh rule"]),
    ],
)  # fmt: skip
def test_the_way_in_is_shut(after, words) -> None:
    for word in words:
        assert word in said(ENDS, after, HERE)
    assert said(ENDS, after) == "", "who is not here by SSH loses nothing"


@pytest.mark.parametrize(
    "after",
    [
        ENDS,
        {**OPEN, "ssh": [{**SSH, "action": "accept", "src": ["autogroup:owner"], "users": ["alice"]}]},
        {**OPEN, "ssh": [{**SSH, "users": ["localpart:*@example.com"]}]},
        grants((["*"], ["*"], ["20-25"]), ssh=[SSH]),
    ],
)
def test_the_way_in_stays(after) -> None:
    assert said(ENDS, after, HERE) == ""


OUT = replace(US, ways=(Way("100.64.0.1", "100.64.0.3", 22, "alice", by_policy=True, to="tailscale://alice@server"),))  # fmt: skip


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (grants((["*"], ["*"], ["443"]), ssh=[SSH]), ["tailscale://alice@server, by which this home is reached from laptop, needs port 22"]),
        ({**OPEN, "ssh": []}, ["this home is reached from laptop, makes you alice", "keep an ssh rule"]),
    ],
)  # fmt: skip
def test_a_machine_of_this_home_is_no_longer_reached(after, words) -> None:
    for word in words:
        assert word in said(ENDS, after, OUT)


def test_an_ordinary_sshd_does_not_ask_the_policy() -> None:
    plain = replace(HERE, ways=(Way("100.64.0.1", "100.64.0.3", 22, "alice", by_policy=False),))
    assert said(ENDS, {**OPEN, "ssh": []}, plain) == ""
    outside = replace(HERE, ways=(Way("192.168.1.9", "192.168.1.2", 22, "alice", by_policy=True),))
    assert said(ENDS, {**OPEN, "ssh": []}, outside) == ""


@pytest.mark.parametrize(
    ("edit", "asks"),
    [
        ({}, False),
        ({"nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}]}, False),
        ({"tagOwners": {**OWNERS["tagOwners"], "tag:new": []}}, False),
        ({"tagOwners": {}}, False),
        ({"grants": []}, True),
        ({"hosts": {"a": "100.64.0.1"}}, True),
        ({"ssh": [SSH]}, True),
    ],
)
def test_only_what_touches_access_has_to_be_asked(edit, asks) -> None:
    assert touches_access(json.dumps(OPEN), json.dumps({**OPEN, **edit})) is asks
