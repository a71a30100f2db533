"""States in, plan out: the bridge of chapter 10, its bad input; and what the probes for lost packets make of what they see."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from fake_windows import FakeWsl
from pydantic import ValidationError

from homelab.check import Answer
from homelab.checks import detour, mtu
from homelab.checks.mtu import Transfer
from homelab.errors import HomelabError
from homelab.machine import Pending, Result, shown
from homelab.resources import (
    firewall_rule,
    forward,
    ip_rule,
    mss_clamp,
    nic_mtu,
    portproxy,
    tunnel_mtu,
    windows_tailscale,
)
from homelab.stages import gotchas, gotchas_view
from homelab.stages.gotchas import Params
from homelab.wsl import where

WISH = Params()
HERE = where.Signals(
    kernel="5.15.153.1-microsoft-standard-WSL2", distribution="Ubuntu", wslinfo="nat",
    addresses=(("eth0", "172.28.19.109/20"),), route="default via 172.28.16.1 dev eth0",
)  # fmt: skip


# What may be asked for


@pytest.mark.parametrize(
    "given",
    [
        {"target": "mqtt"}, {"target": "mqtt:0"}, {"target": "mqtt:70000"}, {"target": "mqtt:1883; reboot"},
        {"port": 0}, {"port": 65536}, {"inner": -1}, {"device": ""}, {"unknown": 1},
        {"target": "localhost:11883"}, {"target": "127.0.0.1:7", "inner": 7},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused_before_anything_starts(given) -> None:
    with pytest.raises(ValidationError):
        Params(**given)


def test_the_port_that_windows_leads_to() -> None:
    assert Params().to_port == 11883
    assert Params(target="").to_port == 1883
    assert (Params().rule, Params(target="", port=8123).rule) == ("Homelab mqtt 1883", "Homelab TCP 8123")


# The bridge


@pytest.fixture
def wsl(tmp_path, monkeypatch):
    """WSL behind Windows' NAT; `wsl.inner` is what the forward is."""
    machine = FakeWsl(tmp_path)
    machine.inner = forward.State(WISH.inner)
    machine.signals = HERE
    monkeypatch.setattr(where, "look", lambda m: m.signals)
    monkeypatch.setattr(forward, "read", lambda m, name: m.inner)
    return machine


def words(changes) -> list[str]:
    return [f"{c.resource}: {c.why}" for c in changes]


INNER = "forward: lead port 11883 of WSL to mqtt:1883"
INTO = "portproxy: lead port 1883 of Windows into WSL"
TODAY = "portproxy: lead port 1883 of Windows to WSL's address of today"
DOOR = "firewall_rule: let the home in"
LEADS = {"0.0.0.0:1883": "172.28.19.109:11883"}
RULE = {
    "Homelab mqtt 1883": {
        "Enabled": "True", "Direction": "Inbound", "Action": "Allow", "Profile": "Private", "Protocol": "TCP",
        "LocalPort": "1883", "RemoteAddress": "LocalSubnet",
    }
}  # fmt: skip
LED = forward.State(11883, "mqtt:1883", forward.SOCAT)


@pytest.mark.parametrize(
    ("inner", "proxies", "rules", "wanted"),
    [
        (None, {}, {}, [INNER, INTO, DOOR]),
        (LED, {}, {}, [INTO, DOOR]),
        (LED, LEADS, {}, [DOOR]),
        (LED, LEADS, RULE, []),
        (None, {"0.0.0.0:1883": "172.28.16.10:11883"}, RULE, [INNER, TODAY]),
        (LED, {"0.0.0.0:80": "192.168.77.30:80"}, RULE, [INTO]),
    ],
)
def test_the_bridge_from_what_there_is(wsl, inner, proxies, rules, wanted) -> None:
    wsl.inner = inner or wsl.inner
    wsl.tell(proxies=proxies, rules=rules)
    plan = gotchas.bridge(wsl, WISH)
    assert (words(plan), plan.notes) == (wanted, ())


def test_without_a_device_windows_leads_to_the_port_of_wsl_itself(wsl) -> None:
    plan = gotchas.bridge(wsl, Params(target=""))
    assert [c.resource for c in plan] == ["portproxy", "firewall_rule"]
    assert plan.changes[0].after.connect == "172.28.19.109:1883"


def test_a_port_that_is_somebodys_is_left_alone(wsl) -> None:
    wsl.tell(proxies={"0.0.0.0:1883": "192.168.77.30:80"})
    with pytest.raises(HomelabError, match="proxied elsewhere") as error:
        gotchas.bridge(wsl, WISH)
    assert "delete" in error.value.hint
    assert not [c for c in wsl.state["calls"] if "add" in c or "delete" in c]


def test_where_there_is_nothing_to_bridge(wsl) -> None:
    wsl.signals = where.Signals(kernel="6.8.0-generic")
    assert gotchas.bridge(wsl, WISH).notes == ("This is not WSL: whoever reaches it needs no bridge.",)
    wsl.signals = where.Signals(kernel=HERE.kernel, distribution="Ubuntu", wslinfo="mirrored")
    plan = gotchas.bridge(wsl, WISH)
    (note,) = plan.notes
    assert not plan
    assert "Hyper-V" in note
    assert "-LocalPorts 1883" in note
    assert wsl.state["calls"] == []


