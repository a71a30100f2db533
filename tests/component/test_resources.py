"""What is shown is what is done: for each resource, the shown command and `do` lead to equal states; and back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from homelab import needs
from homelab.errors import ApplyFailed, HomelabError, NeedFailed, StalePlan, WaitTimeout
from homelab.plan import Change, Plan, change, matches, plan
from homelab.resources import approval, auth_key, client, device, dns, link, login, policy, prefs, sidecar
from homelab.secret import Secret
from homelab.stages import enrollment
from homelab.wait import until

FRESH = login.State("NeedsLogin")


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Two nodes in the tailnet, by a person each; they stay for this file."""
    wanted = plan("test", needs.missing(world, [needs.joined("phone"), needs.joined("tequila")]))
    world.apply(wanted)
    assert login.read(world["phone"]).hostname == "phone"


def settled(module, place, name, wanted):
    """The state, once it is `wanted`: what `set` changes takes a moment to be seen."""
    return until(lambda: module.read(place, name), lambda s: matches(s, wanted), str(wanted), 5)


def both_ways(module, place, name, after, type_it) -> None:
    """`do`, back, the shown command, back: equal states all the way."""
    before = module.read(place, name)
    module.do(place, before, after)
    done = settled(module, place, name, after)
    module.do(place, done, before)
    assert settled(module, place, name, before) == before
    type_it(module.command(before, after))
    assert settled(module, place, name, after) == done
    type_it(module.command(done, before))
    assert settled(module, place, name, before) == before


@pytest.mark.parametrize(
    "after",
    [
        prefs.State(accept_routes=True),
        prefs.State(accept_dns=False),
        prefs.State(snat_subnet_routes=False),
        prefs.State(advertise_routes=("10.20.0.0/24",)),
        prefs.State(advertise_exit_node=True, shields_up=True),
    ],
)
def test_prefs(world, typed, after) -> None:
    both_ways(prefs, world["phone"], "", after, lambda argv: typed("phone", argv))


@pytest.mark.parametrize(
    "edit",
    [
        {"magic_dns": False},
        {"https": True},
        {"nameservers": ("203.0.113.53",)},
        {"split": ("lab.internal=10.20.0.50", "vpc.internal=10.20.0.50")},
        {"magic_dns": False, "https": True, "nameservers": ("203.0.113.53", "203.0.113.2")},
    ],
)
def test_dns(world, typed, edit) -> None:
    after = dataclasses.replace(dns.read(world.tailnet), **edit)
    both_ways(dns, world.tailnet, "", after, lambda argv: typed("visitor", argv))


def test_policy(world, typed) -> None:
    before = policy.read(world.tailnet)
    edited = policy.State(before.text.replace("// The policy", "// Our policy"))
    assert edited != before

    def type_it(argv: list[str]) -> None:
        text = edited.text if policy.read(world.tailnet) == before else before.text
        world["visitor"].write_text("/root/policy.hujson", text)
        typed("visitor", argv)

    both_ways(policy, world.tailnet, "", edited, type_it)


@pytest.mark.parametrize(("edit"), [{"ever": True}, {"expired": True}])
def test_device(world, typed, edit) -> None:
    before = device.read(world.tailnet, "tequila")
    after = dataclasses.replace(before, **edit)
    device.do(world.tailnet, before, after)
    done = device.read(world.tailnet, "tequila")
    assert done == after
    _restored(world, before)
    typed("visitor", device.command(device.read(world.tailnet, "tequila"), after))
    assert device.read(world.tailnet, "tequila") == done
    _restored(world, before)


def _restored(world, wanted) -> None:
    now = device.read(world.tailnet, "tequila")
    if now.expired:
        tequila = world["tequila"]
        until(lambda: login.read(tequila), lambda s: s.node == login.NEEDS_LOGIN, "the node to hear of it")
        world.apply(enrollment.renewal(world, "tequila", "tequila"))
    else:
        device.do(world.tailnet, now, wanted)
    assert device.read(world.tailnet, "tequila") == wanted


