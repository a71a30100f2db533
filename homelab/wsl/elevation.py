"""What only an administrator of Windows may do: prepared and said; Windows asks the person; its effect is awaited.

Whether a refusal is about elevation is not read from its words, which are localised, but from what we are.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from homelab.errors import CommandFailed, HomelabError
from homelab.machine import Machine
from homelab.record import say
from homelab.wait import until
from homelab.wsl import powershell
from homelab.wsl.interop import SLOW, Said, ask, call

PATIENCE = 120.0  # seconds that a person has to say yes; Windows' own dialogue gives up after two minutes
SETTLED = 5.0  # seconds until what was done shows


def done(
    machine: Machine,
    argv: list[str],
    holds: Callable[[], bool],
    what: str,
    *,
    patience: float = PATIENCE,
) -> None:
    """Run the Windows program `argv`; where that takes an administrator and we are none, have Windows ask the person.

    `holds` looks whether the effect is there, `what` names it: "port 1883 of Windows to lead to WSL".

    Raises:
        PrerequisiteMissing, WaitTimeout: interop is off, the program is missing, or never ends.
        CommandFailed: it failed although we are administrator.
        HomelabError: the person said no, or could not be asked.
        WaitTimeout: they did not answer, or what they allowed had no effect.
    """
    first = call(machine, *argv).ran()
    if holds():
        return
    if _administrator(machine):
        raise CommandFailed(argv, first.rc or 1, first.out, first.err, machine.name)
    by_hand = f"in a terminal of Windows that runs as administrator: {line(argv)}"
    say(
        f"This takes an administrator of Windows, who is asked now. Or type it yourself, as one: `{line(argv)}`"
    )
    asked = call(machine, *powershell.argv(_elevated(argv)), timeout=patience)
    if not asked and asked.fault != SLOW and not holds():
        asked.ran()
        why = "it was not allowed" if asked.rc == powershell.REFUSED else f"it ended with {asked.rc}"
        raise HomelabError(f"{what} takes an administrator, and {why}: {_said(asked)}", machine.name, by_hand)
    until(holds, bool, what, SETTLED, hint=by_hand, where=machine.name, every=0.2)


def _administrator(machine: Machine) -> bool:
    answer = ask(machine, powershell.USER)
    return bool(answer) and answer[0].get("Elevated") is True


def _elevated(argv: list[str]) -> str:
    if argv[0] == powershell.PROGRAM:
        return powershell.elevated_powershell(argv[-1])
    return powershell.elevated(argv[0], subprocess.list2cmdline(argv[1:]))


def line(argv: list[str]) -> str:
    """`argv` as one types it into PowerShell."""
    return argv[-1] if argv[0] == powershell.PROGRAM else subprocess.list2cmdline(argv)


def _said(said: Said) -> str:
    words = (said.err.strip() or said.out.strip() or "it said nothing").splitlines()
    return words[-1]
