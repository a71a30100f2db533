"""A service of the system, by a unit file of ours: there, started, and started again with the machine.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.machine import Machine
from homelab.resources import file
from homelab.wait import until

FOLDER = "/etc/systemd/system"
RELOAD = "sudo systemctl daemon-reload"
START = 30.0  # seconds


@dataclass(frozen=True)
class State:
    """The unit `name`: its `text` (None: there is none), and whether it runs, now and after each start."""

    name: str
    text: str | None = field(metadata={"show": False})
    enabled: bool = False
    active: bool = False


def read(machine: Machine, name: str) -> State:
    """The unit's file, and what systemctl says."""
    text = machine.read_text(f"{FOLDER}/{name}.service")
    if text is None:
        return State(name, None)
    said = [machine.run(["systemctl", verb, name]).out.strip() for verb in ("is-enabled", "is-active")]
    return State(name, text, said[0] == "enabled", said[1] == "active")


def command(before: State, after: State) -> list[str]:
    """Only what differs: the file by a here-document, then what systemctl must be told."""
    path, lines = f"{FOLDER}/{after.name}.service", []
    stop = [
        f"sudo systemctl {verb} {after.name}"
        for verb, had, wanted in (
            ("disable", before.enabled, after.enabled),
            ("stop", before.active, after.active),
        )
        if had and not wanted
    ]
    if after.text is None:
        return ["sh", "-c", "\n".join([*stop, f"sudo rm -f {path}", RELOAD])]
    if after.text != before.text:
        put = file.command(file.State(path, None), file.State(path, after.text))[2]
        lines += [f"sudo {put}", RELOAD]
        if before.active and after.active:
            lines.append(f"sudo systemctl restart {after.name}")
    if after.enabled and not before.enabled:
        lines.append(f"sudo systemctl enable {after.name}")
    if after.active and not before.active:
        lines.append(f"sudo systemctl start {after.name}")
    return ["sh", "-c", "\n".join([*lines, *stop])]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until it runs where that is wanted.

    Raises:
        CommandFailed: systemctl refuses.
        WaitTimeout: it does not stay up.
    """
    machine.run(["sh", "-ec", command(before, after)[2]], timeout=120).ok()
    if after.active:
        until(
            lambda: read(machine, after.name).active, bool, f"{after.name} to run", START,
            hint=f"journalctl -u {after.name} -n 50", where=machine.name,
        )  # fmt: skip


def difference(before: State, after: State) -> str:
    """What it is to be, in words; the command shows the unit's lines."""
    said = []
    if before.text != after.text:
        now = "none" if before.text is None else _lines(before.text)
        then = "none" if after.text is None else _lines(after.text)
        said.append(f"{FOLDER}/{after.name}.service: {now} → {then if now != then else 'changed'}")
    for what, had, wanted in (
        ("enabled", before.enabled, after.enabled),
        ("runs", before.active, after.active),
    ):
        if had != wanted:
            said.append(f"{what}: {'yes' if had else 'no'} → {'yes' if wanted else 'no'}")
    return ", ".join(said)


def _lines(text: str) -> str:
    return f"{len(text.splitlines())} lines"
