"""Real packets beside what the policy says: a new policy flips the cells that it should, and no others."""

from __future__ import annotations

import json
import time

import pytest

from homelab.checks.policy import arrives_as_allowed
from homelab.pictures.matrix import matrix
from homelab.policy.nodes import nodes
from homelab.reach import Reach, Target, who_reaches_what
from homelab.wait import until

ALICE, BOB = "alice@example.com", "bob@example.com"
PAGE = Target("tequila", 8096, "a page")
TARGETS = (PAGE, Target("tequila", 22), Target("tequila"), Target("phone", 8096), Target("demoserver"))
VANTAGES = ("phone", "tequila", "demoserver", "visitor")
ALL = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
JOIN = (
    ("tequila", ALICE, ""),
    ("phone", ALICE, ""),
    ("demoserver", BOB, ""),
    ("router", ALICE, "--advertise-routes=10.20.0.0/24"),
)


def _join(world, role: str, login: str, more: str) -> None:
    """Log `role` in as a person does: by the page whose address is printed."""
    machine = world[role]
    if not machine.run(["which", "tailscale"]):
        machine.run(["sh", "-c", "curl -fsSL https://tailscale.com/install.sh | sh"]).ok()
    machine.run(["sh", "-c", f"tailscale up {more} >/tmp/up 2>&1 &"]).ok()
    said = until(
        lambda: machine.run(["grep", "-o", "https://login[^ ]*", "/tmp/up"]).out,
        lambda url: bool(url),
        "the address",
        20,
    )
    world["visitor"].run(["curl", "-fsS", "-d", f"login={login}", said.strip()]).ok()


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Alice has three devices, Bob, a member of the same tailnet, has one; a page is served on two."""
    for role, login, more in JOIN:
        _join(world, role, login, more)
    for role in ("tequila", "phone"):
        world[role].run(["sh", "-c", "python3 -m http.server 8096 -d /srv >/dev/null 2>&1 &"]).ok()
        world[role].run(["curl", "-fsS", "--retry", "9", "--retry-connrefused", "http://localhost:8096"]).ok()
    for role, _, _ in JOIN:
        until(lambda r=role: _sees(world[r]), lambda n: n >= len(JOIN), "all to be there", 20)


def _sees(machine) -> int:
    """How many nodes it sees, itself among them."""
    return int(machine.run(["sh", "-c", "tailscale status | grep -c ^100"]).out or 0)


@pytest.fixture
def rules(world):
    """Sets the policy's grants; the policy that was is put back."""
    before = world.tailnet.call(lambda ts: ts.policy_file()).policy

    def put(*grants, **more) -> None:
        text = json.dumps({"grants": list(grants), **more})
        world.tailnet.call(lambda ts: ts.set_policy_file(text))

    yield put
    world.tailnet.call(lambda ts: ts.set_policy_file(before))


def _open(reach: Reach) -> set[tuple[str, str]]:
    return {(s.name, t.label) for s, t, c in reach if c.arrives}


