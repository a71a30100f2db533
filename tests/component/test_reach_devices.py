"""The reach matrix from where no machine is: a container's own node, and somebody's device in another tailnet."""

from __future__ import annotations

import json

import pytest

from homelab import route
from homelab.checks import path
from homelab.pictures.route import route as route_picture
from homelab.policy.nodes import nodes
from homelab.reach import Target, who_reaches_what
from homelab.resources import sidecar
from homelab.wait import until

BOB, KEY = "bob@example.com", "tskey-api-lab:"
PAGE, SSH = Target("tequila", 8096, "a page"), Target("tequila", 22)
OPEN = {"src": ["*"], "dst": ["*"], "ip": ["*"]}


def _policy(world, *grants) -> None:
    text = json.dumps({"tagOwners": {"tag:container": ["autogroup:admin"]}, "grants": list(grants)})
    world.tailnet.call(lambda ts: ts.set_policy_file(text))


def _join(world, role: str, *form: str) -> None:
    machine = world[role]
    machine.run(["sh", "-c", "tailscale up >/tmp/up 2>&1 &"]).ok()
    look = ["grep", "-o", "https://login[^ ]*", "/tmp/up"]
    url = until(lambda: machine.run(look).out.strip(), bool, "the address to sign in at", 20)
    world["visitor"].run(["curl", "-fsS", *form, url]).ok()
    until(lambda: machine.run(["tailscale", "ip"]).rc, lambda rc: rc == 0, "an address", 20)


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Alice's tequila and phone; on tequila a second node with a tag; Bob's machine in a tailnet of his own."""
    for role in ("tequila", "phone"):
        _join(world, role, "-d", "login=alice@example.com")
    world["fooocus"].run(["sh", "-c", "curl -fsSL https://tailscale.com/install.sh | sh"]).ok()
    _join(world, "fooocus", "-d", f"login={BOB}", "-d", "tailnet=own")
    world["tequila"].run(["sh", "-c", "python3 -m http.server 8096 -d /srv >/dev/null 2>&1 &"]).ok()
    _policy(world, OPEN)


@pytest.fixture(scope="module")
def side(world, tmp_path_factory) -> str:
    """The second node's name; containers have one like it."""
    made = world.tailnet.call(lambda ts: ts.create_key(tags=["tag:container"]))
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_text(str(made.key))
    file.chmod(0o600)
    before = sidecar.read(world["tequila"], "side")
    after = sidecar.State("Running", "side", ("tag:container",), world.login_server, key=f"file:{file}")
    sidecar.do(world["tequila"], before, after)
    until(lambda: [n.name for n in nodes(world.tailnet)], lambda names: "side" in names, "it to be there")
    return "side"


def test_a_containers_node_is_a_vantage_point_of_its_own(world, side) -> None:
    targets = (PAGE, SSH, Target("phone"))
    seen = who_reaches_what(world, (side,), targets)
    assert seen.sources[0].kind == "tag:container"
    assert [c.seen for _, _, c in seen] == ["open", "refused", "open"]
    _policy(world, {"src": ["tag:container"], "dst": ["alice@example.com"], "ip": ["tcp:22"]})
    narrow = who_reaches_what(world, (side,), targets).compared(seen)
    assert [t.label for _, t, _ in narrow.changed] == ["a page"]
    assert not narrow.wrong, str(narrow)


def test_its_class_has_a_row_without_being_named(world, side) -> None:
    _policy(world, OPEN)
    seen = who_reaches_what(world)
    assert "tag:container" in [s.kind for s in seen.sources]
    assert seen.sources[-1].kind == "no Tailscale"
    assert not seen.wrong, str(seen)


