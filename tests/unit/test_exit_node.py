"""States in, plan out: what the exit node's chapter wants, what it refuses, and what tailscale's words mean."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.checks import exit_node as exits
from homelab.errors import CommandFailed, HomelabError, ParamsError
from homelab.machine import Pending, Result, shown
from homelab.person import Reader
from homelab.resources import approval, ip_forward, login, meter, policy, prefs
from homelab.routing import exit_nodes
from homelab.stages import exit_node
from homelab.stages.exit_node import Params

WISH = Params()
BOTH = (f"{ip_forward.IPV4} = 1", f"{ip_forward.IPV6} = 1")
OFF, ON = ip_forward.State(), ip_forward.State(True, True, BOTH)
RUNNING, NEW = login.State("Running", "tequila", address="100.64.0.7"), login.State("NeedsLogin")
LISTED = """
 IP                HOSTNAME                         COUNTRY     CITY         STATUS
 100.124.7.25      tequila.snow-burbot.ts.net       -           -            selected
 100.127.51.28     se-sto-wg-001.mullvad.ts.net     Sweden      Stockholm    -
 100.127.51.29     us-nyc-wg-301.mullvad.ts.net     USA         New York     offline

# To view the complete list of exit nodes for a country, use `tailscale exit-node list --filter=` followed by the country name.
# To use an exit node, use `tailscale set --exit-node=` followed by the IP or hostname.
"""


class Somewhere:
    """A world of given states."""

    def __init__(self, monkeypatch, *, forward=OFF, told=None, approved=(), logins=RUNNING, api=True, roles=("tequila", "phone"), text="{}") -> None:  # fmt: skip
        self.machines = {name: SimpleNamespace(name=name) for name in roles}
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.login_server, self.lab = "https://controlplane.tailscale.com", None
        self.params = SimpleNamespace(path=SimpleNamespace(name="home.yaml"))
        monkeypatch.setattr(login, "read", lambda m, name="": logins)
        monkeypatch.setattr(ip_forward, "read", lambda m, name="": forward)
        monkeypatch.setattr(prefs, "read", lambda m, name="": told or prefs.State())
        monkeypatch.setattr(approval, "read", lambda t, name: approval.State(tuple(approved), id="n1"))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(text, '"e1"'))

    def __getitem__(self, role):
        return self.machines[role]


def words(plan) -> list[str]:
    return [f"{c.machine}/{c.resource}" for c in plan]


ALL = ["tequila/ip_forward", "tequila/prefs", "tailnet/approval"]
OFFERS = prefs.State(advertise_exit_node=True)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ALL),
        ({"logins": NEW}, ["tequila/login", "phone/login", *ALL]),
        ({"forward": ON}, ALL[1:]),
        ({"forward": ON, "told": OFFERS}, ALL[2:]),
        ({"forward": ON, "told": OFFERS, "approved": prefs.EVERYWHERE}, []),
        ({"forward": ON, "told": OFFERS, "approved": ("0.0.0.0/0",)}, ALL[2:]),
        ({"api": False}, ALL[:2]),
        ({"roles": ("tequila",)}, ALL),
        ({"roles": ("phone",)}, []),
    ],
)
def test_plan(monkeypatch, given, wanted) -> None:
    assert words(exit_node.plan(Somewhere(monkeypatch, **given), WISH)) == wanted


def test_what_else_is_offered_and_approved_stays(monkeypatch) -> None:
    told = prefs.State(advertise_routes=("10.20.0.0/24",), accept_routes=True)
    world = Somewhere(monkeypatch, forward=ON, told=told, approved=("10.20.0.0/24",))
    offers, approved = exit_node.plan(world, WISH)
    assert offers.after == prefs.State(True, True, True, ("10.20.0.0/24",))
    assert offers.command == "sudo tailscale set --advertise-exit-node"
    assert approved.after.approved == ("0.0.0.0/0", "10.20.0.0/24", "::/0")


def test_without_an_api_key_the_page_is_named(monkeypatch) -> None:
    assert "machines page" in str(exit_node.plan(Somewhere(monkeypatch, api=False), WISH))


def test_a_world_without_the_machine_says_so(monkeypatch) -> None:
    world = Somewhere(monkeypatch, roles=())
    assert "No machine plays 'tequila'" in str(exit_node.plan(world, WISH))
    assert "nobody to travel" in str(exit_node.use(world, WISH, "tequila"))


def test_machines_that_the_lab_lacks_are_named_at_once(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    world.lab = {"tier": "root"}
    with pytest.raises(ParamsError) as caught:
        exit_node.plan(world, Params(exit_node="tequlia", rented="no-osl-wg-001"))
    assert str(caught.value).splitlines() == [
        "exit_node: no machine of the lab plays 'tequlia' (did you mean 'tequila'?)",
        "rented: no machine of the lab plays 'no_osl_wg_001' (known: phone, tequila)",
    ]


@pytest.mark.parametrize(
    ("before", "after", "command"),
    [
        (
            OFF,
            ON,
            "printf '%s\\n' 'net.ipv4.ip_forward = 1' 'net.ipv6.conf.all.forwarding = 1' | sudo tee "
            "/etc/sysctl.d/99-tailscale.conf >/dev/null &&\nsudo sysctl -p /etc/sysctl.d/99-tailscale.conf",
        ),
        (
            ON,
            OFF,
            "sudo rm -f /etc/sysctl.d/99-tailscale.conf &&\nsudo sysctl -w net.ipv4.ip_forward=0 &&\n"
            "sudo sysctl -w net.ipv6.conf.all.forwarding=0",
        ),
        (ON, ip_forward.State(True, True), "sudo rm -f /etc/sysctl.d/99-tailscale.conf"),
    ],
)
def test_forwarding(before, after, command) -> None:
    assert shown(ip_forward.command(before, after)) == command


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (OFF, ON),
        (ON, ON),
        (ip_forward.State(True, False), ON),  # as Docker leaves it
        (ip_forward.State(kept=("a = 1", "net.ipv4.ip_forward=0")), ip_forward.State(True, True, ("a = 1", *BOTH))),
        (ip_forward.State(has_ipv6=False), ip_forward.State(True, False, BOTH[:1])),
        (ip_forward.State(True, True, ("net.ipv4.ip_forward=1", BOTH[1])), ip_forward.State(True, True, ("net.ipv4.ip_forward=1", BOTH[1]))),
    ],
)  # fmt: skip
def test_everything_forwarded(now, wanted) -> None:
    assert ip_forward.on(now) == wanted


def test_the_meter_and_its_way_back() -> None:
    on = meter.State("eth0", 42550)
    put, away = shown(meter.command(meter.State(), on)), shown(meter.command(on, meter.State()))
    assert put.count("--comment") == 5
    assert "--sport 42550 -m comment --comment tunnel" in put
    assert away == (
        "sudo iptables -w -D FORWARD -o eth0 -j METER &&\nsudo iptables -w -F METER &&\nsudo iptables -w -X METER"
    )
    assert meter.Counts(5, 4, 3, 2) - meter.Counts(1, 1, 1, 1) == meter.Counts(4, 3, 2, 1)


def test_only_the_labs_routers_are_metered(monkeypatch) -> None:
    for ask in (meter.read, meter.counts):
        with pytest.raises(HomelabError, match="only the lab's"):
            ask(SimpleNamespace(name="fritzbox"))
    world = Somewhere(monkeypatch)
    assert "Only the lab's" in str(exit_node.meters(world, {"flat_router": "phone"}))
    for do in (exit_node.kill, exit_node.revive):
        with pytest.raises(HomelabError, match="Only the lab's"):
            do(world, "tequila")


def test_the_list_in_columns() -> None:
    assert exit_nodes.parse(LISTED) == [
        exit_nodes.ExitNode("100.124.7.25", "tequila.snow-burbot.ts.net", "", "", "selected"),
        exit_nodes.ExitNode("100.127.51.28", "se-sto-wg-001.mullvad.ts.net", "Sweden", "Stockholm"),
        exit_nodes.ExitNode("100.127.51.29", "us-nyc-wg-301.mullvad.ts.net", "USA", "New York", "offline"),
    ]
    assert exit_nodes.parse("no exit nodes found\n") == []


class Told:
    """A machine whose tailscale says what a test wants it to."""

    name, about = "phone", ""

    def __init__(self, out: str = "", err: str = "", rc: int = 0) -> None:
        self.said, self.person, self.pending = (rc, out, err), Reader(), Pending()

    def run(self, argv, **more: object) -> Result:
        return Result(tuple(argv), *self.said, 0.0, self.name)


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("Suggested exit node: tequila.snow-burbot.ts.net.\nTo accept …", "tequila.snow-burbot.ts.net"),
        ("Suggested exit node: se-sto-wg-001.mullvad.ts.net.\n", "se-sto-wg-001.mullvad.ts.net"),
        ("No exit node suggestion is available.\n", ""),
    ],
)
def test_the_suggestion(out, name) -> None:
    assert exit_nodes.suggested(Told(out)) == name


def test_none_is_a_list_and_an_error_is_none() -> None:
    assert exit_nodes.offered(Told(err="no exit nodes found\n", rc=1)) == []
    with pytest.raises(CommandFailed, match="not running"):
        exit_nodes.offered(Told(err="tailscaled is not running", rc=1))


def node(name: str, ip: str, **more: object) -> dict[str, object]:
    return {"DNSName": f"{name}.", "TailscaleIPs": [ip], "Online": True, **more}


STATUS = {
    "BackendState": "Running",
    "MagicDNSSuffix": "snow-burbot.ts.net",
    "Self": node("phone.snow-burbot.ts.net", "100.64.0.1"),
    "Peer": {
        "a": node("tequila.snow-burbot.ts.net", "100.64.0.2", ExitNodeOption=True),
        "b": node("attic.snow-burbot.ts.net", "100.64.0.3", ExitNodeOption=True, Online=False),
        "c": node("router.snow-burbot.ts.net", "100.64.0.4"),
        "d": node("se-sto-wg-001.mullvad.ts.net", "100.64.0.5", ExitNodeOption=True),
    },
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tequila", "tequila"),
        ("tequila.snow-burbot.ts.net", "tequila"),
        ("100.64.0.2", "tequila"),
        ("se-sto-wg-001.mullvad.ts.net", "se-sto-wg-001.mullvad.ts.net"),
        ("se-sto-wg-001", "se-sto-wg-001.mullvad.ts.net"),
    ],
)
def test_a_choice_by_any_of_its_names(name, found) -> None:
    assert exit_nodes.chosen(Told(json.dumps(STATUS)), name) == found


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("tequilla", "no node called 'tequilla'", "did you mean 'tequila'"),
        ("phone", "cannot be its own way out", "another machine"),
        ("100.64.0.1", "cannot be its own way out", "another machine"),
        ("attic", "attic is offline", "switched on"),
        ("router", "none that was approved", "--advertise-exit-node; approve it"),
    ],
)
def test_what_cannot_be_chosen(name, what, hint) -> None:
    with pytest.raises(HomelabError, match=what) as caught:
        exit_nodes.chosen(Told(json.dumps(STATUS)), name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("offered", "what"),
    [
        (prefs.EVERYWHERE, "nobody approved it"),
        ((), "does not offer itself"),
        (("0.0.0.0/0",), "does not offer"),
    ],
)
def test_the_admin_tells_the_offer_from_the_approval(monkeypatch, offered, what) -> None:
    monkeypatch.setattr(approval, "read", lambda t, name: approval.State(offered=offered))
    with pytest.raises(HomelabError, match=what):
        exit_nodes.chosen(Told(json.dumps(STATUS)), "router", SimpleNamespace())


def test_nothing_is_planned_for_a_node_that_cannot_be_chosen(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    world.machines["phone"] = Told(json.dumps(STATUS))
    (taken,) = exit_node.use(world, WISH, "tequila", lan=True)
    assert taken.command == "sudo tailscale set --exit-node=tequila --exit-node-allow-lan-access"
    (back,) = exit_node.use(world, WISH, "tequila").inverse()
    assert back.command == "sudo tailscale set --exit-node="
    with pytest.raises(HomelabError):
        exit_node.use(world, WISH, "attic")
    assert "offline" in exit_node.why_not(world, WISH, "attic")
    assert exit_node.why_not(world, WISH, "tequila") == ""
    assert not exit_node.use(world, WISH, "")


def test_renting_keeps_what_the_policy_says(monkeypatch) -> None:
    text = '{\n  // mine\n  "nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}],\n}\n'
    (edit,) = exit_node.rent(Somewhere(monkeypatch, text=text))
    assert '"attr": ["funnel"]' in edit.after.text
    assert '"attr": ["mullvad"]' in edit.after.text
    assert "// mine" in edit.after.text
    assert not exit_node.rent(Somewhere(monkeypatch, text=edit.after.text))
    assert "admin API key" in str(exit_node.rent(Somewhere(monkeypatch, api=False)))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"exit_node": "phone"}, "its own way out"),
        ({"exit_node": ""}, "at least 1"),
        ({"traveller": ""}, "at least 1"),
        ({"rented": "Sweden"}, "short name"),
        ({"rented": "se-sto-wg-001.mullvad.ts.net"}, "short name"),
        ({"experiments": "perhaps"}, "boolean"),
        ({"exitnode": "tequila"}, "Extra inputs"),
    ],
)
def test_bad_parameters(given, word) -> None:
    with pytest.raises(ValidationError, match=word):
        Params(**given)


@pytest.mark.parametrize(
    ("passed", "status"),
    [
        (meter.Counts(4, 12, 0, 0), "ok"),  # greetings are tried all the time
        (meter.Counts(40, 0, 0, 0), "fail"),
        (meter.Counts(0, 12, 1, 0), "fail"),
        (meter.Counts(0, 12, 0, 1), "fail"),
    ],
)
def test_by_a_relay_the_router_sees_tls(monkeypatch, passed, status) -> None:
    monkeypatch.setattr(meter, "counts", lambda router: passed)
    router = SimpleNamespace(name="flat_router", pending=SimpleNamespace(count=0))
    answer = exits.goes_by_tls(router, meter.Counts())
    assert (answer.status, answer.evidence) == (status, str(passed))


@pytest.mark.parametrize(
    ("left", "said"),
    [(["tequila.x.ts.net"], "in the list: tequila.x.ts.net"), ([], "the list is empty")],
)
def test_who_is_left_in_the_list_is_named(monkeypatch, left, said) -> None:
    monkeypatch.setattr(exits.exit_nodes, "offered", lambda m: [SimpleNamespace(name=name) for name in left])
    phone = SimpleNamespace(name="phone", pending=SimpleNamespace(count=0))
    assert exits.may_not_choose(phone, "se-sto-wg-001").evidence == said