def test_a_narrower_policy_flips_exactly_what_it_should(world, rules) -> None:
    rules(ALL)
    before = who_reaches_what(world, VANTAGES, TARGETS)
    assert not before.wrong, str(before)
    assert arrives_as_allowed(world, before).status == "ok"
    assert {s.kind for s in before.sources} == {ALICE, BOB, "no Tailscale"}
    assert before.cell("phone", "a page").seen == "open"
    assert before.cell("phone", "tequila:22").seen == "refused", "nothing listens, and that is an answer"
    assert ("demoserver", "phone:8096") in _open(before)
    rules({"src": [BOB], "dst": [f"{ALICE}"], "ip": ["tcp:8096"]}, {"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]})  # fmt: skip
    after = who_reaches_what(world, VANTAGES, TARGETS).compared(before)
    assert [(s.name, t.label, c.was, c.seen) for s, t, c in after.changed] == [
        ("phone", "ping demoserver", "open", "blocked"),
        ("tequila", "ping demoserver", "open", "blocked"),
        ("demoserver", "tequila:22", "refused", "blocked"),
    ]
    answer = arrives_as_allowed(world.tailnet, after)
    assert answer.status == "ok", answer.evidence
    assert "changed: demoserver → tequila:22, before: arrives, now: blocked" in str(after)
    rules(ALL)
    assert not who_reaches_what(world, VANTAGES, TARGETS).compared(before).changed


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [{"src": [ALICE], "dst": [BOB], "ip": ["*"]}],
        [{"src": ["group:friends"], "dst": ["tequila"], "ip": ["tcp:22"]}],
        [{"src": ["autogroup:owner"], "dst": ["autogroup:member"], "ip": ["8000-8100"]}],
        [{"src": ["autogroup:member"], "dst": ["*"], "ip": ["udp:8096"]}],
    ],
    ids=["nothing", "one way", "a group to a host", "the owner", "udp only"],
)
def test_real_packets_agree_with_what_we_read_in_the_policy(world, rules, grants) -> None:
    tequila = next(n for n in nodes(world.tailnet) if n.name == "tequila")
    rules(*grants, groups={"group:friends": [BOB]}, hosts={"tequila": tequila.addresses[0]})
    seen = who_reaches_what(world, VANTAGES, TARGETS)
    assert not seen.wrong, str(seen)
    assert bool(_open(seen)) == bool(grants)


def test_a_route_is_the_policys_business_for_who_takes_it(world, rules) -> None:
    to = Target("db", 22)  # nothing listens there: a refusal comes from it all the same
    rules(ALL)
    router = next(d for d in world.tailnet.call(lambda ts: ts.devices()).values() if d.hostname == "router")
    world.tailnet.call(lambda ts: ts.set_device_routes(router.device_id, routes=["10.20.0.0/24"]))
    world["phone"].run(["tailscale", "set", "--accept-routes"]).ok()
    seen = who_reaches_what(world, ("phone", "demoserver", "router"), (to,))
    assert seen.cell("phone", "db:22").should is True
    assert seen.cell("phone", "db:22").seen == "refused"
    assert seen.cell("demoserver", "db:22").should is None, "it does not take routes"
    assert seen.cell("router", "db:22").should is None, "it is there by itself"
    rules({"src": ["*"], "dst": [ALICE], "ip": ["*"]})
    shut = who_reaches_what(world, ("phone",), (to,))
    assert (shut.cell("phone", "db:22").seen, shut.cell("phone", "db:22").should) == ("blocked", False)


def test_who_shields_itself_fails_the_check(world) -> None:
    world["tequila"].run(["tailscale", "set", "--shields-up"]).ok()
    try:
        seen = who_reaches_what(world, ("phone",), (PAGE,), patience=1)
    finally:
        world["tequila"].run(["tailscale", "set", "--shields-up=false"]).ok()
    answer = arrives_as_allowed(world, seen)
    assert answer.status == "fail"
    assert answer.evidence == "phone → a page should be reached, and is blocked"
    assert "should be reached" in matrix(seen).svg()


def test_a_firewall_on_the_target_fails_the_check(world) -> None:
    drop = ["INPUT", "-p", "tcp", "--dport", "8096", "-j", "DROP"]
    world["phone"].run(["iptables", "-I", *drop]).ok()
    try:
        targets = (Target("phone", 8096), Target("phone"))
        seen = who_reaches_what(world, ("tequila", "demoserver"), targets, patience=1)
    finally:
        world["phone"].run(["iptables", "-D", *drop]).ok()
    assert [(s.name, t.label) for s, t, _ in seen.wrong] == [
        ("tequila", "phone:8096"),
        ("demoserver", "phone:8096"),
    ]


def test_the_default_matrix_is_quick(world) -> None:
    who_reaches_what(world)  # the nodes have met
    start = time.monotonic()
    seen = who_reaches_what(world)
    took = time.monotonic() - start
    assert [s.name for s in seen.sources] == ["phone", "tequila", "demoserver", "visitor"]
    assert {t.machine for t in seen.targets} == {"tequila", "demoserver"}
    assert took < 3, f"{took:.1f} s"
