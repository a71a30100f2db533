"""States in, plan out: what the enrolment chapter wants of a world, however far that world is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab import needs
from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.lab_machine import LabMachine
from homelab.machine import Pending
from homelab.params import TAILSCALE
from homelab.person import Reader
from homelab.plan import Plan
from homelab.resources import auth_key, client, device, dns, link, login, policy, sidecar
from homelab.stages import enrollment, free_plan, headscale
from homelab.stages.enrollment import Params
from homelab.vantage import admin, seat

ABSENT, NEW = login.State("not installed"), login.State("NeedsLogin")
ROLES = ("demoserver", "fooocus", "tequila", "phone", "visitor")
POLICY = '{\n  // mine\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n'


def running(name: str, **more: object) -> login.State:
    return login.State("Running", name, address="100.64.0.7", **more)


class Somewhere:
    """A world of given states: resources are read from tables instead of machines."""

    def __init__(
        self, monkeypatch, logins, *, api=True, names=None, text=POLICY, key=False, device_state=None
    ) -> None:
        self.logins = logins
        self.machines = {name: SimpleNamespace(name=name) for name in logins}
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.login_server = TAILSCALE
        self.journal = SimpleNamespace(path=Path("/state/journal.jsonl"))
        self.params = SimpleNamespace(path=Path("home.yaml"))
        monkeypatch.setattr(login, "read", lambda m, name="": logins[m.name])
        monkeypatch.setattr(client, "read", lambda m, name="": client.State(logins[m.name] != ABSENT))
        monkeypatch.setattr(dns, "read", lambda t, name="": names or dns.State(True, False))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(text, '"e1"'))
        monkeypatch.setattr(auth_key, "read", lambda t, name: auth_key.State(key, name))
        monkeypatch.setattr(sidecar, "read", lambda m, name: sidecar.State("absent", name))
        monkeypatch.setattr(device, "read", lambda t, name: device_state or device.State(False))
        monkeypatch.setattr(link, "read", lambda m, name="": link.State(m.name, name, nat="cone"))

    def __getitem__(self, role):
        return self.machines[role]


FRESH = {"demoserver": ABSENT, "fooocus": ABSENT, "tequila": NEW, "phone": NEW, "visitor": ABSENT}
ENROLLED = {name: running(name) for name in ROLES}
HTTPS_ON = dns.State(True, True)


def words(plan) -> list[str]:
    return [f"{c.machine}/{c.resource}" for c in plan]


@pytest.mark.parametrize(
    ("logins", "names", "wish", "wanted"),
    [
        (
            FRESH,
            None,
            Params(),
            ["demoserver/client", "demoserver/login", "fooocus/client", "fooocus/login", "tequila/login", "phone/login", "tailnet/dns"],
        ),
        (ENROLLED, HTTPS_ON, Params(), []),
        (ENROLLED, None, Params(), ["tailnet/dns"]),
        (ENROLLED, None, Params(https=False), []),
        ({**ENROLLED, "phone": NEW}, HTTPS_ON, Params(), ["phone/login"]),
        ({"tequila": NEW}, HTTPS_ON, Params(hostname="msi"), ["tequila/login"]),
        ({"tequila": running("gaming-pc")}, HTTPS_ON, Params(), []),
        (
            {"demoserver": NEW},
            HTTPS_ON,
            Params(tags=["tag:server"]),
            ["tailnet/policy", "demoserver/login"],
        ),
        (ENROLLED, HTTPS_ON, Params(nameservers=["203.0.113.53"]), ["tailnet/dns"]),
        ({}, HTTPS_ON, Params(), []),
    ],
)  # fmt: skip
def test_plan(monkeypatch, logins, names, wish, wanted) -> None:
    world = Somewhere(monkeypatch, logins, names=names)
    assert words(enrollment.plan(world, wish)) == wanted


@pytest.mark.parametrize(
    ("roles", "hostname", "wanted"),
    [
        (("demoserver", "phone"), "box", {"demoserver": "box", "phone": "phone"}),
        (("tequila",), "demoserver", {"tequila": "tequila"}),
        (("tequila", "phone"), "msi", {"tequila": "msi", "phone": "phone"}),
        (("visitor", "router"), "msi", {}),
    ],
)
def test_names(monkeypatch, roles, hostname, wanted) -> None:
    world = Somewhere(monkeypatch, dict.fromkeys(roles, NEW))
    assert enrollment.members(world, Params(hostname=hostname)) == wanted


def test_the_talks_two_ways_to_install(monkeypatch) -> None:
    plan = enrollment.plan(Somewhere(monkeypatch, FRESH), Params())
    ways = {c.machine: c.after.way for c in plan if c.resource == "client"}
    assert ways == {"demoserver": "script", "fooocus": "apt"}
    commands = {c.machine: c.command for c in plan if c.resource == "login"}
    assert commands["demoserver"] == "sudo tailscale up --hostname=demoserver"
    assert commands["fooocus"] == "sudo tailscale up --hostname=fooocus"


def test_parameters_reach_the_commands(monkeypatch) -> None:
    wish = Params(
        hostname="box", tags=["tag:server"], auth_key="env:TS_AUTHKEY", login_server="https://hs.example.com/"
    )
    plan = enrollment.plan(Somewhere(monkeypatch, FRESH), wish)
    commands = {c.machine: c.command for c in plan if c.resource == "login"}
    server, key = "--login-server=https://hs.example.com", "--auth-key=file:/run/homelab-auth-key"
    assert (
        commands["demoserver"]
        == f"sudo tailscale up {server} --hostname=box --advertise-tags=tag:server {key}"
    )
    assert commands["phone"] == f"sudo tailscale up {server} --hostname=phone {key}"


def test_a_node_under_another_name_is_left_alone_and_named(monkeypatch) -> None:
    plan = enrollment.plan(
        Somewhere(monkeypatch, {"tequila": running("gaming-pc")}, names=HTTPS_ON), Params()
    )
    assert not plan
    assert "'gaming-pc'" in str(plan)


def test_without_an_api_key_the_machines_are_planned_all_the_same(monkeypatch) -> None:
    plan = enrollment.plan(Somewhere(monkeypatch, {"tequila": NEW}, api=False), Params(tags=["tag:x"]))
    assert words(plan) == ["tequila/login"]
    assert "admin API key" in str(plan)


def test_a_tag_that_has_an_owner_keeps_it(monkeypatch) -> None:
    text = '{"tagOwners": {"tag:container": ["alice@example.com"]}}'
    world = Somewhere(monkeypatch, {"tequila": NEW}, text=text)
    assert enrollment.tag_owners(world, ["tag:container"]) == ()


def test_a_container_needs_an_owned_tag_then_a_key_then_joins(monkeypatch) -> None:
    plan = enrollment.container(Somewhere(monkeypatch, ENROLLED))
    assert words(plan) == ["tailnet/policy", "tailnet/auth_key", "tequila/sidecar"]
    edit, key, joins = plan
    assert '"tag:container": ["autogroup:admin"]' in edit.after.text
    assert "// mine" in edit.after.text
    assert (key.after.reusable, key.after.ephemeral, key.after.tags) == (False, True, ("tag:container",))
    assert joins.after.key == f"file:{key.after.file}"
    assert "/state" not in str(plan)


def test_what_needs_the_api_says_so_without_one(monkeypatch) -> None:
    world = Somewhere(monkeypatch, ENROLLED, api=False)
    for plan in (
        enrollment.container(world),
        enrollment.host_name(world, "db", "10.0.0.1"),
        enrollment.expiry(world, "phone"),
    ):
        assert not plan
        assert "admin API key" in str(plan)


def test_expiry_cannot_be_taken_back_and_says_so(monkeypatch) -> None:
    (over,) = enrollment.expiry(
        Somewhere(monkeypatch, ENROLLED, device_state=device.State(True, id="n1")), "phone"
    )
    assert over.after.expired
    assert "login" in over.loses
    assert not enrollment.expiry(Somewhere(monkeypatch, ENROLLED), "phone"), "a device that is not there"


def test_what_has_no_way_back_is_left_out_of_it_and_mentioned(monkeypatch) -> None:
    world = Somewhere(monkeypatch, {**ENROLLED, "phone": NEW}, device_state=device.State(True, id="n1"))
    both = Plan("s", (*enrollment.expiry(world, "phone"), *enrollment.renewal(world, "phone", "phone")))
    back = both.inverse()
    assert words(back) == ["phone/login"]
    assert "Not taken back on tailnet: expire the key of phone" in str(back)


def test_renewal_is_a_login_of_the_same_node(monkeypatch) -> None:
    over = login.State("NeedsLogin", flags=("--accept-routes",))
    (renewed,) = enrollment.renewal(Somewhere(monkeypatch, {"phone": over}), "phone", "phone")
    assert renewed.command == "sudo tailscale up --hostname=phone --accept-routes --force-reauth"


def test_another_control_plane_and_back(monkeypatch) -> None:
    there = enrollment.other_control(Somewhere(monkeypatch, ENROLLED), "demoserver", "demoserver")
    (back,) = there.inverse()
    assert (
        back.command == f"sudo tailscale up --login-server={TAILSCALE} --hostname=demoserver --force-reauth"
    )


def test_hard_nat_and_back(monkeypatch) -> None:
    world = Somewhere(monkeypatch, {"flat_router": NEW})
    assert not enrollment.harder_nat(world), "no router of the lab, nothing to break"
    status = {"addresses": {"internet": "203.0.113.20/24"}}
    world.machines["flat_router"] = LabMachine("/nowhere", "flat_router", status, Reader(), Pending())
    harder = enrollment.harder_nat(world)
    assert [(c.before.nat, c.after.nat) for c in (*harder, *harder.inverse())] == [
        ("cone", "symmetric"),
        ("symmetric", "cone"),
    ]
    monkeypatch.setattr(link, "read", lambda place, name="": harder.changes[0].after)
    again = enrollment.harder_nat(world)  # the cell ran twice: it is so, and the way back is not forgotten
    assert [(c.before.nat, c.after.nat) for c in again.inverse()] == [("symmetric", "cone")]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"hostname": "Demo_Server"}, "DNS label"),
        ({"hostname": "-x"}, "DNS label"),
        ({"hostname": "a" * 64}, "DNS label"),
        ({"tags": ["container"]}, "must be a tag such as"),
        ({"tags": ["tag:"]}, "must be a tag such as"),
        ({"tags": "tag:x"}, "list"),
        ({"login_server": "http://hs.example.com"}, "must be an address"),
        ({"login_server": "https://"}, "must be an address"),
        ({"auth_key": "tskey-auth-abc"}, "reference"),
        ({"nameservers": ["router"]}, "not an IP address"),
        ({"nameservers": ["1.1.1.1"] * 7}, "at most 6"),
        ({"hard_nat": "perhaps"}, "boolean"),
        ({"hostnam": "x"}, "Extra inputs"),
    ],
)
def test_bad_parameters(given, word) -> None:
    with pytest.raises(ValidationError, match=word) as caught:
        Params.model_validate(given)
    assert "tskey" not in str(caught.value.errors(include_input=False, include_url=False))


def test_a_need_adds_nothing_where_it_is_met(monkeypatch) -> None:
    world = Somewhere(monkeypatch, {**FRESH, "tequila": running("whatever")})
    assert needs.joined("tequila")(world) == ()
    found = needs.missing(
        world, [needs.installed("fooocus"), needs.joined("fooocus"), needs.joined("tequila")]
    )
    assert [f"{c.machine}/{c.resource}" for c in found] == ["fooocus/client", "fooocus/login"]


def test_a_node_that_was_disconnected_comes_back_as_it_was(monkeypatch) -> None:
    off = login.State("Stopped", "gaming-pc", ("tag:x",), "https://hs.example.com", "100.64.0.7")
    (back,) = needs.joined("tequila", "tequila")(Somewhere(monkeypatch, {"tequila": off}))
    assert (back.command, back.after.hostname) == ("sudo tailscale up", "gaming-pc")


def test_places_that_a_world_lacks(monkeypatch) -> None:
    world = Somewhere(monkeypatch, {"tequila": NEW}, api=False)
    with pytest.raises(PrerequisiteMissing, match="no machine plays 'phone'"):
        seat(world, "phone").run(["true"])
    answer = free_plan.fits_the_free_plan(admin(world))
    assert (answer.status, answer.vantage) == ("skip", "tailnet")
    assert "admin API key" in answer.evidence
    assert seat(world, "tequila") is world["tequila"]


@pytest.mark.parametrize(
    ("used", "over"),
    [
        (free_plan.Use(1, 4, 0, 0), []),
        (free_plan.Use(6, 500, 50, 3), []),
        (free_plan.Use(7, 1, 51, 4), ["users", "tagged resources", "groups in the policy"]),
    ],
)
def test_the_free_plan(used, over) -> None:
    assert [limit.what for limit in used.over()] == over
    assert f"devices of users {used.devices} (no limit)" in used.text()


def test_the_headscale_table_covers_every_chapter() -> None:
    numbers = [c.stage[:2] for c in headscale.CHAPTERS]
    assert numbers == [f"{n:02}" for n in range(3, 11)]
    funnel = next(c for c in headscale.CHAPTERS if "funnel" in c.stage)
    assert (funnel.verdict, "#1040" in funnel.note) == (headscale.NOT, True)


def test_an_unreadable_policy_stops_the_plan(monkeypatch) -> None:
    with pytest.raises(HomelabError, match="not HuJSON"):
        enrollment.tag_owners(Somewhere(monkeypatch, {}, text="{"), ["tag:x"])
