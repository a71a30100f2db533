"""States in, plan out: what the chapter on subnet routers wants of a world, however far that world is."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.clients import postgres
from homelab.clients.postgres import Database
from homelab.errors import CommandFailed, HomelabError, NoAnswer, ParamsError, PrerequisiteMissing
from homelab.machine import Result, shown
from homelab.params import TAILSCALE
from homelab.policy import people, policyfile
from homelab.policy.allowed import Node
from homelab.resources import approval, dns, ip_forward, login, policy, prefs, route
from homelab.routing import subnets
from homelab.routing.failover import Outage
from homelab.stages import subnet_router
from homelab.stages.subnet_router import Params

VPC = "10.20.0.0/24"
ROLES = ("router", "router2", "phone", "tequila", "db")
POLICY = '{\n  // mine\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n'
APPROVING = '{"autoApprovers": {"routes": {"10.20.0.0/24": ["autogroup:owner"]}}}'
NEW = login.State("NeedsLogin")
NETWORKS = {
    "phone": {"eth0": ip_network("192.168.88.0/24")},
    "tequila": {"eth0": ip_network("172.28.16.0/20")},
    "router": {"eth1": ip_network(VPC)},
}


class Somewhere:
    """A world of given states: resources are read from tables instead of machines."""

    def __init__(
        self,
        monkeypatch,
        *,
        roles=ROLES,
        api=True,
        joined=(),
        told=None,
        used=None,
        text=POLICY,
        split=(),
        forwarding=True,
    ):
        told, used = told or {}, used or {}
        self.machines = {
            name: SimpleNamespace(name=name, run=lambda argv: Result(tuple(argv), 0, "", "", 0.0))
            for name in roles
        }
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.login_server, self.lab = TAILSCALE, None
        self.params = SimpleNamespace(path=Path("home.yaml"))
        states = {n: login.State("Running", n, address="100.64.0.7") for n in joined}
        monkeypatch.setattr(login, "read", lambda m, name="": states.get(m.name, NEW))
        monkeypatch.setattr(prefs, "read", lambda m, name="": told.get(m.name, prefs.State()))
        monkeypatch.setattr(approval, "read", lambda t, name: approval.State(used.get(name, ()), id="n1"))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(text, '"e1"'))
        monkeypatch.setattr(dns, "read", lambda t, name="": dns.State(True, False, (), split))
        forwards = ip_forward.State(True, True, (f"{ip_forward.IPV4} = 1", f"{ip_forward.IPV6} = 1"))
        monkeypatch.setattr(
            ip_forward, "read", lambda m, name="": forwards if forwarding else ip_forward.State()
        )
        monkeypatch.setattr(route, "next_hop", lambda m, address: "10.20.0.1")
        monkeypatch.setattr(route, "read", lambda m, name: route.State(name))
        monkeypatch.setattr(subnets, "of", lambda m: NETWORKS.get(m.name, {}))
        monkeypatch.setattr(route, "source", lambda m, a: "10.20.0.2" if m.name == "router2" else "")

    def __getitem__(self, role):
        return self.machines[role]

    def __iter__(self):
        return iter(self.machines)


OFFERING = prefs.State(advertise_routes=(VPC,))
DONE = {
    "joined": ROLES,
    "told": {"router": OFFERING, "router2": OFFERING, "phone": prefs.State(accept_routes=True)},
    "used": {"router": (VPC,), "router2": (VPC,)},
    "text": APPROVING,
    "split": ("vpc.internal=10.20.0.53",),
}


def words(plan) -> list[str]:
    return [f"{c.machine}/{c.resource}" + (f"/{c.name}" if c.name else "") for c in plan]


@pytest.mark.parametrize(
    ("states", "wish", "wanted"),
    [
        (
            {},
            Params(),
            ["router/login", "router2/login", "phone/login", "router/prefs", "tailnet/approval/router", "phone/prefs",
             "tailnet/dns", "tailnet/policy", "router2/prefs", "tailnet/approval/router2"],
        ),
        (DONE, Params(), []),
        (DONE | {"used": {"router": (VPC,)}}, Params(), ["tailnet/approval/router2"]),
        (DONE | {"split": ()}, Params(), ["tailnet/dns"]),
        (DONE | {"split": ()}, Params(domain=""), []),
        (DONE | {"text": POLICY}, Params(), ["tailnet/policy"]),
        (DONE | {"text": POLICY}, Params(routers=["router"]), []),
        (DONE | {"forwarding": False}, Params(), ["router/ip_forward", "router2/ip_forward"]),
        ({"joined": ROLES, "api": False}, Params(), ["router/prefs", "phone/prefs", "router2/prefs"]),
        ({"joined": ROLES, "roles": ("tequila",)}, Params(), []),
        ({"joined": ROLES, "roles": ("tequila",)}, Params(routers=["tequila"]), ["tequila/prefs", "tailnet/approval/tequila", "tailnet/dns"]),
    ],
)  # fmt: skip
def test_plan(monkeypatch, states, wish, wanted) -> None:
    assert words(subnet_router.plan(Somewhere(monkeypatch, **states), wish)) == wanted


def test_what_was_there_stays(monkeypatch) -> None:
    states = {
        "told": {"router": prefs.State(advertise_routes=("10.9.0.0/24",), ssh=True)},
        "used": {"router": ("10.9.0.0/24",)},
        "text": '{"autoApprovers": {"routes": {"10.20.0.0/24": ["tag:vpc"]}, "exitNode": ["tag:x"]}}',
        "split": ("corp.example=10.1.1.1",),
    }
    plan = {c.resource + c.name: c for c in subnet_router.plan(Somewhere(monkeypatch, joined=ROLES, **states), Params()) if c.machine != "router2"}  # fmt: skip
    assert plan["prefs"].after.accept_routes
    assert plan["approvalrouter"].after.approved == (VPC, "10.9.0.0/24")
    assert plan["dns"].after.split == ("corp.example=10.1.1.1", "vpc.internal=10.20.0.53")
    routes = policyfile.data(plan["policy"].after.text)["autoApprovers"]
    assert routes == {"routes": {VPC: ["tag:vpc", "autogroup:owner"]}, "exitNode": ["tag:x"]}
    first = subnet_router.plan(Somewhere(monkeypatch, joined=ROLES, **states), Params()).changes[0]
    assert first.command == "sudo tailscale set --advertise-routes=10.9.0.0/24,10.20.0.0/24"


def test_a_home_without_a_key_is_told_so(monkeypatch) -> None:
    plan = subnet_router.plan(Somewhere(monkeypatch, roles=("tequila",), api=False), Params())
    assert not plan
    assert "admin API key" in plan.notes[0]
    assert "No machine here plays router, router2" in plan.notes[1]


def test_a_nameserver_outside_is_mentioned(monkeypatch) -> None:
    plan = subnet_router.plan(Somewhere(monkeypatch, **DONE), Params(nameserver="10.99.0.2"))
    assert any("10.99.0.2 is in none of the routes" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("wish", "told", "said"),
    [
        (Params(routes=["192.168.88.0/24"]), {}, "192.168.88.0/24 is the network that phone itself"),
        (Params(routes=[VPC, "192.168.0.0/16"]), {}, "192.168.0.0/16 overlaps 192.168.88.0/24"),
        (Params(routes=["172.28.0.0/16"]), {"tequila": prefs.State(accept_routes=True)}, "tequila"),
        (
            Params(),
            {"router": prefs.State(accept_routes=True)},
            "10.20.0.0/24 is the network that router itself",
        ),
    ],
)
def test_overlap_is_refused_before_anything(monkeypatch, wish, told, said) -> None:
    with pytest.raises(ParamsError) as caught:
        subnet_router.plan(Somewhere(monkeypatch, joined=ROLES, told=told), wish)
    assert [said in str(p) for p in caught.value.problems] == [True]
    assert "4via6" in str(caught.value)


def test_who_does_not_accept_is_not_hit(monkeypatch) -> None:
    world = Somewhere(monkeypatch, joined=ROLES)
    assert subnet_router.plan(world, Params(routes=["172.28.0.0/16"], clients=[]))


TEAM = '{"groups": {"group:ops": ["alice@example.com"]}, "tagOwners": {"tag:router": ["autogroup:owner"]}}'
ALICE, BOB = "alice@example.com", "bob@example.com"


def approving(monkeypatch, approver: str, node: Node | None = None) -> list[str]:
    """What is refused of `approver`, where Alice runs this, Bob is a user, and router2 may be `node`."""
    world = Somewhere(monkeypatch, joined=ROLES, text=TEAM)
    known = people.People(ALICE, {ALICE: "owner", BOB: "member"})
    monkeypatch.setattr(people, "people", lambda tailnet: known)
    monkeypatch.setattr(subnet_router, "nodes", lambda tailnet: [node] if node else [])
    try:
        subnet_router.plan(world, Params(approver=approver))
    except ParamsError as error:
        return [str(p) for p in error.problems]
    return []


@pytest.mark.parametrize(
    ("approver", "node", "said"),
    [
        ("carol@example.com", None, "carol@example.com is no user of this tailnet"),
        ("group:family", None, "group:family is no group of this tailnet's policy"),
        ("tag:vpc", None, "tag:vpc is no tag that this tailnet's policy has an owner for"),
        ("autogroup:everybody", None, "autogroup:everybody is no group that Tailscale makes"),
        (BOB, None, "router2 belongs to alice@example.com, so what it offers would not be approved"),
        ("tag:router", None, "router2 belongs to alice@example.com"),
        (ALICE, Node("router2", BOB), "router2 belongs to bob@example.com"),
        (ALICE, Node("router2", tags=("tag:router",)), "router2 carries tag:router"),
        (ALICE, None, ""),
        ("group:ops", None, ""),
        ("tag:router", Node("router2", tags=("tag:router",)), ""),
        (BOB, Node("router2", BOB), ""),
    ],
)
def test_an_approver_who_never_would_is_refused_before_anything(monkeypatch, approver, node, said) -> None:
    found = approving(monkeypatch, approver, node)
    assert len(found) == bool(said)
    assert all(text.startswith(f"approver: {said}") for text in found)


def test_one_router_needs_no_approver_and_a_home_without_a_key_asks_nobody(monkeypatch) -> None:
    monkeypatch.setattr(people, "people", lambda tailnet: pytest.fail("nobody is to be asked"))
    wish = Params(approver="carol@example.com")
    assert subnet_router.plan(Somewhere(monkeypatch), wish.model_copy(update={"routers": ["router"]}))
    assert subnet_router.plan(Somewhere(monkeypatch, api=False), wish)


def test_routes_have_one_order() -> None:
    named = [
        "fd7a:115c:a1e0:b1a:0:7:a14:0/120",
        "10.20.0.0/24",
        "10.20.0.0/16",
        "10.9.0.0/24",
        "10.20.0.0/24",
    ]
    assert prefs.ordered(named) == ("10.9.0.0/24", "10.20.0.0/16", "10.20.0.0/24", named[0])
    assert prefs.ordered(reversed(named)) == prefs.ordered(named)


def test_two_routes_of_which_one_would_do(monkeypatch) -> None:
    plan = subnet_router.plan(Somewhere(monkeypatch), Params(routes=[VPC, "10.20.0.0/16", "10.30.0.0/16"]))
    assert plan.notes == ("10.20.0.0/24 lies in 10.20.0.0/16, which is in the list too: one of the two would do.",)  # fmt: skip


def test_whether_a_router_leads_to_the_database_already(monkeypatch) -> None:
    """By what is carried, not by whether the plan has something to do: its parameters may have changed."""
    world = Somewhere(monkeypatch)
    for carried, led in ((["10.20.0.0/24"], True), (["10.9.0.0/16"], False), (["fd7a:115c:a1e0:b1a::/96"], False), (None, False)):  # fmt: skip
        monkeypatch.setattr(
            subnet_router, "status", lambda m, r=carried: {"Peer": {"k": {"PrimaryRoutes": r}}}
        )
        assert subnet_router.led_there(world, Params(routes=["10.20.0.0/16"])) is led
    assert not subnet_router.led_there(Somewhere(monkeypatch, roles=("tequila",)), Params())
    assert not subnet_router.led_there(world, Params(database=""))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"routes": ["10.20.0.0"]}, "no CIDR"),
        ({"routes": ["10.20.0.1/24"]}, "did you mean 10.20.0.0/24?"),
        ({"routes": ["0.0.0.0/0"]}, "exit node (chapter 06)"),
        ({"routes": []}, "at least 1"),
        ({"routes": [VPC, VPC]}, "10.20.0.0/24 is there twice"),
        ({"routers": []}, "at least 1"),
        ({"routers": ["router", "router"]}, "router is there twice"),
        ({"nameserver": "vpc"}, "'vpc' is not an IP address"),
        ({"database": "rds"}, "'rds' is not an IP address"),
        ({"domain": "vpc internal"}, "is no domain"),
        ({"approver": "everybody"}, "must be "),
        ({"route": VPC}, "not permitted"),
    ],
)
def test_bad_parameters(wrong, said) -> None:
    with pytest.raises(ValidationError) as caught:
        Params(**wrong)
    assert said in str(caught.value)


def test_plans_beside_the_chapter(monkeypatch) -> None:
    world = Somewhere(monkeypatch, **DONE)
    commands = [
        c.command
        for plan in (
            subnet_router.untranslated(world, "router2"),
            subnet_router.way_back(world, "router2", Params()),
            subnet_router.other_range(world, "router2", Params()),
        )
        for c in plan
    ]
    assert commands[0] == "sudo tailscale set --snat-subnet-routes=false"
    assert commands[1] == "sudo ip route replace 100.64.0.0/10 via 10.20.0.2"
    assert commands[2].endswith("--advertise-routes=10.20.0.0/24,fd7a:115c:a1e0:b1a:0:7:a14:0/120")
    assert (
        shown(route.command(route.State(VPC, "10.0.0.1"), route.State(VPC)))
        == "sudo ip route del 10.20.0.0/24"
    )
    with pytest.raises(HomelabError, match="no way to"):
        subnet_router.way_back(world, "router", Params())


def test_a_home_has_none_of_them(monkeypatch) -> None:
    world = Somewhere(monkeypatch, roles=("tequila",))
    assert not subnet_router.untranslated(world, "router2")
    assert not subnet_router.way_back(world, "router2", Params())
    assert not subnet_router.other_range(world, "router2", Params())


def asking(rc: int, out: str = "", err: str = ""):
    return SimpleNamespace(name="phone", run=lambda argv, **_: Result(tuple(argv), rc, out, err, 0.0))


REFUSED = 'psql: error: connection to server at "10.20.0.50", port 5432 failed: Connection refused\n\tIs the server running?'


@pytest.mark.parametrize(
    ("machine", "error", "said"),
    [
        (asking(124), NoAnswer, "did not answer within 1 s"),
        (asking(2, err=REFUSED), NoAnswer, "port 5432 failed: Connection refused"),
        (
            asking(2, err='psql: error: could not translate host name "x" to address'),
            NoAnswer,
            "could not translate",
        ),
        (asking(1, err="ERROR:  permission denied for table films"), CommandFailed, "permission denied"),
        (
            asking(127, err="timeout: failed to run command ‘psql’: No such file"),
            PrerequisiteMissing,
            "psql is not",
        ),
    ],
)
def test_a_database_that_does_not_answer(machine, error, said) -> None:
    with pytest.raises(error) as caught:
        postgres.query(machine, Database("10.20.0.50"), "select 1", 1)
    assert said in caught.value.what


def test_rows() -> None:
    assert postgres.query(asking(0, "a b\x1f1\nc\x1f2\n"), Database("db"), "select") == [
        ("a b", "1"),
        ("c", "2"),
    ]
    assert shown(postgres.command(Database("db", port=6432), "select 1")) == "psql -h db -U reader -d films -p 6432 -c 'select 1'"  # fmt: skip


def test_an_outage_in_words() -> None:
    assert str(Outage(0.0712, 3, "router", "router2")) == "router went, router2 took over: 0.07 s without a way (3 tries)"  # fmt: skip
    assert str(Outage(0.04, 1, "router", "router2")).endswith("(1 try)")
    assert "nobody took over" in str(Outage(30.0, 9, "router", ""))
