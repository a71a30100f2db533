"""The stage 00_welcome: what it plans, what its checks conclude from what they see, and that a home is left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import fake_lab
import pytest
import yaml

from homelab.check import prove
from homelab.checks import reach
from homelab.errors import CheckFailed, HomelabError
from homelab.journal import Journal
from homelab.lab_machine import LabMachine
from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result
from homelab.params import PARAMS, read
from homelab.person import Reader
from homelab.resources import link
from homelab.stages import welcome
from homelab.world import World, open_world

PING = """PING 203.0.113.50 (203.0.113.50) 56(84) bytes of data.

--- 203.0.113.50 ping statistics ---
{sent} packets transmitted, {got} received, {lost}% packet loss, time 0ms
"""


@dataclasses.dataclass
class Scripted:
    """A machine that answers as `say` tells it to, and remembers what was typed."""

    say: Callable[[Sequence[str]], tuple[int, str, str]]
    name: str = "phone"
    pending: Pending = dataclasses.field(default_factory=Pending)

    def run(self, argv: Sequence[str], **more: object) -> Result:
        rc, out, err = self.say(argv)
        return Result(tuple(argv), rc, out, err, 0.0, self.name)


def _ping(got: int, sent: int = 3) -> Scripted:
    return Scripted(
        lambda argv: (got == 0, PING.format(sent=sent, got=got, lost=100 - 100 * got // sent), "")
    )


@pytest.fixture
def lab(tmp_path):
    with fake_lab.serving(tmp_path) as document:
        machines = {
            name: LabMachine(document["socket"], name, m, Reader(), Pending())
            for name, m in document["machines"].items()
        }
        yield World(
            read("lab"), machines, Journal(tmp_path / "journal.jsonl"), Reader(), Pending(),
            applies=True, tailnet=None, lab=document,
        )  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "home.yaml").write_text("world: attic\nmachines:\n  tequila: {about: the laptop}\n")
    return open_world(str(tmp_path / "home.yaml"))


# --- reach


def test_an_answer_is_reached() -> None:
    answer = reach.reaches(_ping(1, 1), "203.0.113.50")
    assert (answer.status, answer.evidence) == ("ok", "ping 203.0.113.50: 1 of 1 answered")
    assert answer.vantage == "phone"


def test_silence_is_not_reached_and_says_how_long_it_was_waited_for() -> None:
    answer = reach.reaches(_ping(0, 1), "203.0.113.50", seconds=0)
    assert answer.status == "fail"
    assert "0 of 1 answered" in answer.evidence
    assert "link cut" in answer.hint


def test_a_late_answer_is_waited_for() -> None:
    answers = iter([0, 0, 1])
    machine = Scripted(lambda argv: (0, PING.format(sent=1, got=next(answers), lost=0), ""))
    assert reach.reaches(machine, "203.0.113.50").status == "ok"


@pytest.mark.parametrize(("got", "status"), [(0, "ok"), (1, "fail"), (3, "fail")])
def test_unreachable_is_when_nothing_at_all_comes_back(got, status) -> None:
    assert reach.unreachable(_ping(got), "172.28.16.10").status == status


def test_a_host_that_is_not_known_is_unreachable_and_said() -> None:
    machine = Scripted(lambda argv: (2, "", "ping: nowhere.lab: Name or service not known\n"))
    answer = reach.unreachable(machine, "nowhere.lab")
    assert answer.status == "ok"
    assert "Name or service not known" in answer.evidence


@pytest.mark.parametrize(
    ("rc", "err", "said"),
    [
        (0, "", "TCP tequila:8096: connects"),
        (124, "", "TCP tequila:8096: no answer in 2 s"),
        (1, "bash: connect: Connection refused\nbash: line 1: /dev/tcp/x: Connection refused\n",
         "TCP tequila:8096: Connection refused"),
    ],
)  # fmt: skip
def test_a_port_is_asked_by_tcp(rc, err, said) -> None:
    machine = Scripted(lambda argv: (rc, "", err))
    assert reach.tried(machine, "tequila:8096") == (rc == 0, said)
    assert reach.unreachable(machine, "tequila:8096").status == ("fail" if rc == 0 else "ok")


def test_a_port_is_really_asked(tmp_path) -> None:
    import socket

    here = LocalMachine("here", Reader(), Pending())
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert reach.reaches(here, address).status == "ok"
    assert reach.unreachable(here, address).status == "ok"


def _caller(seen: str, rc: int = 0) -> Scripted:
    return Scripted(
        lambda argv: (rc, seen, "curl: (6) Could not resolve host" if rc else "") if argv[0] == "curl"
        else (0, "192.168.88.10 100.83.12.7 fd7a::1 \n", "")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "router", "status"),
    [
        ("203.0.113.20\n", "203.0.113.20", "ok"),
        ("203.0.113.10\n", "203.0.113.20", "fail"),
        ("192.168.88.10\n", "192.168.88.10", "fail"),
    ],
    ids=["the router", "another router", "itself"],
)
def test_nat_hides_when_only_the_router_is_seen(seen, router, status) -> None:
    answer = reach.nat_hides(_caller(seen), router)
    assert answer.status == status
    assert "192.168.88.10, 100.83.12.7;" in answer.evidence
    assert seen.strip() in answer.evidence


def test_who_cannot_ask_is_not_seen() -> None:
    answer = reach.nat_hides(_caller("", rc=6), "203.0.113.20")
    assert (answer.status, "Could not resolve host" in answer.evidence) == ("fail", True)
    assert reach.seen_as(_caller("<html>"), "203.0.113.20").status == "fail"
    assert reach.seen_as(_caller("203.0.113.20"), "203.0.113.20").status == "ok"


# --- isolation


@pytest.fixture
def reader(tmp_path, monkeypatch) -> Path:
    home = tmp_path / "reader"
    (home / "letters").mkdir(parents=True)
    (home / "notes.txt").write_text("private")
    monkeypatch.setenv("HOME", str(home))
    return home


def _sees(home: Path, **things: str) -> Scripted:
    found = [f"{(s := (home / n).stat()).st_dev}:{s.st_ino} {mode}" for n, mode in things.items()]
    return Scripted(lambda argv: (0, "\n".join([*found, "99:1 w", ""]), ""))


def test_a_machine_that_sees_nothing_of_the_reader(reader) -> None:
    answer = welcome.isolated_from_reader(_sees(reader))
    assert answer.status == "ok"
    assert answer.evidence == "of the 2 things in your home directory it sees none"


def test_the_reader_is_not_isolated_from_himself(reader) -> None:
    answer = welcome.isolated_from_reader(LocalMachine("here", Reader(), Pending()))
    assert answer.status == "fail"
    assert "can change letters, notes.txt" in answer.evidence


def test_seeing_what_it_does_not_need_is_a_leak(reader) -> None:
    answer = welcome.isolated_from_reader(_sees(reader, letters="r"))
    assert (answer.status, "does not need: letters" in answer.evidence) == ("fail", True)


def test_the_interpreter_is_seen_but_not_changed(reader, monkeypatch) -> None:
    monkeypatch.setattr("sys.prefix", str(reader / "letters" / "venv"))
    assert welcome.isolated_from_reader(_sees(reader, letters="r")).status == "ok"
    assert welcome.isolated_from_reader(_sees(reader, letters="w")).status == "fail"


# --- the stage in the lab


@pytest.mark.parametrize("broken", welcome.WITNESS)
def test_a_plug_is_pulled_and_put_back(lab, broken) -> None:
    plan = welcome.plan(lab, broken)
    (change,) = plan
    assert (change.before.cut, change.after.cut) == (False, True)
    assert change.command == f"./runbook lab link {broken} --network {change.name} --cut"
    assert lab.apply(plan)
    assert link.read(lab[broken], change.name).cut
    assert not welcome.plan(lab, broken), "nothing to cut any more"
    mend = welcome.plan(lab, broken, cut=False)
    assert [c.command for c in mend] == [c.command for c in plan.inverse()]
    assert lab.apply(mend)
    assert not link.read(lab[broken], change.name).cut
    assert not lab.journal.way_back(), "the way back of both is to do nothing"


def test_the_witness_sits_behind_what_is_broken(lab) -> None:
    from homelab.pictures.layout import path

    for broken in welcome.WITNESS:
        assert broken in path(welcome.status(lab), welcome.witness(lab, broken).name, "visitor")


def test_the_plug_is_the_way_out(lab) -> None:
    networks = {b: c.name for b in welcome.WITNESS for c in welcome.plan(lab, b)}
    assert networks == {
        "flat_router": "internet", "home_router": "internet", "windows": "home_lan", "router": "internet",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("turn", "flags"),
    [
        ({"nat": "symmetric"}, "--nat symmetric"),
        ({"udp": "block"}, "--udp block"),
        ({"delay_ms": 80.0, "loss_pct": 2.5}, "--delay 80 --loss 2.5"),
        ({"mtu": 1280}, "--mtu 1280"),
        ({"cut": True}, "--cut"),
    ],
)
def test_a_link_is_turned_by_the_labs_own_command_line(lab, turn, flags) -> None:
    before = link.read(lab["flat_router"])
    after = dataclasses.replace(before, **turn)
    typed = " ".join(link.command(before, after))
    assert typed == f"./runbook lab link flat_router --network internet {flags}"
    link.do(lab["flat_router"], before, after)
    assert link.read(lab["flat_router"]) == after


def test_only_the_labs_links_can_be_turned() -> None:
    with pytest.raises(HomelabError, match="only the lab"):
        link.read(LocalMachine("here", Reader(), Pending()), "")


def test_the_picture_is_of_now(lab) -> None:
    lab.apply(welcome.plan(lab, "flat_router"))
    assert "flat_router's link to internet: cut" in str(welcome.draw(lab, "phone", "visitor"))


def test_the_stand_ins_are_the_topologys(lab) -> None:
    machines = yaml.safe_load((PARAMS / "lab.yaml").read_text())["topology"]["machines"]
    assert {row[0]: row[1] for row in welcome.stand_ins(lab).rows} == {
        name: m["stand_in"] for name, m in machines.items() if m.get("stand_in")
    }


def test_addresses_are_the_way_out_first(lab) -> None:
    assert welcome.address(lab, "flat_router") == "203.0.113.20"
    assert welcome.address(lab, "tequila") == "172.28.16.10"


# --- the stage at home


def test_at_home_nothing_is_broken(home) -> None:
    plan = welcome.plan(home, "flat_router")
    assert not plan
    assert "for the lab" in str(plan)
    assert home.apply(plan)
    assert home.pending.count == 0


def test_at_home_the_checks_are_skipped_also_where_a_machine_has_that_name(home) -> None:
    phone, tequila = welcome.witness(home, "flat_router"), welcome.visit(home, "tequila")
    answers = [
        reach.reaches(phone, welcome.address(home, "visitor")),
        reach.unreachable(tequila, ""),
        reach.nat_hides(tequila, welcome.address(home, "home_router")),
        welcome.isolated_from_reader(tequila),
    ]
    prove(*answers)
    assert {a.status for a in answers} == {"skip"}
    assert all("for the lab" in a.evidence for a in answers)


def test_at_home_the_machines_are_listed(home) -> None:
    assert "the laptop" in str(welcome.draw(home, "phone", "tequila"))
    assert str(welcome.stand_ins(home)) == "Nothing here is a stand-in."


# --- parameters


def test_whose_plug_is_pulled_by_default() -> None:
    assert welcome.Params().break_link == "flat_router"


@pytest.mark.parametrize("given", [{"break_link": "toaster"}, {"break_link": 3}, {"break_lnk": "windows"}])
def test_a_plug_that_there_is_not(given) -> None:
    with pytest.raises(ValueError, match="break_l"):
        welcome.Params(**given)


def test_a_proof_that_does_not_hold_ends_the_stage() -> None:
    with pytest.raises(CheckFailed):
        prove(reach.unreachable(_ping(3), "203.0.113.50"))
