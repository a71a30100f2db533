"""A policy that would lock the owner out is refused, and nothing is sent."""

from __future__ import annotations

import pytest
from tailscale import Tailscale

from homelab import needs
from homelab.errors import ApplyFailed
from homelab.plan import change, plan
from homelab.policy import policyfile
from homelab.policy.lockout import Way, us
from homelab.resources import login, policy
from homelab.ssh.address import parse
from homelab.tailnet import Tailnet
from homelab.world import LAB_API_KEY

ALL = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
BOBS = {"src": ["bob@example.com"], "dst": ["*"], "ip": ["*"]}


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Alice's machines; they stay for this file."""
    world.apply(plan("test", needs.missing(world, [needs.joined("phone"), needs.joined("tequila")])))


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The policies that were sent."""
    found: list[str] = []
    real = Tailscale.set_policy_file

    async def send(self, text, **more):
        found.append(text)
        return await real(self, text, **more)

    monkeypatch.setattr(Tailscale, "set_policy_file", send)
    return found


def test_the_owner_is_not_locked_out(world, tailnet, sent) -> None:
    before = policy.read(tailnet)
    text = policyfile.changed_item(before.text, "grants", ALL, BOBS)
    edit = plan("test", change("tailnet", "policy", before, policy.State(text), "only Bob"))
    with pytest.raises(
        ApplyFailed, match=r"would lock out alice@example\.com: (phone|tequila) could"
    ) as caught:
        world.apply(edit)
    assert 'grants 1, {"src": ["*"]' in caught.value.what
    assert "keep a rule" in caught.value.hint
    now = policy.read(tailnet)
    assert (now.text, now.etag, sent) == (before.text, before.etag, [])


def test_what_locks_nobody_out_is_sent(world, tailnet, sent) -> None:
    before = policy.read(tailnet)
    text = policyfile.changed_item(before.text, "grants", ALL, {**ALL, "src": ["autogroup:member"]})
    edit = plan("test", change("tailnet", "policy", before, policy.State(text), "only people"))
    world.apply(edit)
    world.apply(edit.inverse())
    assert sent == [text, before.text]
    assert policy.read(tailnet).text == before.text


def test_who_we_are_at_home(world, monkeypatch) -> None:
    """The same tailnet as a home sees it: by the API key, and by the machine that we sit at."""
    phone = world["phone"]
    seat = world["visitor"]
    tailnet = Tailnet(
        LAB_API_KEY, type(seat.person)("", "", seat), world.pending, seat=seat, ca=seat.ca, here=phone
    )
    address, there = login.read(phone).address, login.read(world["tequila"]).address
    monkeypatch.setenv("SSH_CONNECTION", f"{there} 50000 {address} 22")
    tailnet.reached = tuple(map(parse, ("local", "tailscale://ubuntu@tequila", f"ssh://ana@{there}:2222", "ssh://elsewhere")))  # fmt: skip
    me = us(tailnet)
    tailnet.close()
    assert me.login == "alice@example.com"
    assert sorted(d.name for d in me.own) == ["phone", "tequila"]
    way_in, *out = me.ways
    assert (way_in.client, way_in.server, way_in.port, way_in.by_policy) == (there, address, 22, False)
    assert out == [
        Way(address, there, 22, "ubuntu", True, "tailscale://ubuntu@tequila"),
        Way(address, there, 2222, "ana", False, f"ssh://ana@{there}:2222"),
    ]