def test_link(world) -> None:
    router = world["flat_router"]
    before = link.read(router, "internet")
    both_ways(
        link,
        router,
        "internet",
        dataclasses.replace(before, nat="symmetric"),
        lambda argv: router.link("internet", nat=argv[-1]),
    )


def test_login_by_key_and_back(world, tailnet, tmp_path, monkeypatch) -> None:
    made = tailnet.call(lambda ts: ts.create_key(reusable=True, preauthorized=True, description="two"))
    monkeypatch.setenv("KEY", made.key)
    router = world["router"]
    wanted = login.wanted("router", key="env:KEY")
    world.apply(plan("test", change("router", "login", login.read(router), wanted, "by key")))
    first = login.read(router)
    assert (first.node, first.hostname) == ("Running", "router")
    assert router.read_text(login.KEY_FILE) is None, "the key stayed on the machine"
    login.do(router, first, FRESH)
    assert login.read(router) == FRESH
    # The shown command, typed: it takes the key from a file that the reader put there.
    router.write_text(login.KEY_FILE, made.key, 0o600)
    router.run(login.command(FRESH, wanted)).ok()
    assert dataclasses.replace(login.read(router), address="") == dataclasses.replace(first, address="")
    login.do(router, login.read(router), FRESH)


def test_down_and_up_again(world) -> None:
    phone = world["phone"]
    before = login.read(phone)
    login.do(phone, before, dataclasses.replace(before, node="Stopped"))
    world.apply(plan("test", needs.joined("phone")(world)))
    assert login.read(phone) == before


def test_a_new_name_needs_no_login(world) -> None:
    phone = world["phone"]
    before = login.read(phone)
    both_ways(
        login, phone, "", dataclasses.replace(before, hostname="handy"), lambda argv: phone.run(argv).ok()
    )


def test_the_name_of_another_node_is_refused_and_said(world) -> None:
    phone = world["phone"]
    before = login.read(phone)
    with pytest.raises(HomelabError, match="'tequila' is another node's name"):
        login.do(phone, before, dataclasses.replace(before, hostname="tequila"))
    login.do(phone, login.read(phone), before)
    assert login.read(phone) == before


def test_a_fresh_login_keeps_the_switches_that_were_set(world, tailnet) -> None:
    phone = world["phone"]
    prefs.do(phone, prefs.State(), prefs.State(accept_routes=True))
    address = login.read(phone).address
    found = device.read(tailnet, "phone")
    device.do(tailnet, found, dataclasses.replace(found, expired=True))
    until(lambda: login.read(phone).node, lambda n: n == "NeedsLogin", "the expiry")
    world.apply(enrollment.renewal(world, "phone", "phone"))
    assert prefs.read(phone).accept_routes
    assert login.read(phone).address == address
    prefs.do(phone, prefs.read(phone), prefs.State())


def test_a_person_who_refuses(world) -> None:
    router = world["router"]
    refuse = router.person

    class Refusing:
        name, email = refuse.name, refuse.email

        def sign_in(self, url: str) -> None:
            refuse.deny(url)

    router.person = Refusing()
    try:
        with pytest.raises(HomelabError):
            login.do(router, FRESH, login.wanted("router"))
    finally:
        router.person = refuse
    assert login.read(router).node == "NeedsLogin"


def test_a_login_page_that_does_not_answer_does_not_keep_us(world) -> None:
    router = world["router"]
    alice = router.person

    class Away:
        name, email = alice.name, alice.email

        def sign_in(self, url: str) -> None:
            alice.submit(url.replace("/a/", "/nowhere/"), login=self.email)

    router.person = Away()
    try:
        with pytest.raises(HomelabError, match="no form"):
            login.do(router, FRESH, login.wanted("router"))
    finally:
        router.person = alice
    assert login.read(router).node == "NeedsLogin"


