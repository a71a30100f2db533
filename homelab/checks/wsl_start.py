"""WSL that starts with Windows: what will start it, what did, what keeps it, and whether Docker comes with it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from homelab.check import Answer, check
from homelab.checks.wsl import CLOSED
from homelab.machine import Machine
from homelab.resources import logon_task, startup_script, wsl_conf
from homelab.wsl import facts, taskxml, winfile, wslconfig

DOCKER = "service docker start"
# What tells one start of a distribution from the next: the virtual machine's, and the first process's.
START = "cat /proc/sys/kernel/random/boot_id; sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20"
MARK = '"$HOME/.local/state/homelab-runbook/wsl-closed"'
RETURN = "close every terminal of WSL, and JupyterLab; wait two minutes; come back and run this again"


@check
def a_task_starts_it(machine: Machine, distribution: str, name: str = logon_task.TASK) -> Answer:
    """Will the task `name` start the distribution at the next logon, on battery too, and for good?"""
    found, question = logon_task.read(machine, name), "a task starts WSL at logon"
    if not found.command:
        return Answer(question, machine.name, "fail", f"there is no task called {name}")
    faults = [
        word
        for word, wrong in {
            f"it runs `{found.command} {found.arguments}`": f"-d {distribution} "
            not in f"{found.arguments} ",
            "nobody's logon starts it": not found.user,
            "it is disabled": not found.enabled,
            "it waits for mains power": not found.on_battery,
            f"it is ended after {found.limit}": found.limit != taskxml.FOREVER,
        }.items()
        if wrong
    ]
    if faults:
        return Answer(
            question, machine.name, "fail", "; ".join(faults), "make the plan again: it mends the task"
        )
    return Answer(question, machine.name, "ok", f"{name} starts {distribution} when {found.user} logs on")


@check
def a_script_starts_it(machine: Machine, path: str, distribution: str) -> Answer:
    """Is the start-up folder's script there, as we write it?"""
    question, now = "a script starts WSL at logon", startup_script.read(machine, path)
    if now.text is None:
        return Answer(question, machine.name, "fail", f"there is no {path}")
    if now.text != startup_script.script(distribution):
        return Answer(question, machine.name, "warn", f"{path} is there, and not as we write it")
    return Answer(question, machine.name, "ok", f"{path} starts {distribution} at logon, without a window")


@check
def was_started(windows: Machine, ran: Sequence[Mapping[str, Any]], by: str) -> Answer:
    """Did `by` (a task or a file) start its program at the logon of which `ran` tells, and without a window?"""
    question = "started at logon"
    one = next((r for r in ran if r["by"].lstrip("\\").lower() == by.lower()), None)
    if one is None:
        names = ", ".join(r["by"] for r in ran) or "nothing"
        return Answer(question, windows.name, "fail", f"{by} did not run; what ran: {names}")
    window = "without a window" if one["hidden"] else "in a window that somebody will close"
    said = f"{by} ran `{one['command'] or 'nothing'}` {window}: {one['outcome']}"
    good = one["outcome"].startswith("running") and one["hidden"]
    return Answer(question, windows.name, "ok" if good else "fail", said)


@check
def kept_alive(machine: Machine, found: facts.Facts) -> Answer:
    """Does ``.wslconfig`` say that an idle distribution is not stopped?"""
    question = "idle WSL is not stopped"
    if not isinstance(found.user, facts.User):
        return Answer(question, machine.name, "skip", str(found.user), found.user.hint)
    place = wslconfig.place(machine, found.user.profile)
    said = winfile.read(machine, place) or ""
    section, key, _ = wslconfig.ALIVE
    now = wslconfig.value(said, section, key)
    if wslconfig.lives_on(said):
        return Answer(question, machine.name, "ok", f"{key}={now} in {place}, from WSL's next start on")
    word = f"{key}={now} (milliseconds)" if now else f"{place} says nothing, and the default is 15 s"
    return Answer(
        question, machine.name, "fail", word, "a systemd service or a container alone keeps nothing"
    )


@check
def docker_comes_with_it(machine: Machine, found: facts.Facts) -> Answer:
    """Does Docker start when the distribution does?"""
    question = "Docker starts with WSL"
    if found.docker.startswith(facts.DESKTOP):
        hint = "Docker Desktop: Settings, General, Start Docker Desktop when you sign in"
        return Answer(
            question, machine.name, "skip", "Docker Desktop starts by itself, or not: it knows", hint
        )
    if not machine.run(["sh", "-c", "command -v dockerd"]):
        return Answer(
            question, machine.name, "skip", "no Docker engine is installed in WSL", "chapter 02 does it"
        )
    if found.systemd:
        state = machine.run(["systemctl", "is-enabled", "docker"]).out.strip() or "unknown to systemd"
        status = "ok" if state == "enabled" else "warn"
        return Answer(
            question, machine.name, status, f"docker.service is {state}", "sudo systemctl enable docker"
        )
    command = wsl_conf.at_boot(wsl_conf.read(machine))
    if "docker" in command:
        return Answer(question, machine.name, "ok", f"{wsl_conf.PATH} runs `{command}` at the start")
    said = (
        f"without systemd nobody starts it; {wsl_conf.PATH} runs {f'`{command}`' if command else 'nothing'}"
    )
    return Answer(question, machine.name, "warn", said, f"[boot] command={DOCKER}")


@check
def lived_through(machine: Machine, seconds: float = CLOSED) -> Answer:
    """Is this still the start of the distribution at which this was asked first, `seconds` ago or more?

    For whoever runs inside it and cannot look from outside. The first question leaves a mark in our folder of
    state, and says what to do; the answer takes it away. That no terminal was open, only the person knows.
    """
    question = "lived through two minutes alone"
    start = machine.run(["sh", "-c", START]).ok().out.split()
    mark = machine.run(["sh", "-c", f"cat {MARK} 2>/dev/null"]).out.split()
    if not mark:
        text = shlex.quote(" ".join([f"{time.time():.0f}", *start]))
        machine.run(["sh", "-c", f"mkdir -p $(dirname {MARK}) && echo {text} > {MARK}"]).ok()
        return Answer(question, machine.name, "skip", "the clock runs from now on", RETURN)
    asked, age = (
        time.strftime("%H:%M:%S", time.localtime(float(mark[0]))),
        max(0.0, time.time() - float(mark[0])),
    )
    if mark[1:] == start and age < seconds:
        return Answer(question, machine.name, "skip", f"{age:.0f} s so far, since {asked}", RETURN)
    machine.run(["sh", "-c", f"rm -f {MARK}"]).ok()
    if mark[1:] == start:
        said = f"the same start as at {asked}, {age:.0f} s ago (if a terminal stayed open, it proves nothing)"
        return Answer(question, machine.name, "ok", said)
    return Answer(
        question,
        machine.name,
        "fail",
        f"WSL has stopped and started again since {asked}",
        "instanceIdleTimeout=-1, or the task at logon",
    )
