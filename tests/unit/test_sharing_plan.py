"""States in, plan out: what sharing one device wants of a world; and what a reader at home is told to click."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.lab_machine import LabMachine
from homelab.machine import Pending
from homelab.params import TAILSCALE
from homelab.person import Reader
from homelab.plan import matches
from homelab.policy import policyfile
from homelab.resources import client, login, page, policy, share
from homelab.stages import sharing

POLICY = '{\n  // mine\n  "grants": [\n    {"src": ["*"], "dst": ["*"], "ip": ["*"]}, // all\n  ],\n}\n'
ABSENT, RUNNING = login.State("not installed"), login.State("Running", "laptop", address="100.64.0.9")
OFFERED = share.State("tequila", sharing.BOB, True, True, "n1", ("7",))
NEW = share.State("tequila", sharing.BOB, id="n1")


class World(SimpleNamespace):
    """As much of a world as a plan asks."""

    def __getitem__(self, role):
        return self.machines[role]


@pytest.fixture
def somewhere(monkeypatch):
    """A world of given states."""

    def make(
        visitor=ABSENT,
        shared=NEW,
        pages=(),
        text=POLICY,
        *,
        lab=True,
        api=True,
        whose=sharing.BOB,
        at="bobs.ts.net",
    ):
        tequila = login.State("Running", "tequila", address="100.64.0.7")
        logins = {"visitor": visitor, "tequila": tequila}
        monkeypatch.setattr(login, "read", lambda m, name="": logins[m.name])
        nodes = {"visitor": (whose, at), "tequila": ("alice@example.com", "ours.ts.net")}
        monkeypatch.setattr(sharing, "status", lambda m: _status(*nodes[m.name]))
        monkeypatch.setattr(client, "read", lambda m, name="": client.State(logins[m.name] != ABSENT))
        monkeypatch.setattr(share, "read", lambda t, name: shared)
        texts = dict(pages)
        monkeypatch.setattr(page, "read", lambda m, name: page.State(8000, texts.get(m.name, "")))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(text))
        machines = {name: SimpleNamespace(name=name) for name in logins}
        tailnet = SimpleNamespace(name="tailnet") if api else None
        return World(
            lab={"tier": "root"} if lab else None, tailnet=tailnet, login_server=TAILSCALE, machines=machines
        )

    return make


def _status(whose: str, at: str) -> dict[str, object]:
    return {"MagicDNSSuffix": at, "Self": {"UserID": 1}, "User": {"1": {"LoginName": whose}}}


PAGES = {"tequila": "The photos of last summer", "visitor": "Bob's own affairs"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ["client", "login", "page", "page", "share"]),
        ({"visitor": login.State("NeedsLogin")}, ["login", "page", "page", "share"]),
        ({"visitor": RUNNING}, ["page", "page", "share"]),
        ({"visitor": RUNNING, "pages": tuple(PAGES.items())}, ["share"]),
        ({"visitor": RUNNING, "pages": tuple(PAGES.items()), "shared": OFFERED}, []),
    ],
)
def test_what_is_missing_and_no_more(somewhere, given, wanted) -> None:
    plan = sharing.plan(somewhere(**given))
    assert [c.resource for c in plan] == wanted
    if not wanted:
        assert plan.text() == "No changes."


@pytest.mark.parametrize("who", [{"at": "ours.ts.net"}, {"whose": "alice@example.com"}])
def test_a_guest_who_is_somebody_else_or_in_our_tailnet_is_refused(somewhere, who) -> None:
    with pytest.raises(PrerequisiteMissing, match="is signed in here") as refused:
        sharing.plan(somewhere(visitor=RUNNING, **who))
    assert (refused.value.where, refused.value.hint) == ("visitor", "`tailscale logout` on visitor first")


def test_bob_signs_in_himself(somewhere) -> None:
    (joins,) = sharing.plan(somewhere()).part("login")
    assert joins.after.by == "bob@example.com"
    assert joins.before == login.State("NeedsLogin"), "the client comes first"
    assert "bob" not in joins.command


@pytest.mark.parametrize("where", [{"lab": False}, {"api": False}])
def test_at_home_there_is_nobody_to_share_with(somewhere, where) -> None:
    plan = sharing.plan(somewhere(**where))
    assert not plan
    assert plan.notes == (sharing.ONLY_THE_LAB,)


def test_one_port_for_guests(somewhere) -> None:
    (edit,) = sharing.one_port(somewhere())
    text = edit.after.text
    found = policyfile.data(text)
    assert found["grants"] == [sharing.OURS, sharing.THEIRS]
    assert found["hosts"] == {"tequila": "100.64.0.7"}
    assert "// mine" in text
    assert "// all" in text
    assert not sharing.one_port(somewhere(text=text)), "a second time there is nothing to do"
    assert matches(edit.inverse().after, policy.State(POLICY))


def test_a_policy_of_ones_own_is_left(somewhere) -> None:
    plan = sharing.one_port(somewhere(text='{"acls": []}'))
    assert not plan
    assert "rules of its own" in plan.notes[0]
    with pytest.raises(HomelabError, match="tequila"):
        sharing.one_port(somewhere(text=POLICY.replace("{\n", '{"hosts": {"tequila": "100.64.0.1"},\n', 1)))


def test_what_a_reader_has_to_click() -> None:
    told: list[str] = []
    reader = Reader(tell=told.append)
    reader.other("bob@example.com").accept("https://login.tailscale.com/admin/invite/x")
    reader.other("bob@example.com").sign_in("https://login.tailscale.com/a/y")
    reader.take_back(share.MACHINES, "tequila", "n1", "bob@example.com")
    assert "Send this link to bob@example.com" in told[0]
    assert "https://login.tailscale.com/admin/invite/x" in told[0]
    assert "sign in as bob@example.com" in told[1]
    assert "remove bob@example.com under tequila, Share…" in told[2]


def test_commands() -> None:
    made = share.command(NEW, OFFERED)[2]
    assert '-d \'[{"multiUse": false, "email": "bob@example.com"}]\'' in made
    assert "device/n1/device-invites" in made
    assert "bob@example.com opens the inviteUrl" in made
    back = share.command(OFFERED, NEW)[2].splitlines()
    assert back[0].endswith("tequila, Share…, remove bob@example.com")
    assert back[1].endswith("-X DELETE https://api.tailscale.com/api/v2/device-invites/7")
    start = page.command(page.State(80), page.State(80, "it's"))[2]
    assert "echo 'it'\"'\"'s' >/tmp/homelab-page-80/index.html" in start
    assert "setsid" not in page.command(page.State(80, "a"), page.State(80, "b"))[2], "it runs already"
    assert page.command(page.State(80, "a"), page.State(80))[2].startswith("kill")


def test_where_bobs_page_stands(somewhere, tmp_path) -> None:
    world = somewhere(visitor=RUNNING)
    document = {"addresses": {"internet": "203.0.113.50/24"}}
    world.machines["visitor"] = LabMachine(str(tmp_path), "visitor", document, Reader(), Pending())
    assert sharing.bobs_page(world) == ("203.0.113.50:8000", "100.64.0.9:8000")
