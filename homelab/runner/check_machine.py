"""What a machine of a home lacks, by one look at it: read, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from homelab.check import Answer
from homelab.checks import clock
from homelab.engine import CLIENT_ALONE, HAS_ENGINE
from homelab.engine.faults import COMPOSE, START
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.ssh.machine import SshMachine
from homelab.wsl import interop, where

LOOK = r"""
echo "user=$(id -un)"
if [ "$(id -u)" -eq 0 ]; then echo "root=it is root"; elif said=$(sudo -n true 2>&1); then echo "root=yes"; else echo "root=${said:-no}" | head -n 1; fi
echo "sudo=$(command -v sudo)"
echo "system=$(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")"
echo "apt=$(command -v apt-get)"
echo "tailscale=$(tailscale version 2>/dev/null | head -n 1)"
echo "node=$(tailscale status --json 2>/dev/null | sed -n 's/.*"BackendState": *"\([A-Za-z]*\)".*/\1/p')"
echo "docker=$(command -v docker)"
echo "engine=$(docker version --format '{{.Server.Version}}' 2>&1 | tail -n 1)"
echo "compose=$(docker compose version --short 2>/dev/null)"
"""
LOOK += f'there=$({HAS_ENGINE})\necho "there=$(echo $there)"\n'
ADOPTED = "the Compose files that are to be adopted"
NODES = {
    "Running": "connected", "Stopped": "disconnected", "NeedsLogin": "logged out", "NoState": "just starting",
    "Starting": "just starting", "NeedsMachineAuth": "waiting for approval",
}  # fmt: skip
ENROLL = "03_enrollment installs it: ./runbook run 03 --params {params} --apply"
SUDO = (
    "what needs root fails there. Let {user} do it without: sudo visudo -f /etc/sudoers.d/homelab,"
    " with the line: {user} ALL=(ALL) NOPASSWD: ALL"
)


def machines(
    found: dict[str, Machine], params: str, compose: Mapping[str, str] | None = None
) -> list[Answer]:
    """What is there and what is missing, machine by machine; all are asked at once.

    `compose` says by role who needs Docker Compose there: nothing of ours adds it to an engine that is there.
    """
    if not found:
        return []
    with ThreadPoolExecutor(len(found)) as pool:
        return [
            answer
            for part in pool.map(
                lambda m: list(_machine(m, params, (compose or {}).get(m.name, ""))), found.values()
            )
            for answer in part
        ]


def _machine(machine: Machine, params: str, compose: str) -> Iterator[Answer]:
    try:
        said = machine.run(["sh", "-c", LOOK]).ok().out
    except HomelabError as error:
        yield Answer("it can be reached", machine.name, "fail", error.what, error.hint)
        return
    seen = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    way = f"{machine.address}, " if isinstance(machine, SshMachine) else ""
    yield Answer("it can be reached", machine.name, "ok", f"{way}as {seen['user']}; a POSIX shell answers")
    yield _root(machine, seen)
    system = seen["system"] or "a system without a name"
    yield _answer(
        machine, "its packages come by apt", bool(seen["apt"]), system,
        "stages install by apt (Debian, Ubuntu). What is installed by this system's own means is used as it is",
    )  # fmt: skip
    node = NODES.get(seen["node"], "its daemon does not answer: sudo systemctl start tailscaled")
    yield _answer(
        machine, "tailscale is there", bool(seen["tailscale"]),
        f"{seen['tailscale']}, {node}" if seen["tailscale"] else "no tailscale in PATH", ENROLL.format(params=params),
    )  # fmt: skip
    yield _docker(machine, seen)
    yield from _compose(machine, seen, compose)
    yield from _windows(machine)
    if isinstance(machine, SshMachine):
        yield clock.agrees(machine)


def _root(machine: Machine, seen: dict[str, str]) -> Answer:
    """Root needs no sudo, and may have none."""
    if seen["root"] == "it is root":
        said = "sudo is there, and not needed" if seen["sudo"] else "sudo is not installed, and not needed"
        return Answer("it may do what needs root", machine.name, "ok", f"it is root; {said}")
    asked = seen["root"] != "yes"
    said = seen["root"] if asked else "it does not"
    return _answer(machine, "sudo asks for no password", not asked, said, SUDO.format(**seen))


def _docker(machine: Machine, seen: dict[str, str]) -> Answer:
    name, engine = "docker is there", seen["engine"]
    if not seen["docker"]:
        hint = "stages that need it install it; or turn on WSL integration in Docker Desktop"
        return _answer(machine, name, False, "no docker in PATH", hint)
    if "ermission denied" in engine:
        hint = f"sudo usermod -aG docker {seen['user']}, then log out and in again"
        return _answer(machine, name, False, f"{seen['user']} may not talk to it", hint)
    if engine[:1].isdigit():
        return _answer(machine, name, True, f"engine {engine}")
    if not seen["there"]:
        return _answer(machine, name, False, CLIENT_ALONE, "stages that need an engine install it")
    return _answer(machine, name, False, f"its engine does not answer: {engine}", START)


def _compose(machine: Machine, seen: dict[str, str], who: str) -> Iterator[Answer]:
    """Where there is no engine yet, the stage that installs one installs Compose with it."""
    name = "Docker Compose is there"
    if seen["compose"]:
        yield _answer(machine, name, True, f"Compose {seen['compose']}")
    elif who and (seen["there"] or who == ADOPTED):
        lack = "its plugin is not installed" if seen["docker"] else "no docker in PATH"
        yield Answer(name, machine.name, "fail", f"{lack}, and needed for {who}", COMPOSE)
    elif seen["there"]:
        yield _answer(machine, name, False, "its plugin is not installed", COMPOSE)


def _windows(machine: Machine) -> Iterator[Answer]:
    """Only where there is a Windows: can it be asked?"""
    verdict = where.judge(where.look(machine))
    if verdict.kind == where.ELSEWHERE:
        return
    name = "Windows can be asked"
    if verdict.kind == where.WSL1:
        yield _answer(
            machine,
            name,
            False,
            "this is WSL 1, which runs no Docker",
            "on Windows: wsl --set-version NAME 2",
        )
        return
    try:
        said = interop.call(machine, "cmd.exe", "/c", "ver").ok().out.strip()
    except HomelabError as error:
        yield _answer(machine, name, False, error.what, error.hint)
        return
    yield _answer(machine, name, True, said)


def _answer(machine: Machine, name: str, good: bool, evidence: str, hint: str = "") -> Answer:
    return Answer(name, machine.name, "ok" if good else "warn", evidence, "" if good else hint)
