"""Questions to a machine's Docker engine and its containers, and whether the machine has room left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homelab.check import Answer, check
from homelab.engine import engine, forbidden, translated
from homelab.errors import EngineError, WaitTimeout
from homelab.machine import Machine
from homelab.wait import until

if TYPE_CHECKING:
    from docker.models.containers import Container

GIB = 1 << 30
KILLED = 128 + 9


@check
def docker_answers(machine: Machine) -> Answer:
    """Does the engine answer, and what is it made of?"""
    with translated(machine):
        info = engine(machine).info()
    cgroup = info.get("CgroupVersion") or "none"
    driver = info.get("CgroupDriver", "none")
    evidence = f"Docker {info['ServerVersion']}, storage {info['Driver']}, cgroup v{cgroup} ({driver})"
    if driver == "none":
        return Answer(
            "docker answers",
            machine.name,
            "warn",
            f"{evidence}: limits of memory and processors are not kept",
            "a rootless engine needs systemd and cgroup v2 for them",
        )
    return Answer("docker answers", machine.name, "ok", evidence)


@check
def docker_ps_without_sudo(machine: Machine) -> Answer:
    """May the user who types here talk to Docker? Not before the login after ``usermod -aG docker``."""
    name = "docker ps without sudo"
    done = machine.run(["docker", "ps"])
    if done:
        return Answer(name, machine.name, "ok", done.out.rstrip())
    said = done.err.strip().splitlines()[-1:] or ["it printed nothing"]
    refused = "permission denied" in done.err
    return Answer(name, machine.name, "fail", said[0], forbidden(machine).hint if refused else "")


@check
def container_healthy(machine: Machine, name: str, seconds: float = 60.0) -> Answer:
    """Does the container run, and does its own health check say so? Waits while it is starting."""
    asked = f"{name} is healthy"
    with translated(machine):
        one = engine(machine).containers.get(name)
        try:
            state = until(
                lambda: _state(one),
                lambda s: not s["Running"] or _health(s) in ("none", "healthy"),
                f"{name} to be healthy",
                seconds,
                where=machine.name,
            )
        except WaitTimeout as error:
            said = _last_probe(_state(one))
            hint = f"docker logs {name}"
            return Answer(
                asked,
                machine.name,
                "fail",
                f"still {_health(_state(one))} after {error.seconds:.0f} s{said}",
                hint,
            )
        if not state["Running"]:
            ended = ending(one)
            return Answer(asked, machine.name, "fail", ended.what, ended.hint)
    health = _health(state)
    word = "it runs; its image has no health check" if health == "none" else health
    return Answer(asked, machine.name, "ok", f"{word}, since {state['StartedAt'][:19]}Z{_last_probe(state)}")


def _state(one: Container) -> dict[str, Any]:
    one.reload()
    state: dict[str, Any] = one.attrs["State"]
    return state


def _health(state: dict[str, Any]) -> str:
    return str((state.get("Health") or {}).get("Status", "none"))


def _last_probe(state: dict[str, Any]) -> str:
    log = (state.get("Health") or {}).get("Log") or []
    if not log:
        return ""
    said = " ".join(str(log[-1].get("Output", "")).split())
    return f"; its last probe ended with status {log[-1].get('ExitCode')}{f': {said[:200]}' if said else ''}"


def ending(one: Container) -> EngineError:
    """Why a container that should run does not: out of memory, or its status and last words."""
    state = one.attrs["State"]
    code, limit = state["ExitCode"], one.attrs["HostConfig"].get("Memory") or 0
    if state.get("OOMKilled") or (code == KILLED and limit):
        limited = f"; it may have {limit / (1 << 20):.0f} MiB" if limit else ""
        return EngineError(
            "memory",
            f"{one.name} was killed because the memory was used up{limited}",
            "",
            "give it more (--memory), or have it do less",
        )
    said = one.logs(tail=3).decode(errors="replace").strip()
    words = f": {' | '.join(said.splitlines())}" if said else ", without a word"
    return EngineError("other", f"{one.name} ended with status {code}{words}", "", f"docker logs {one.name}")


@check
def container_logs(machine: Machine, name: str, lines: int = 10) -> Answer:
    """What did the container say last?"""
    with translated(machine):
        said = engine(machine).containers.get(name).logs(tail=lines).decode(errors="replace").rstrip()
    return Answer(f"the last words of {name}", machine.name, "ok", said or "it has said nothing yet")


@check
def room_for_the_game(machine: Machine, memory: float = 6.0) -> Answer:
    """Is there enough memory left to play (GiB)? In WSL that is the memory which WSL was given."""
    name = "memory left for the game"
    read = machine.read_text("/proc/meminfo") or ""
    found = next((line.split()[1] for line in read.splitlines() if line.startswith("MemAvailable:")), None)
    if found is None:
        return Answer(name, machine.name, "skip", "no /proc/meminfo here: this is not Linux")
    return _left(name, machine, int(found) * 1024 / GIB, memory)


@check
def graphics_for_the_game(machine: Machine, memory: float = 2.0) -> Answer:
    """Is there enough memory left on the graphics card (GiB)? Of several cards the emptiest counts."""
    name = "graphics memory left for the game"
    asked = machine.run(["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"])
    free = [int(word) / 1024 for word in asked.out.split() if word.isdigit()]
    if not asked or not free:
        return Answer(
            name, machine.name, "skip", "there is no nvidia-smi to ask: no NVIDIA card, or no driver"
        )
    return _left(name, machine, max(free), memory)


def _left(name: str, machine: Machine, left: float, wanted: float) -> Answer:
    status = "ok" if left >= wanted else "warn"
    hint = "stop what you do not need now: docker stop <name>"
    return Answer(name, machine.name, status, f"{left:.1f} GiB left, {wanted:g} wanted", hint)


@check
def room_for_images(machine: Machine, least: float = 5.0) -> Answer:
    """Is there disk left where Docker keeps images and containers (GiB)?"""
    with translated(machine):
        root = engine(machine).info()["DockerRootDir"]
    looked = machine.run(["df", "--output=avail", "-B1", root])
    if not looked:  # a folder that only root sees, or another machine's: its file system at least
        looked = machine.run(["df", "--output=avail", "-B1", "/"]).ok()
    left = int(looked.out.split()[-1]) / GIB
    status = "ok" if left >= least else "warn"
    hint = "docker system df shows what takes it; docker image prune removes what nothing uses"
    return Answer("room for images", machine.name, status, f"{left:.1f} GiB left in {root}", hint)
