"""01, WSL: where we run, and Linux that starts with Windows, stays, and brings Docker along."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from homelab.check import Answer
from homelab.checks import wsl_start as starts
from homelab.errors import HomelabError, ParamsError, Problem, nearest
from homelab.params import Strict
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import logon_task, startup_script, wsl_conf, wsl_config
from homelab.vantage import Nobody, seat
from homelab.wsl import carry, facts, interop, parsers, where, wslconfig

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "01_wsl_setup"
ROLE = "tequila"
RUNS = Path(__file__).resolve().parents[2] / "runs"
STARTERS = {"task": logon_task.TASK, "script": startup_script.FILE, "none": ""}
KEPT = ".homelab-kept"  # in the user's folder on Windows: copies of what was there before
OTHERS = 'cd "$1" 2>/dev/null && grep -ils wsl -- *.vb? *.bat *.cmd *.ps1; true'
NOT_KEPT = "instanceIdleTimeout is left out, as a WSL of unknown age may not know it: {0}. {1}"


class Params(Strict):
    """`distribution`: the one to start (empty: the one that we run in); `start`: what starts it at logon.

    `keep_alive` and `docker_at_boot`: whether it stays when idle, and brings Docker along; `gpu_image`: an image with
    glibc, for the question whether a container sees the GPU; `experiments` adds the long ones.
    """

    distribution: str = ""
    start: Literal["task", "script", "none"] = "task"
    keep_alive: bool = True
    docker_at_boot: bool = True
    gpu_image: str = Field("ubuntu", min_length=1)
    experiments: bool = False

    @field_validator("distribution")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not startup_script.NAME.match(value):
            raise ValueError("must be the name of a distribution as `wsl --list` shows it, or empty")
        return value


def look(world: World) -> facts.Facts | None:
    """All that can be found out about WSL and its Windows, asked at once; None where no machine plays the part."""
    return facts.gather(world[ROLE]) if ROLE in world.machines else None


def wsl(world: World, found: facts.Facts | None) -> Machine | Nobody:
    """The machine, if it is WSL 2 and its Windows answers; else `Nobody`, with the one reason."""
    place = seat(world, ROLE)
    if isinstance(place, Nobody) or found is None:
        return place
    if found.where.kind == where.ELSEWHERE:
        return Nobody(
            ROLE, f"this is not WSL: {'; '.join(found.where.signs)}", "files for a Windows are made below"
        )
    if found.where.kind == where.WSL1:
        return Nobody(ROLE, "this is WSL 1, which runs no Docker", "on Windows: wsl --set-version NAME 2")
    if isinstance(found.user, interop.Unknown):
        return Nobody(ROLE, f"Windows cannot be asked: {found.user.why}", found.user.hint)
    return place


def distribution(wish: Params, found: facts.Facts) -> str:
    """The distribution that this is about.

    Raises:
        ParamsError: Windows knows no such one.
    """
    known = (
        [d.name for d in found.distributions] if not isinstance(found.distributions, interop.Unknown) else []
    )
    if wish.distribution and known and wish.distribution not in known:
        what = f"Windows knows no distribution {wish.distribution!r}"
        raise ParamsError([Problem("distribution", what, nearest(wish.distribution, known))])
    told = found.default if isinstance(found.default, str) else ""
    name = wish.distribution or found.here or told or (known[0] if known else "")
    if not name:
        raise ParamsError([Problem("distribution", "nothing says which one is meant", "name it: wsl --list")])
    return name


def called(place: Machine | Nobody, wish: Params, found: facts.Facts | None) -> str:
    """The distribution that this is about; empty where there is nobody to ask.

    Raises:
        ParamsError: Windows knows no such one.
    """
    return "" if isinstance(place, Nobody) or found is None else distribution(wish, found)


def will_start(place: Machine | Nobody, wish: Params, found: facts.Facts | None) -> Answer:
    """The check whether what starts WSL at the next logon is there, whichever it is."""
    name = called(place, wish, found)
    if wish.start == "none":
        return Answer("WSL starts at logon", place.name, "skip", "nothing is wanted that starts it")
    if (
        wish.start == "script"
        and found
        and isinstance(found.user, facts.User)
        and not isinstance(place, Nobody)
    ):
        path = f"{interop.unix_path(place, found.user.startup)}/{startup_script.FILE}"
        return starts.a_script_starts_it(place, path, name)
    return starts.a_task_starts_it(place, name)


def plan(world: World, wish: Params, found: facts.Facts | None = None) -> Plan:
    """All that lasts: one thing that starts WSL at logon, the setting that keeps it, and Docker at its start.

    `found` saves asking Windows again.

    Raises:
        ParamsError: there is no such distribution.
        HomelabError: a file or a task is there and cannot be read.
    """
    found = found or look(world)
    place = wsl(world, found)
    if isinstance(place, Nobody) or found is None or isinstance(found.user, interop.Unknown):
        why = place if isinstance(place, Nobody) else Nobody(ROLE, "nobody was asked")
        return Plan(STAGE, notes=(". ".join(f"{s[:1].upper()}{s[1:]}" for s in (why.why, why.hint) if s),))
    home = interop.unix_path(place, found.user.profile)
    startup = interop.unix_path(place, found.user.startup)
    changes, notes = _start(place, wish, distribution(wish, found), found.user.name, home, startup)
    for part, said in (_alive(place, wish, found, home), _docker(place, wish, found)):
        changes += part
        notes += said
    if any(c.resource in ("wsl_config", "wsl_conf") for c in changes):
        notes.append(f"Of the settings: {wsl_config.RESTART}.")
    return planned(STAGE, changes, notes=notes)


def _start(
    place: Machine, wish: Params, name: str, user: str, home: str, startup: str
) -> tuple[list[Change], list[str]]:
    """One thing starts it, and of what we have made before, the other goes."""
    task = logon_task.read(place, logon_task.TASK)
    script = startup_script.read(place, f"{startup}/{startup_script.FILE}")
    wanted_task, wanted_script = task, script
    if wish.start == "task":
        wanted_task = logon_task.wanted(name, user, home)
        if script.text is not None and not startup_script.foreign(script):
            wanted_script = startup_script.State(script.path, None)
    elif wish.start == "script":
        wanted_script = startup_script.wanted(startup, name, f"{home}/{KEPT}")
        if task.ours:
            wanted_task = logon_task.State(logon_task.TASK)
    whys = {
        "task": (f"start {name} when {user} logs on", "one thing that starts it is enough"),
        "script": ("one thing that starts it is enough", f"start {name} at logon, the talk's way"),
        "none": ("", ""),
    }[wish.start]
    changes = [
        *change(ROLE, "logon_task", task, wanted_task, whys[0], name=logon_task.TASK),
        *change(ROLE, "startup_script", script, wanted_script, whys[1], name=script.path),
    ]
    mine = {startup_script.FILE} if wish.start == "script" or not startup_script.foreign(script) else set()
    others = sorted(set(place.run(["sh", "-c", OTHERS, "sh", startup]).out.splitlines()) - mine)
    said = f"The start-up folder also has {', '.join(others)}, which speaks of WSL: yours, so left alone."
    return changes, [said] if others and wish.start != "none" else []


def _alive(place: Machine, wish: Params, found: facts.Facts, home: str) -> tuple[list[Change], list[str]]:
    if not wish.keep_alive:
        return [], []
    if not isinstance(found.versions, parsers.Versions):
        return [], [NOT_KEPT.format(found.versions.why, found.versions.hint)]
    now = wsl_config.read(place, f"{home}/{wslconfig.FILE}")
    wanted = wsl_config.wanted(now, f"{home}/{KEPT}", wslconfig.ALIVE, wslconfig.ALIVE_VM)
    return [*change(ROLE, "wsl_config", now, wanted, "do not stop WSL for being idle", name=now.path)], []


def _docker(place: Machine, wish: Params, found: facts.Facts) -> tuple[list[Change], list[str]]:
    """Where systemd runs it is systemd's business, and with Docker Desktop that one's."""
    other = found.systemd or found.docker.startswith(facts.DESKTOP)
    if not wish.docker_at_boot or other or not place.run(["sh", "-c", "command -v dockerd"]):
        return [], []
    now = wsl_conf.read(place)
    if "docker" in wsl_conf.at_boot(now):
        return [], []
    try:
        wanted = wsl_conf.with_command(now, starts.DOCKER)
    except HomelabError as error:
        return [], [f"{error.what}: {error.hint}."]
    return [*change(ROLE, "wsl_conf", now, wanted, "start Docker when WSL starts")], []


def carried(world: World, wish: Params, found: facts.Facts | None) -> Path:
    """Write what a reader carries to a Windows machine; the folder: the run's own, else ``runs/windows``.

    Raises:
        HomelabError: it cannot be written.
    """
    there = isinstance(wsl(world, found), Nobody)
    name = wish.distribution or ("Ubuntu" if there or found is None else distribution(wish, found))
    run = os.environ.get("HOMELAB_RUN_FOLDER")
    folder = (Path(run) if run else RUNS) / "windows"
    try:
        carry.write(folder, carry.files(carry.Carried(name)))
    except OSError as error:
        raise HomelabError(f"cannot be written: {error.strerror}", str(folder), "make room there") from error
    return folder


def shown(path: Path) -> str:
    """`path` as one would type it in the checkout, or whole where it lies elsewhere."""
    root = RUNS.parent
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
