"""Looking at machines: all questions at once, all machines at once; what is missing or slow is a fact, never an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.machine import Machine, Result
from homelab.portrait import parse
from homelab.portrait.facts import Docker, Home, Node, Seen
from homelab.portrait.questions import PATIENCE, QUESTIONS, SERVED
from homelab.resources.tailscale_status import ABSENT, prefs, status
from homelab.wsl import facts as wsl
from homelab.wsl import releases
from homelab.wsl.interop import Unknown
from homelab.wsl.where import ELSEWHERE, judge
from homelab.wsl.where import look as signals

AT_ONCE = 6  # questions to one machine: sshd lets no more than ten sessions into one connection


def look_at(machines: Mapping[str, tuple[Machine, str]], when: datetime | None = None) -> Home:
    """All of `machines` (by name: the machine, and how it is reached) as they are now.

    Raises:
        HomelabError: one of them cannot be reached.
    """
    with ThreadPoolExecutor(max(len(machines), 1)) as pool:
        seen = pool.map(lambda item: look(item[0], *item[1]), machines.items())
        return Home(tuple(seen), when or datetime.now(UTC))


def look(name: str, machine: Machine, via: str, patience: float = PATIENCE) -> Seen:
    """One machine; a question that has no answer within `patience` seconds is named in `silent`.

    Raises:
        HomelabError: the machine cannot be reached, or has no shell.
    """
    silent: list[str] = []

    def ask(question: str) -> Result:
        return machine.run(QUESTIONS[question], timeout=patience)

    def safely(about: str, question: Callable[[], Any], nothing: Any) -> Any:
        try:
            return question()
        except (HomelabError, ValueError, KeyError, TypeError):  # too late, or in words that nobody expected
            silent.append(about)
        return nothing

    first = ask("system")
    system = parse.system(first.out)
    if not system.kernel:
        said = first.err.strip() or first.out.strip() or "nothing"
        raise PrerequisiteMissing(f"no POSIX shell answers there; it says {said[:200]!r}", via)
    questions: dict[str, tuple[Callable[[], Any], Any]] = {
        "docker": (lambda: _docker(ask("docker")), None),
        "Tailscale": (lambda: _node(machine), None),
        "gpus": (lambda: parse.gpus(ask("gpu").out), ()),
        "mounts": (lambda: parse.mounts(ask("mounts").out), ()),
        "disks": (lambda: parse.disks(ask("disks").out), ()),
        "listeners": (lambda: parse.listeners(ask("listeners").out), ()),
        "repositories": (lambda: parse.repositories(ask("backups").out), ()),
        "schedules": (lambda: tuple(ask("schedules").out.splitlines()), ()),
        "WSL": (lambda: _wsl(machine, date.today()), ((), "")),
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {about: pool.submit(safely, about, *question) for about, question in questions.items()}
    found = {about: answer.result() for about, answer in asked.items()}
    rows, ended = found.pop("WSL")
    return Seen(
        name, via, system=system, node=found.pop("Tailscale"), wsl=rows, windows_ended=ended,
        silent=tuple(sorted(silent)), **found,
    )  # fmt: skip


def _docker(answer: Result) -> Docker | None:
    return parse.docker(answer.out, answer.err, answer.rc)


def _node(machine: Machine) -> Node | None:
    """None where there is no client."""
    now = status(machine)
    if now["BackendState"] == ABSENT:
        return None
    if "Self" not in now:
        return parse.node(now, {}, {})
    told = machine.run(SERVED, timeout=PATIENCE)
    served = json.loads(told.out) if told and told.out.startswith("{") else {}
    return parse.node(now, prefs(machine), served)


def _wsl(machine: Machine, today: date) -> tuple[tuple[tuple[str, str], ...], str]:
    """Its rows, where this is WSL; and that Windows gets no more updates, in words."""
    if judge(signals(machine)).kind == ELSEWHERE:
        return (), ""
    found = wsl.gather(machine)
    ended = ""
    if not isinstance(found.windows, Unknown):
        mended, said = releases.supported(found.windows, today)
        ended = said if mended is False else ""
    return tuple(found.rows(today)), ended