@pytest.mark.parametrize("way", ["script", "apt"])
def test_client(world, typed, way) -> None:
    machine = world["demoserver"]
    absent, there = client.State(False), client.State(True, way)
    assert client.read(machine) == absent
    client.do(machine, absent, there)
    assert client.read(machine) == there
    assert login.read(machine).node == "NeedsLogin", "the daemon runs"
    client.do(machine, there, absent)
    typed("demoserver", client.command(absent, there))
    assert client.read(machine) == there
    typed("demoserver", client.command(there, absent))
    assert client.read(machine) == absent


@pytest.fixture
def owned_tag(world):
    """The policy gives `tag:container` an owner, for one test."""
    owners = plan("test", enrollment.tag_owners(world, ["tag:container"]))
    world.apply(owners)
    yield "tag:container"
    world.apply(owners.inverse())


def test_auth_key(world, tailnet, typed, owned_tag, tmp_path) -> None:
    file = tmp_path / "keys" / "one"
    none = auth_key.State(False, "for a test")
    wanted = auth_key.State(True, "for a test", (owned_tag,), ephemeral=True, file=str(file))
    auth_key.do(tailnet, none, wanted)
    done = auth_key.read(tailnet, "for a test")
    assert done == wanted
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("tskey-auth-")
    auth_key.do(tailnet, wanted, none)
    assert auth_key.read(tailnet, "for a test") == none
    request, _, rest = auth_key.command(none, wanted)[2].partition(" | jq ")
    assert rest == "-r .key > auth-key"
    told = json.loads(typed("visitor", ["sh", "-c", request]).out)
    assert told["key"].startswith("tskey-auth-")
    assert auth_key.read(tailnet, "for a test") == done
    typed("visitor", auth_key.command(auth_key.read(tailnet, "for a test"), none))
    assert auth_key.read(tailnet, "for a test") == none