def test_removal_whatever_it_leads_to_by_now(wsl) -> None:
    wsl.inner = LED
    wsl.tell(proxies={"0.0.0.0:1883": "172.28.16.10:11883"}, rules=RULE)
    away = gotchas.removed(wsl, WISH)
    assert [c.resource for c in away] == ["firewall_rule", "portproxy", "forward"], "the door first"
    wsl.inner = forward.State(WISH.inner)
    wsl.tell(proxies={}, rules={})
    assert not gotchas.removed(wsl, WISH)


def test_what_comes_before_the_bridge(wsl) -> None:
    assert not gotchas.foundations(gotchas.bridge(wsl, WISH))


# One client


@pytest.mark.parametrize(
    ("service", "runs", "planned"),
    [([], False, 0), ([("Running", "Automatic")], False, 1), ([("Stopped", "Manual")], False, 0), ([("Stopped", "Manual")], True, 1)],
)  # fmt: skip
def test_one_client_is_planned_where_there_are_two(wsl, service, runs, planned) -> None:
    wsl.tell(service=[{"Status": status, "StartType": start} for status, start in service])
    plan = gotchas.other_client(SimpleNamespace(machines={"tequila": wsl}, __getitem__=None), runs)
    assert len(plan) == planned
    if planned:
        said = plan.changes[0].command
        assert f"-Status {'Running' if runs else 'Stopped'}" in said
        assert f"-StartupType {'Automatic' if runs else 'Manual'}" in said


def test_the_service_is_no_installer(wsl) -> None:
    there = windows_tailscale.State(True, True, "Automatic")
    with pytest.raises(HomelabError, match="installer"):
        windows_tailscale.do(wsl, windows_tailscale.State(False), there)


# What is typed


@pytest.mark.parametrize(
    ("module", "before", "after", "typed"),
    [
        (nic_mtu, nic_mtu.State("eth0", 1280), nic_mtu.State("eth0", 1500), "sudo ip link set dev eth0 mtu 1500"),
        (ip_rule, ip_rule.State("10.20.0.0/24"), ip_rule.State("10.20.0.0/24", True),
         "sudo ip rule add to 10.20.0.0/24 priority 2500 lookup main"),
        (ip_rule, ip_rule.State("10.20.0.0/24", True), ip_rule.State("10.20.0.0/24"),
         "sudo ip rule del to 10.20.0.0/24 priority 2500 lookup main"),
        (mss_clamp, mss_clamp.State("tailscale0"), mss_clamp.State("tailscale0", 1100),
         "sudo iptables -w -t mangle -A INPUT -i tailscale0 -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1100"),
        (tunnel_mtu, tunnel_mtu.State(), tunnel_mtu.State(1200, True),
         "echo TS_DEBUG_MTU=1200 | sudo tee -a /etc/default/tailscaled >/dev/null &&\nsudo systemctl restart tailscaled"),
    ],
)  # fmt: skip
def test_commands(module, before, after, typed) -> None:
    assert shown(module.command(before, after)) == typed


class Says:
    """A machine that answers commands that begin so."""

    name, pending = "tequila", Pending()

    def __init__(self, files: dict[str, str] | None = None, **answers: str) -> None:
        self.files, self.answers = files or {}, answers

    def run(self, argv, **_) -> Result:
        for start, out in self.answers.items():
            if " ".join(argv).startswith(start.replace("_", " ")):
                return Result(tuple(argv), 0, out, "", 0.0, self.name)
        return Result(tuple(argv), 1, "", "no", 0.0, self.name)

    def read_text(self, path):
        return self.files.get(path)


@pytest.mark.parametrize(
    ("text", "mtu"),
    [
        (None, None), ('PORT="41641"\n', None), ("TS_DEBUG_MTU=1200\n", 1200), ('TS_DEBUG_MTU="1200"\n', 1200),
        ("#TS_DEBUG_MTU=1200\n", None), ("TS_DEBUG_MTU=1200\nTS_DEBUG_MTU=1100\n", 1100),
    ],
)  # fmt: skip
def test_the_tunnels_mtu_is_read_from_its_file(text, mtu) -> None:
    files = {tunnel_mtu.FILE: text} if text is not None else {}
    assert tunnel_mtu.read(Says(files)).mtu == mtu


def test_rules_of_others_are_not_ours() -> None:
    other = [{"priority": 2500, "src": "all", "dst": "10.20.0.0", "dstlen": 16, "table": "main"}]
    ours = [*other, {"priority": 2500, "src": "all", "dst": "10.20.0.0", "dstlen": 24, "table": "main"}]
    assert not ip_rule.read(Says(ip=json.dumps(other)), "10.20.0.0/24").there
    assert ip_rule.read(Says(ip=json.dumps(ours)), "10.20.0.0/24").there
    clamp = "-A INPUT -i tailscale0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1100\n"
    assert mss_clamp.read(Says(sudo=clamp)).mss == 1100
    assert mss_clamp.read(Says(sudo=clamp.replace("tailscale0", "eth0"))).mss is None


