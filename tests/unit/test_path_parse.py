"""What `tailscale ping` 1.102.5 printed in the lab, read back: each answer by its way, and the ways as a story."""

from __future__ import annotations

import pytest

from homelab.checks import path
from homelab.checks.path import Pong
from homelab.errors import CommandFailed
from homelab.machine import Pending, Result
from homelab.vantage import Nobody

FIRST_CONTACT = """\
pong from tequila (100.124.7.25) via DERP(mad) in 4ms
pong from tequila (100.124.7.25) via DERP(mad) in 1ms
pong from tequila (100.124.7.25) via DERP(mad) in 1ms
pong from tequila (100.124.7.25) via 203.0.113.10:42989 in 1ms
"""
NAT_TURNED_SYMMETRIC = """\
ping "100.124.7.25" timed out
ping "100.124.7.25" timed out
ping "100.124.7.25" timed out
ping "100.124.7.25" timed out
pong from tequila (100.124.7.25) via DERP(mad) in 47ms
pong from tequila (100.124.7.25) via DERP(mad) in 67ms
"""
SLOW = """\
pong from tequila (100.124.7.25) via DERP(mad) in 431ms
pong from tequila (100.124.7.25) via DERP(mad) in 1.415s
"""
AT_ONCE = "pong from tequila (100.124.7.25) via 203.0.113.10:42989 in 0s\n"
TSMP = "pong from tequila (100.124.7.25, 63009) via TSMP in 4ms\n"
ICMP = "pong from tequila (100.124.7.25) via ICMP in 1ms\n"
ITSELF = "100.108.226.208 is local Tailscale IP\n"
DOWN = 'ping "100.124.7.25" timed out\nping "100.124.7.25" timed out\n'
# Not from the lab, which has neither: the forms are those of the client's source.
IPV6 = "pong from tequila (fd7a:115c:a1e0::5) via [2001:db8::10]:41641 in 12ms\n"
PEER_RELAY = "pong from tequila (100.124.7.25) via peer-relay(203.0.113.9:40000:vni:7) in 9ms\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            FIRST_CONTACT,
            [
                Pong(1, "DERP(mad)", 4, False),
                Pong(2, "DERP(mad)", 1, False),
                Pong(3, "DERP(mad)", 1, False),
                Pong(4, "203.0.113.10:42989", 1, True),
            ],
        ),
        (SLOW, [Pong(1, "DERP(mad)", 431, False), Pong(2, "DERP(mad)", 1415, False)]),
        (AT_ONCE, [Pong(1, "203.0.113.10:42989", 0, True)]),
        (DOWN, [Pong(1, "", 0, False), Pong(2, "", 0, False)]),
        (TSMP, [Pong(1, "TSMP", 4, False)]),
        (ICMP, [Pong(1, "ICMP", 1, False)]),
        (IPV6, [Pong(1, "[2001:db8::10]:41641", 12, True)]),
        (PEER_RELAY, [Pong(1, "peer-relay(203.0.113.9:40000:vni:7)", 9, False)]),
        (ITSELF, []),
        ("", []),
    ],
)
def test_parse(text, wanted) -> None:
    assert path.parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "story"),
    [
        (FIRST_CONTACT, "tequila: 3 via DERP(mad) in 1 ms, then 1 direct by 203.0.113.10:42989 in 1 ms"),
        (NAT_TURNED_SYMMETRIC, "tequila: 4 lost, then 2 via DERP(mad) in 47 ms"),
        ("", "tequila: no answer"),
    ],
)
def test_story(text, story) -> None:
    assert path.story("tequila", path.parse(text)) == story


class Pinger:
    """A machine on which every command prints the same."""

    name, about = "phone", ""

    def __init__(self, out: str, rc: int = 0, err: str = "", waiting: int = 0) -> None:
        self.pending, self.said = Pending(waiting), Result(("tailscale", "ping"), rc, out, err, 0.0, "phone")
        self.typed: list[list[str]] = []

    def run(self, argv, **_):
        self.typed.append(list(argv))
        return self.said


@pytest.mark.parametrize(
    ("text", "direct", "relayed"),
    [
        (FIRST_CONTACT, "ok", "fail"),
        (AT_ONCE, "ok", "fail"),
        (SLOW, "fail", "ok"),
        (NAT_TURNED_SYMMETRIC, "fail", "ok"),
        (DOWN, "fail", "fail"),
    ],
)
def test_checks(text, direct, relayed) -> None:
    machine = Pinger(text)
    assert path.goes_direct(machine, "tequila").status == direct
    assert path.stays_on_derp(machine, "tequila").status == relayed
    assert path.goes_direct(machine, "tequila", path.parse(text)).status == direct
    assert len(machine.typed) == 2, "pongs that were seen are not asked for again"


def test_what_cannot_ping_says_why() -> None:
    with pytest.raises(CommandFailed, match="Logged out"):
        path.ping(Pinger("Logged out.\n", 1), "tequila")
    answer = path.goes_direct(Pinger("", 1, 'error looking up IP of "nobody"'), "nobody")
    assert (answer.status, "looking up" in answer.evidence) == ("fail", True)


def test_where_there_is_nobody_or_changes_wait_the_answer_is_skip() -> None:
    waiting, nobody = Pinger("", waiting=2), Nobody("phone", "no machine plays 'phone' in this world")
    assert path.ping(waiting, "tequila") == path.ping(nobody, "tequila") == []
    assert path.goes_direct(waiting, "tequila").evidence == "waits for 2 changes"
    assert path.stays_on_derp(nobody, "tequila").status == "skip"
    assert waiting.typed == []


def test_commands() -> None:
    machine = Pinger(AT_ONCE)
    path.ping(machine, "tequila", 3, afresh=True)
    assert machine.typed == [
        ["tailscale", "debug", "rebind"],
        ["tailscale", "ping", "-c", "3", "--timeout=2s", "tequila"],
    ]
    assert "--until-direct=false" in path.command("tequila", until_direct=False)
