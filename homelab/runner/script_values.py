"""The values that ``plan.sh`` cannot hold: secrets by their references, and ids that nobody knows before a step has made them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from homelab.joined_plan import Step
from homelab.plan import Change
from homelab.resources.jellyfin_api import Door
from homelab.secret import Secret

REFERENCE = re.compile(r"\{\{((?:env|file|cmd):[^{}]+)\}\}")
UNKNOWN = re.compile(r"<known after ([^>]*)>|\b(DEVICE|NODE|KEY|INVITE)_ID\b")
JELLYFIN = "JELLYFIN_PASSWORD"
KEYS = "https://login.tailscale.com/admin/settings/keys"
WHERE = {
    "DEVICE": "the id of the device {name}, from its page at https://login.tailscale.com/admin/machines",
    "NODE": "the node id of {machine}: tailscale status --json there, ID under Self",
    "KEY": "the id of the key {name}, from " + KEYS,
    "INVITE": "the id of the invitation, as the step that made it has printed it",
}


@dataclass(frozen=True)
class Value:
    """A secret: its reference, the shell's `variable` for it, what it is `wanted` for by which steps.

    It is looked at before anything is done, unless the step `made` makes its file (0: none does); `made_up`: as a
    new password, where none is there.
    """

    secret: Secret
    variable: str
    wanted: str
    steps: tuple[int, ...]
    made: int = 0
    made_up: bool = False

    @property
    def taken(self) -> str:
        """The shell's word for it."""
        name = self.secret.name
        return {"env": f"${{{name}}}", "file": f"$(cat {in_shell(name)})", "cmd": f"$({name})"}[
            self.secret.kind
        ]

    def lines(self, step: int) -> Iterator[str]:
        """What takes it: at the top (`step` 0), or in every step that wants it, for any of them may be the first."""
        if self.made_up and step == self.steps[0]:
            yield f"made {in_shell(self.secret.name)}"
        if self.secret.kind != "env" and bool(step) == bool(self.made or self.made_up):
            yield f'{self.variable}="{self.taken}"'


def in_shell(path: str) -> str:
    """A path as one word; ``~`` is not expanded within quotes."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def of_change(change: Change) -> list[str]:
    """The references that the command of `change` needs the values of."""
    found = REFERENCE.findall(str(change.data()))
    if change.resource == "secret_file" and change.after.there:
        found.append(change.after.source)
    if change.resource == "login" and change.after.key:
        found.append(change.after.key)
    if password := jellyfin(change):
        found.append(password.password)
    return list(dict.fromkeys(found))


def jellyfin(change: Change) -> Door | None:
    """The Jellyfin server that the command of `change` asks with a password."""
    if f"${JELLYFIN}" not in change.command:
        return None
    if change.resource == "jellyfin_server":
        return Door(change.after.port, change.after.user, change.after.password)
    return Door.parse(change.after.door or change.before.door)


def values(steps: Sequence[Step]) -> dict[str, Value]:
    """Every secret that the steps need, by its reference, in the order in which it is needed."""
    found: dict[str, Value] = {}
    files: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        change = step.change
        for reference in of_change(change):
            if reference in found:
                found[reference] = replace(found[reference], steps=(*found[reference].steps, number))
                continue
            secret = Secret.parse(reference)
            made_up = change.resource == "jellyfin_server" and secret.kind == "file"
            variable = secret.name if secret.kind == "env" else f"SECRET_{len(found) + 1}"
            key = change.resource == "login" or str(getattr(change.after, "path", "")).endswith("authkey")
            wanted = f"step {number}, {change.why}" + (f" (an auth key, from {KEYS})" if key else "")
            made = files.get(secret.name, 0) if secret.kind == "file" else 0
            found[reference] = Value(secret, variable, wanted, (number,), made, made_up)
        if change.resource == "auth_key" and change.after.file:
            files[change.after.file] = number
    return found


def named(change: Change, known: dict[str, Value]) -> Change:
    """`change` with variables in the place of references, for a shell that is not here."""
    return Change.load(_named(change.data(), known))


def _named(data: Any, known: dict[str, Value]) -> Any:
    if isinstance(data, str):
        for reference, value in known.items():
            data = data.replace("{{" + reference + "}}", "{{env:" + value.variable + "}}")
        return data
    if isinstance(data, dict):
        return {key: _named(value, known) for key, value in data.items()}
    return [_named(value, known) for value in data] if isinstance(data, list | tuple) else data


@dataclass(frozen=True)
class Asked:
    """A word of a command that nobody knows yet: the `variable` that it becomes, and what to type for it."""

    word: str
    variable: str
    what: str


def asked(change: Change, command: str) -> list[Asked]:
    """What the command of `change` leaves open; what belongs to one device is asked once."""
    found = {}
    for hit in UNKNOWN.finditer(command):
        name = change.name or change.machine
        tail = re.sub(r"\W", "_", name)
        kind = hit[2]
        what = (
            WHERE[kind].format(name=name, machine=change.machine)
            if kind
            else f"what is known after {hit[1]}, for {change.machine}"
        )
        variable = f"{kind}_ID_{tail}" if kind else f"VALUE_{tail}"
        found[hit[0]] = Asked(hit[0], variable, what)
    return list(found.values())


def filled(command: str, asked: Sequence[Asked]) -> str:
    """`command` with the variables put in, whether their place is within single quotes or not."""
    for one in asked:
        first, *rest = command.split(one.word)
        for part in rest:
            quoted = first.count("'") % 2
            first += f"'\"${one.variable}\"'{part}" if quoted else f'"${one.variable}"{part}'
        command = first
    return command
