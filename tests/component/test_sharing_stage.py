"""One device shared with somebody of another tailnet, and what that opens: shown, done, and taken back."""

from __future__ import annotations

import dataclasses

import pytest

from homelab import needs
from homelab.checks import node, panel, reach
from homelab.errors import HomelabError, WaitTimeout
from homelab.plan import matches, plan
from homelab.resources import client, login, page, policy, share
from homelab.stages import sharing
from homelab.wait import until

BOB = "bob@example.com"
NAME = f"tequila {BOB}"


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Alice's machines; they stay for this file."""
    world.apply(plan("test", needs.missing(world, [needs.joined("phone"), needs.joined("tequila")])))


def test_a_share_both_ways(world, tailnet, typed) -> None:
    before = share.read(tailnet, NAME)
    assert not before.offered
    after = dataclasses.replace(before, offered=True)
    share.do(tailnet, before, after)
    done = share.read(tailnet, NAME)
    assert done == after
    assert done.accepted
    with pytest.raises(HomelabError, match="used already"):
        _accept_again(world, tailnet, done)
    share.do(tailnet, done, before)
    assert share.read(tailnet, NAME) == before
    typed("visitor", share.command(before, after))
    invited = share.read(tailnet, NAME)
    assert invited == done
    assert not invited.accepted, "nobody has opened the link that curl printed"
    command = share.command(invited, before)
    assert "Share…" not in command[2], "there is nobody to take it from"
    typed("visitor", command)
    assert share.read(tailnet, NAME) == before
    assert "Share…" in share.command(after, before)[2], "of a planned one nobody knows"


def _accept_again(world, tailnet, done: share.State) -> None:
    (invite,) = tailnet.call(lambda ts: ts.device_invites(done.id))
    world.person.other(BOB).accept(invite.invite_url)


def test_an_invitation_is_for_one_person(world, tailnet) -> None:
    device = share.read(tailnet, NAME).id
    invite = tailnet.call(lambda ts: ts.create_device_invite(device, email=BOB))
    with pytest.raises(HomelabError, match="invitation is for bob"):
        world.person.other("eve@example.com").accept(invite.invite_url)
    assert not share.read(tailnet, NAME).accepted
    share.do(tailnet, share.read(tailnet, NAME), share.State("tequila", BOB))


def test_what_is_not_there_cannot_be_shared(tailnet) -> None:
    before = share.read(tailnet, f"toaster {BOB}")
    with pytest.raises(HomelabError, match="no device 'toaster'"):
        share.do(tailnet, before, dataclasses.replace(before, offered=True))


def test_a_page_both_ways(world, typed) -> None:
    machine, none = world["tequila"], page.State(8000)
    for text in ("Photos of the flat", 'it\'s "there"'):
        after = page.State(8000, text)
        before = page.read(machine, "8000")
        page.do(machine, before, after)
        assert page.read(machine, "8000") == after
    page.do(machine, after, none)
    assert page.read(machine, "8000") == none
    typed("tequila", page.command(none, after))
    until(lambda: page.read(machine, "8000"), lambda s: matches(s, after), "the page")
    typed("tequila", page.command(after, none))
    assert page.read(machine, "8000") == none


def test_a_port_that_somebody_has(world, monkeypatch) -> None:
    machine, none = world["tequila"], page.State(8001)
    monkeypatch.setattr(page, "START", 0.5)
    machine.run(["sh", "-c", "setsid -f python3 -m http.server 8001 -d /srv >/dev/null 2>&1 </dev/null"]).ok()
    until(lambda: machine.run(["curl", "-s", "http://127.0.0.1:8001"]).rc, lambda rc: rc == 0, "it to listen")
    with pytest.raises(WaitTimeout, match="page on port 8001") as caught:
        page.do(machine, none, page.State(8001, "ours"))
    assert "ss -ltn" in caught.value.hint
    assert page.read(machine, "8001") == none


def standing(world) -> tuple[object, ...]:
    """What this leaves as it was."""
    visitor = world["visitor"]
    return (
        client.read(visitor),
        login.read(visitor),
        visitor.run(["cat", "/etc/resolv.conf"]).ok().out,
        visitor.run(["ip", "-br", "address"]).ok().out,
        *(page.read(world[role], "8000") for role in (sharing.DEVICE, sharing.GUEST)),
        share.read(world.tailnet, NAME),
        policy.read(world.tailnet),
    )


def test_the_chapters_part(world) -> None:
    """What Bob reaches, what he does not, and what the shared device reaches of his."""
    before = standing(world)
    shared = sharing.plan(world)
    assert [(c.machine, c.resource) for c in shared] == [
        ("visitor", "client"),
        ("visitor", "login"),
        ("tequila", "page"),
        ("visitor", "page"),
        ("tailnet", "share"),
    ]
    world.apply(shared)
    assert not sharing.plan(world)
    bob, phone, tequila = world["visitor"], world["phone"], world["tequila"]
    name = "tequila.snow-burbot.ts.net"
    theirs, his = login.read(phone).address, login.read(bob).address
    open_to_him = [
        panel.shared_with(world.tailnet, "tequila", BOB),
        node.sees(bob, "tequila"),
        node.sees(tequila, sharing.LAPTOP),
        reach.reaches(bob, f"{name}:8000"),
        reach.reaches(bob, name),
        reach.unreachable(bob, theirs),
        reach.unreachable(tequila, his),
        reach.reaches(tequila, "203.0.113.50:8000"),
    ]
    assert [a for a in open_to_him if a.status != "ok"] == []

    narrow = sharing.one_port(world)
    world.apply(narrow)
    assert not sharing.one_port(world)
    after = [
        reach.reaches(bob, f"{name}:8000"),
        reach.reaches(phone, "tequila:8000"),
        reach.reaches(phone, name),
    ]
    until(lambda: reach.unreachable(bob, f"{name}:22").status, lambda s: s == "ok", "port 22 to be shut")
    assert [a for a in after if a.status != "ok"] == []

    world.apply(narrow.inverse())
    world.apply(shared.inverse())
    assert node.does_not_see(tequila, sharing.LAPTOP).status == "ok"
    assert panel.shared_with(world.tailnet, "tequila", BOB).status == "fail"
    assert standing(world) == before


def test_without_the_share_its_checks_fail(world) -> None:
    assert panel.shared_with(world.tailnet, "tequila", BOB).status == "fail"
    assert reach.reaches(world["visitor"], "tequila.snow-burbot.ts.net:8000", 0.5).status == "fail"


def test_a_policy_with_rules_of_its_own_is_left(world, monkeypatch) -> None:
    monkeypatch.setattr(policy, "read", lambda t, name="": policy.State('{"acls": []}'))
    plan = sharing.one_port(world)
    assert not plan
    assert "rules of its own" in plan.notes[0]