def test_a_key_whose_secret_cannot_be_kept_is_revoked(tailnet, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    wanted = auth_key.State(True, "unkept", file=str(tmp_path / "file" / "key"))
    with pytest.raises(HomelabError, match="cannot be kept"):
        auth_key.do(tailnet, auth_key.State(False, "unkept"), wanted)
    assert not auth_key.read(tailnet, "unkept").usable


def test_a_key_with_a_tag_that_nobody_owns(tailnet, tmp_path) -> None:
    wanted = auth_key.State(True, "unowned", ("tag:nobody",), file=str(tmp_path / "key"))
    with pytest.raises(HomelabError, match="tag:nobody"):
        auth_key.do(tailnet, auth_key.State(False, "unowned"), wanted)


def test_a_container_joins_and_leaves(world) -> None:
    joins = enrollment.container(world)
    world.apply(joins)
    assert sidecar.read(world["tequila"], enrollment.CONTAINER).tags == ("tag:container",)
    listed = device.read(world.tailnet, enrollment.CONTAINER)
    assert (listed.there, listed.tags, listed.ever) == (True, ("tag:container",), True)
    said = world["tequila"].run(["ls", "/var/lib/tailscale-container"]).out
    assert "auth-key" not in said, "the key stayed on the machine"
    world.apply(joins.inverse())
    assert sidecar.read(world["tequila"], enrollment.CONTAINER).node == "absent"
    until(
        lambda: device.read(world.tailnet, enrollment.CONTAINER).there,
        lambda there: not there,
        "to be forgotten",
    )


def test_a_container_with_a_used_up_key_leaves_nothing_behind(world, tailnet, monkeypatch, owned_tag) -> None:
    made = tailnet.call(lambda ts: ts.create_key(preauthorized=True, tags=[owned_tag], ephemeral=True))
    monkeypatch.setenv("KEY", made.key)
    absent = sidecar.State("absent", "once")
    wanted = sidecar.State("Running", "once", (owned_tag,), key="env:KEY")
    sidecar.do(world["tequila"], absent, wanted)
    sidecar.do(world["tequila"], wanted, absent)
    with pytest.raises(HomelabError, match="used up"):
        sidecar.do(world["tequila"], absent, wanted)
    assert sidecar.read(world["tequila"], "once") == absent
    assert (
        world["tequila"].run(["sh", "-c", "ls -d /var/lib/tailscale-once /run/tailscale-once.sock"]).rc == 2
    )


def test_a_stale_plan_is_refused_and_nothing_is_done(world) -> None:
    phone = world["phone"]
    now = prefs.read(phone)
    stale = plan(
        "test", change("phone", "prefs", now, dataclasses.replace(now, accept_routes=True), "routes")
    )
    prefs.do(phone, now, dataclasses.replace(now, shields_up=True))
    with pytest.raises(StalePlan, match="no longer"):
        world.apply(stale)
    assert not prefs.read(phone).accept_routes
    prefs.do(phone, prefs.read(phone), now)


def test_a_policy_that_somebody_else_saved_is_not_overwritten(world) -> None:
    mine = enrollment.host_name(world, "mine", "10.0.0.1")
    theirs = enrollment.host_name(world, "theirs", "10.0.0.2")
    world.apply(theirs)
    with pytest.raises(StalePlan):
        world.apply(mine)
    with pytest.raises(StalePlan):
        policy.do(world.tailnet, mine.changes[0].before, mine.changes[0].after)
    assert "theirs" in policy.read(world.tailnet).text
    world.apply(theirs.inverse())


def test_the_journal_knows_the_way_back(world) -> None:
    phone = world["phone"]
    before = prefs.read(phone)
    marks = len(world.journal.entries())
    for edit in ({"accept_routes": True}, {"accept_routes": True, "shields_up": True}):
        now = prefs.read(phone)
        world.apply(plan("test", change("phone", "prefs", now, dataclasses.replace(now, **edit), "a switch")))
    done = [e.change for e in world.journal.entries()[marks:]]
    saved = Plan.load(json.loads(json.dumps(Plan("test", tuple(done)).data())))
    world.apply(saved.inverse())
    assert prefs.read(phone) == before


def test_a_change_that_failed_is_not_tried_again_in_the_run(world, monkeypatch) -> None:
    monkeypatch.setattr(world, "run", "this-run")
    monkeypatch.setenv("KEY", "tskey-auth-wrong")
    wrong = plan(
        "test",
        change("router", "login", login.read(world["router"]), login.wanted("router", key="env:KEY"), "join"),
    )
    with pytest.raises(ApplyFailed, match="invalid key"):
        world.apply(wrong)
    with pytest.raises(NeedFailed, match="failed earlier"):
        world.apply(wrong)


def test_secrets_stay_out_of_the_journal_and_of_errors(world, tailnet, monkeypatch) -> None:
    made = tailnet.call(lambda ts: ts.create_key(preauthorized=True, description="secret"))
    monkeypatch.setenv("KEY", made.key)
    assert Secret.parse("env:KEY").reveal() == made.key
    wanted = login.wanted("router", key="env:KEY")
    world.apply(
        plan("test", change("router", "login", login.read(world["router"]), wanted, f"with {made.key}"))
    )
    assert made.key not in Path(world.journal.path).read_text()
    now = login.read(world["router"])
    world.apply(Plan("test", (Change("router", "login", "back", now, FRESH),)))


def test_approval(world, tailnet, typed) -> None:
    """What a node offers counts once it is approved; approving what nobody offers says so."""
    prefs.do(world["tequila"], prefs.State(), prefs.State(advertise_routes=("10.77.0.0/24",)))
    after = approval.State(("10.77.0.0/24",))
    both_ways(approval, tailnet, "tequila", after, lambda argv: typed("visitor", argv))
    prefs.do(world["tequila"], prefs.State(advertise_routes=("10.77.0.0/24",)), prefs.State())
    with pytest.raises(WaitTimeout, match=r"offer 10\.78\.0\.0/24"):
        approval.do(tailnet, approval.read(tailnet, "tequila"), approval.State(("10.78.0.0/24",)))
