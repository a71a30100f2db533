"""What an exercise's look is not fooled by: a guest's own tailnet, a cut line, an old record, one container on two ports."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from homelab import labsocket
from homelab.check import Answer
from homelab.errors import PrerequisiteMissing
from homelab.exercises import (
    audited_ssh,
    enrollment,
    exit_node,
    funnel,
    gpu_benchmarks,
    jellyfin,
    subnet_router,
)
from homelab.exercises.exercise import exercise
from homelab.llm import record
from homelab.llm.engine import Description
from homelab.llm.result import Case, Report, Sample
from homelab.machine import Pending, Result
from homelab.progress import NOT_YET
from homelab.read_only import Guard
from homelab.resources import policy, serve

BOBS, OURS = "bobs.ts.net", "ours.ts.net"
DENIED = {"src": "bob@example.com", "dst": ["alice@example.com"], "deny": ["root"]}


def machine(name: str, rc: int = 0, err: str = "") -> Any:
    """A machine on which every command ends with `rc`; `asked` is what was run there."""
    asked: list[list[str]] = []

    def run(argv: list[str], **_: object) -> Result:
        asked.append(argv)
        return Result(tuple(argv), rc, "", err, 0.0)

    return SimpleNamespace(name=name, run=run, asked=asked, pending=Pending())


def in_a_tailnet(monkeypatch: pytest.MonkeyPatch, **suffixes: str) -> None:
    monkeypatch.setattr(enrollment, "status", lambda m: {"MagicDNSSuffix": suffixes[m.name]})


def test_bob_in_a_tailnet_of_his_own_is_no_second_person_in_ours(monkeypatch) -> None:
    in_a_tailnet(monkeypatch, visitor=BOBS, phone=OURS)
    seen = enrollment.is_beside(machine("visitor"), machine("phone"))
    assert (seen.status, seen.evidence) == ("fail", f"it is in {BOBS}, and phone in {OURS}")
    in_a_tailnet(monkeypatch, visitor=OURS, phone=OURS)
    assert enrollment.is_beside(machine("visitor"), machine("phone")).status == "ok"
    in_a_tailnet(monkeypatch, visitor="", phone="")
    assert enrollment.is_beside(machine("visitor"), machine("phone")).status == "fail"


@pytest.mark.parametrize(
    ("ids", "status"), [(("a1", "a1"), "fail"), (("", ""), "fail"), (("a1", "b2"), "ok")]
)
def test_one_container_on_two_ports_is_one_cinema(monkeypatch, ids, status) -> None:
    servers = dict(zip(("http://127.0.0.1:8096", "http://127.0.0.1:8097"), ids, strict=True))
    found = {
        url: SimpleNamespace(info=lambda server=server: SimpleNamespace(id=server))
        for url, server in servers.items()
    }
    monkeypatch.setattr(jellyfin, "seen_from", lambda m, url: found[url])
    assert jellyfin.are_two(machine("tequila"), *servers).status == status


def shut(monkeypatch: pytest.MonkeyPatch, *, public: bool, arrives: bool) -> str:
    """What is said of a page that a visitor does not get."""
    visitor = machine("visitor", 35, "curl: (35) no")
    world: Any = {"visitor": visitor}
    monkeypatch.setattr(funnel, "address", lambda w, role: "203.0.113.80")
    monkeypatch.setattr(funnel.chapter, "url", lambda w, wish: "https://tequila.ours.ts.net")
    monkeypatch.setattr(funnel.chapter, "home", lambda w: machine("tequila"))
    monkeypatch.setattr(serve, "read", lambda m, port: serve.State(int(port), "https", ("/ x",), public))
    monkeypatch.setattr(funnel.reach, "tried", lambda m, address, count=1: (arrives, "no answer"))
    answer = funnel._shut(world)
    assert "tequila.ours.ts.net:443:203.0.113.80" in visitor.asked[0], (
        "by the front end, and not by a tailnet"
    )
    return answer.status


def test_a_page_is_not_shut_because_a_line_is_cut_or_the_visitor_is_lost(monkeypatch) -> None:
    assert shut(monkeypatch, public=False, arrives=True) == "ok"
    assert shut(monkeypatch, public=True, arrives=True) == "fail"
    assert shut(monkeypatch, public=False, arrives=False) == "fail"


@pytest.mark.parametrize("public", [True, False])
def test_a_visitor_who_is_in_the_tailnet_proves_no_page_public(monkeypatch, public) -> None:
    good = Answer("a page", "visitor", "ok", "200")
    monkeypatch.setattr(funnel, "has_another_page", lambda m, url: good)
    monkeypatch.setattr(funnel, "has_the_quiz", lambda m, url: good)
    monkeypatch.setattr(funnel.chapter, "url", lambda w, wish: "https://tequila.ours.ts.net")
    monkeypatch.setattr(funnel.chapter, "home", lambda w: machine("tequila"))
    monkeypatch.setattr(serve, "read", lambda m, port: serve.State(int(port), "https", ("/ x",), public))
    world: Any = {"visitor": machine("visitor")}
    assert funnel.two_public_pages(world).status == ("ok" if public else "fail")


@pytest.mark.parametrize(
    ("test", "status"),
    [
        (DENIED, "ok"),
        ({**DENIED, "dst": ["tag:recorder"]}, "fail"),
        ({"src": "bob@example.com", "deny": ["root"]}, "fail"),
        ({**DENIED, "deny": ["ubuntu"]}, "fail"),
    ],
)
def test_a_promise_is_about_alices_machines(monkeypatch, test, status) -> None:
    monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(json.dumps({"sshTests": [test]})))
    tailnet: Any = SimpleNamespace(name="tailnet", pending=Pending())
    assert audited_ssh.demands(tailnet).status == status


@pytest.mark.parametrize(
    "done",
    [
        subnet_router.carried_by_the_second,
        audited_ssh.lets_the_guest_in,
        audited_ssh.tests_itself,
        exit_node.needs_no_click,
    ],
)
def test_without_an_admin_api_key_it_says_so(done) -> None:
    params = SimpleNamespace(path=SimpleNamespace(name="home.yaml"))
    with pytest.raises(PrerequisiteMissing, match="needs an admin API key"):
        done(SimpleNamespace(tailnet=None, params=params))


def measured(depth: int, date: str) -> str:
    sample = Sample(depth, 8, 0, 10.0, 5.0, 0.1)
    case = Case(depth, 1, [sample])
    return record.to_json(Report(Description("embedded"), {}, 1, 8, [case], date=date))


def test_only_what_was_measured_in_this_lab_counts_and_the_panels_counts_too(monkeypatch, tmp_path) -> None:
    socket = tmp_path / "lab.sock"
    socket.touch()
    os.utime(socket, (1_800_000_000, 1_800_000_000))  # 2027-01-15T08:00:00Z
    monkeypatch.setattr(gpu_benchmarks, "place", lambda: tmp_path)
    monkeypatch.setattr(labsocket, "request", lambda path, op: {})
    world = SimpleNamespace(lab={"socket": str(socket)}, pending=Pending(), guard=Guard(False), name="lab")

    def state() -> tuple[str, str]:
        look = exercise(world, "09.2")  # type: ignore[arg-type]
        return look.state, look.evidence

    nothing = (NOT_YET, "from the record: nothing was measured in this lab yet")
    assert state() == nothing
    (tmp_path / "report.json").write_text(measured(1024, "2027-01-15T07:59:59+00:00"))
    assert state() == nothing, "an earlier lab's"
    (tmp_path / "report.json").write_text(measured(512, "2027-01-15T08:00:05+00:00"))
    assert state() == (NOT_YET, "from the record: it knows how fast at 512")
    (tmp_path / "chosen.json").write_text(measured(1024, "2027-01-15T08:01:00+00:00"))
    assert state()[0] == "done"
    (tmp_path / "chosen.json").unlink()
    (tmp_path / "report.json").write_text(measured(1024, "2027-01-15T08:01:00+00:00"))
    assert state()[0] == "done"