def test_a_guest_reaches_what_is_shared_and_allowed(world) -> None:
    who, targets = ("fooocus",), (PAGE, SSH, Target("phone"))
    _policy(world, {"src": ["autogroup:member"], "dst": ["*"], "ip": ["*"]}, {"src": ["autogroup:shared"], "dst": ["*"], "ip": ["tcp:8096"]})  # fmt: skip
    before = who_reaches_what(world, who, targets)
    assert before.sources[0].kind == f"{BOB}, another tailnet"
    assert [(c.seen, c.should) for _, _, c in before] == [("blocked", False)] * 3
    devices = world.tailnet.call(lambda ts: ts.devices()).values()
    tequila = next(d for d in devices if d.hostname == "tequila")
    api = f"https://api.tailscale.com/api/v2/device/{tequila.node_id}/device-invites"
    visitor = world["visitor"]
    made = visitor.run(["curl", "-fsSu", KEY, "-d", '[{"multiUse": false}]', api]).ok().out
    visitor.run(["curl", "-fsS", "-d", f"login={BOB}", json.loads(made)[0]["inviteUrl"]]).ok()
    until(
        lambda: world["fooocus"].run(["tailscale", "status"]).out, lambda s: "tequila" in s, "Bob to see it"
    )
    after = who_reaches_what(world, who, targets).compared(before)
    assert [t.label for _, t, _ in after.changed] == ["a page"]
    assert not after.wrong, str(after)


def test_who_is_nowhere_is_said_and_not_asked(world) -> None:
    seen = who_reaches_what(world, ("nobody",), (PAGE,))
    assert seen.sources[0].kind == "no machine and no container is called 'nobody' in this world"
    assert [c.seen for _, _, c in seen] == [""]


def test_the_route_between_two_of_them_is_drawn_with_the_nats_between(world) -> None:
    (leg,) = route.legs(world, "phone", "tequila")
    assert leg.way in ("direct", "relayed")
    assert leg.inside == "WireGuard"
    assert leg.through == ("flat_router (NAT)", "home_router (NAT)", "windows (NAT)")
    world["flat_router"].link("internet", cut=True)
    try:
        (lost,) = route.legs(world, "phone", "tequila", path.ping(world["phone"], "tequila", 1, afresh=True))
    finally:
        world["flat_router"].link("internet", cut=False)
    assert lost.way == "lost"
    assert "lost on the way" in str(route_picture([leg, lost]))


def test_the_internet_by_an_exit_node_is_the_policys_business(world) -> None:
    server = Target(world["visitor"].addresses["internet"].partition("/")[0], 80, "a server")
    _policy(world, OPEN)
    assert who_reaches_what(world, ("phone",), (server,)).cell("phone", "a server").should is None
    world["tequila"].run(["sudo", "sysctl", "-w", "net.ipv4.ip_forward=1"]).ok()
    world["tequila"].run(["tailscale", "set", "--advertise-exit-node"]).ok()
    devices = world.tailnet.call(lambda ts: ts.devices()).values()
    tequila = next(d.device_id for d in devices if d.hostname == "tequila")
    offers = lambda: world.tailnet.call(lambda ts: ts.device_routes(tequila)).advertised_routes  # noqa: E731
    until(offers, bool, "tequila to offer itself")
    world.tailnet.call(lambda ts: ts.set_device_routes(tequila, routes=["0.0.0.0/0", "::/0"]))
    use = ["tailscale", "set", "--exit-node=tequila"]
    until(lambda: world["phone"].run(use).rc, lambda rc: rc == 0, "the phone to be let")
    try:
        by = who_reaches_what(world, ("phone",), (server,)).cell("phone", "a server")
        assert (by.seen, by.should) == ("refused", True)
        _policy(world, {"src": ["*"], "dst": ["alice@example.com"], "ip": ["*"]})
        shut = who_reaches_what(world, ("phone",), (server,)).cell("phone", "a server")
        # Who may not use an exit node loses it, and then goes by itself: either way nothing goes through it.
        assert shut.should in (None, False)
        assert not shut.wrong
    finally:
        world["phone"].run(["tailscale", "set", "--exit-node="]).ok()
