"""01: a shorter patience, a task that sleeps, and the talk's own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.check import Answer, check
from homelab.checks import wsl_start as starts
from homelab.exercises.exercise import CELL, Exercise, Typed, every
from homelab.machine import Machine
from homelab.resources import logon_task, startup_script
from homelab.stages.wsl_setup import ROLE
from homelab.wsl import winfile, wslconfig

if TYPE_CHECKING:
    from homelab.world import World

HOME = "/mnt/c/Users/alice"  # of the lab's Windows, as WSL sees it
STARTUP = f"{HOME}/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
CONFIG, PATIENCE = f"{HOME}/.wslconfig", "600000"  # ms: ten minutes
UBUNTU = "Ubuntu"
AGAIN = Typed(
    CELL,
    "from homelab.stages import wsl_setup as chapter\n\nworld.apply(chapter.plan(world, chapter.Params()))",
)


@check
def waits_ten_minutes(machine: Machine) -> Answer:
    """Does ``.wslconfig`` give an idle distribution ten minutes, and does a comment say so?"""
    said = winfile.read(machine, CONFIG) or ""
    section, key, _ = wslconfig.ALIVE
    now = wslconfig.value(said, section, key)
    comments = [line for line in said.splitlines() if line.lstrip().startswith("#")]
    evidence = f"{key}={now or 'nothing'}, {len(comments)} line{'s' * (len(comments) != 1)} of comment"
    good = now == PATIENCE and bool(comments)
    return Answer("waits for ten minutes", machine.name, "ok" if good else "fail", evidence)


@check
def task_sleeps(machine: Machine) -> Answer:
    """Is the task there, and disabled?"""
    now = logon_task.read(machine, logon_task.TASK)
    said = "there is none" if not now.command else "it is enabled" if now.enabled else "it is disabled"
    good = bool(now.command) and not now.enabled
    return Answer("the task sleeps", machine.name, "ok" if good else "fail", f"{logon_task.TASK}: {said}")


@check
def no_task(machine: Machine) -> Answer:
    """Is there no task that starts WSL?"""
    now = logon_task.read(machine, logon_task.TASK)
    said = f"{logon_task.TASK} runs {now.command}" if now.command else f"there is no task {logon_task.TASK}"
    return Answer("no task starts it", machine.name, "fail" if now.command else "ok", said)


def talks_way(world: World) -> Answer:
    """Does the script in the start-up folder start WSL, and nothing else?"""
    place = world[ROLE]
    script = f"{STARTUP}/{startup_script.FILE}"
    return every(lambda: starts.a_script_starts_it(place, script, UBUNTU), lambda: no_task(place))


EXERCISES = (
    Exercise(
        "An idle WSL is stopped after ten minutes, and a comment says why",
        lambda world: waits_ten_minutes(world[ROLE]),
        (
            "The chapter has written a setting that says “never”. In which file, on which side?",
            f"`{CONFIG}`, section `[general]`, in milliseconds; a comment begins with a `#`.",
        ),
        (
            Typed(
                ROLE,
                f"sed -i 's/^instanceIdleTimeout=[-0-9]*/# the console needs its memory\\r\\ninstanceIdleTimeout={PATIENCE}/' {CONFIG}",
            ),
        ),
        (AGAIN,),
    ),
    Exercise(
        f"The task {logon_task.TASK} is still there, and disabled",
        lambda world: task_sleeps(world[ROLE]),
        (
            f"`schtasks.exe /Query /TN {logon_task.TASK} /XML` shows the task as Windows keeps it, and that is a text like any other.",
            "Under “Settings” stands `<Enabled>`. Change it there, in a file that Windows can read, and `/Create … /XML … /F`.",
        ),
        (
            Typed(
                ROLE,
                f"cd {HOME}\n"
                f"schtasks.exe /Query /TN {logon_task.TASK} /XML > task.xml\n"
                "sed -i '/<Settings>/,$ s/<Enabled>true/<Enabled>false/' task.xml\n"
                "iconv -f UTF-8 -t UTF-16 task.xml > off.xml\n"
                f'schtasks.exe /Create /TN {logon_task.TASK} /XML "$(wslpath -w off.xml)" /F\n'
                "rm task.xml off.xml",
            ),
        ),
        (AGAIN,),
    ),
    Exercise(
        "The talk's two lines start WSL at logon, and no task does",
        talks_way,
        (
            "Both ways at once would be one too many. The chapter knows the old one too: which parameter chooses?",
            '`chapter.Params(start="script")` is a wish, `chapter.plan(world, …)` what it takes, and you know what applies it.',
        ),
        (
            Typed(
                CELL,
                "from homelab.stages import wsl_setup as chapter\n\n"
                'script = chapter.plan(world, chapter.Params(start="script"))\n'
                "world.apply(script)",
            ),
        ),
        (AGAIN,),
    ),
)