# The probes


class Pipe:
    """A way that carries packets of `width` bytes; the tunnel's device takes 1280, and `below` the one that leads out."""

    name, pending = "phone", Pending()

    def __init__(self, width: int, below: int = 1500) -> None:
        self.width, self.below = width, below

    def run(self, argv, **_) -> Result:
        if argv[0] == "sh":
            return Result(
                tuple(argv), 0, "\n".join(n for n in argv[6:] if int(n) + 28 <= self.width), "", 0.0
            )
        if "route" in argv:
            return Result(tuple(argv), 0, "default via 10.0.0.1 dev eth0", "", 0.0)
        return Result(
            tuple(argv), 0, json.dumps([{"mtu": 1280 if argv[-1] == "tailscale0" else self.below}]), "", 0.0
        )


@pytest.mark.parametrize("width", [0, 60, 68, 69, 576, 1216, 1217, 1279, 1280, 1500])
def test_the_search_finds_the_width_to_the_byte(width) -> None:
    expected = min(width, 1280) if width >= mtu.FLOOR else 0
    assert mtu.search(Pipe(width), "tequila", 1280) == expected


def test_the_check_says_what_passes() -> None:
    assert mtu.carries_full_packets(Pipe(1280), "tequila").status == "ok"
    hole = mtu.carries_full_packets(Pipe(1216), "tequila")
    assert (hole.status, hole.evidence.split(",")[0]) == ("fail", "1216 bytes pass and 1217 do not")
    assert "TS_DEBUG_MTU" in hole.hint
    assert "not even a small" in mtu.carries_full_packets(Pipe(0), "tequila").evidence


@pytest.mark.parametrize(("below", "status"), [(1500, "ok"), (1340, "ok"), (1339, "warn"), (1280, "warn")])
def test_arithmetic_before_anything_is_sent(below, status) -> None:
    assert mtu.leaves_room_for_the_tunnel(Pipe(1280, below)).status == status


def test_without_a_tunnel_there_is_nothing_to_reckon() -> None:
    class Bare(Pipe):
        def run(self, argv, **_) -> Result:
            return Result(tuple(argv), 1, "", 'Device "tailscale0" does not exist.', 0.0)

    assert mtu.leaves_room_for_the_tunnel(Bare(1280)).status == "skip"


def test_a_black_hole_is_small_yes_and_large_no() -> None:
    place = Pipe(1280)

    def seen(small: int, large: int) -> list[Transfer]:
        return [Transfer(200, small, 0.01), Transfer(200_000, large, 1.5)]

    def status(answer: Answer) -> str:
        return answer.status

    assert status(mtu.only_large_answers_stall(place, place, seen(200, 40_000))) == "ok"
    assert status(mtu.only_large_answers_stall(place, place, seen(0, 0))) == "fail", (
        "then nothing passes at all"
    )
    assert status(mtu.only_large_answers_stall(place, place, seen(200, 200_000))) == "fail"
    assert status(mtu.large_answers_arrive(place, place, "x", seen(200, 200_000))) == "ok"
    assert status(mtu.large_answers_arrive(place, place, "x", [])) == "fail"
    assert str(seen(200, 40_000)[1]) == "200,000 bytes: stalls after 40,000"


def test_the_way_to_a_neighbour_is_read_from_three_answers() -> None:
    class Router2(Says):
        def run(self, argv, **_) -> Result:
            if argv[0] == "ip":
                out = '[{"dst":"10.20.0.50","dev":"tailscale0","table":"52"}]'
            elif "-t" in argv:
                out = "PING 10.20.0.50\nFrom 100.122.162.15 icmp_seq=1 Time to live exceeded\n"
            else:
                out = "64 bytes from 10.20.0.50: icmp_seq=1 ttl=63 time=4.95 ms\n64 bytes from 10.20.0.50: icmp_seq=2 ttl=63 time=0.85 ms\n"
            return Result(tuple(argv), 0, out, "", 0.0)

    found = detour.way(Router2(), "10.20.0.50")
    assert found == detour.Way("tailscale0", "52", "100.122.162.15", 0.85)
    assert not found.straight
    assert detour.Way("eth1", "", "", 0.07).straight
    assert "no hop in between" in str(detour.Way("eth1", "", "", 0.07))


def test_what_is_left_is_said() -> None:
    place = Pipe(1280)
    good = gotchas_view.nothing_left(place, {"a": "1"}, {"a": "1"})
    bad = gotchas_view.nothing_left(place, {"a": "1", "b": "2"}, {"a": "3"})
    assert (good.status, bad.status) == ("ok", "fail")
    assert bad.evidence == "a: 1 → 3\nb: 2 → nothing"


def test_names_of_the_planks_are_resources() -> None:
    assert {m.__name__.rpartition(".")[2] for m in (forward, portproxy, firewall_rule)} == set(gotchas.PLANKS)
