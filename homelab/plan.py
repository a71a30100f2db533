"""A change is a transition between two states; a plan is changes in order.

The command that is shown, what is executed, the way back and whether a plan is stale all come
from the same two states: `before` and `after`.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from textwrap import indent
from types import ModuleType
from typing import Any, Protocol

from homelab.errors import HomelabError
from homelab.machine import shown
from homelab.record import BLOCK, COLOURS, Showing, badge, code, inline, typed

BACK = "take back: "  # how the reason of an inverse begins
State = Any  # a small frozen dataclass of a resource module
DIFF = (
    f"{BLOCK};max-height:none;font-family:monospace;font-size:.93em;line-height:1.4;tab-size:4;"
    "border-left:3px solid #8885;padding:0 0 0 .7em"
)
DIFF_LINES = {
    "---": "skip",
    "+++": "skip",
    "@@ ": "skip",
    "-": "fail",
    "+": "ok",
}  # and whose colour they have


@dataclass(frozen=True)
class Later:
    """A value that is known only after an earlier change: shown as ``<known after enrolment>``."""

    after: str

    def __str__(self) -> str:
        return f"<known after {self.after}>"


class Resource(Protocol):
    """A module in `homelab.resources`: what one noun is, and how it gets from one state to another."""

    def read(self, place: Any, name: str) -> State:
        """The state now, by read-only commands."""
        ...

    def command(self, before: State, after: State) -> list[str]:
        """What a learner would type for this transition."""
        ...

    def do(self, place: Any, before: State, after: State) -> None:
        """Make the transition."""
        ...


def resource(name: str) -> ModuleType:
    """The module ``homelab.resources.<name>``.

    Raises:
        HomelabError: there is none; a plan written by another version may name one.
    """
    try:
        return importlib.import_module(f"homelab.resources.{name}")
    except ModuleNotFoundError as error:
        raise HomelabError(
            f"no resource is called {name!r}", "", "was the plan made by another version?"
        ) from error


def beside(name: str) -> tuple[tuple[str, str], ...]:
    """What of the tailnet a change of the resource `name` changes as well (its ``BESIDE``): which resource, and why."""
    return getattr(resource(name), "BESIDE", ())


@dataclass(frozen=True)
class Change:
    """One transition of one resource on one machine, and why; `loses` says what cannot be taken back.

    `found` is the state that was read, where an earlier change of the plan has yet to lead to `before`: a client
    that is not installed yet cannot be asked to log in.
    """

    machine: str
    resource: str
    why: str
    before: State
    after: State
    name: str = ""
    loses: str = ""
    found: State = field(default=None, compare=False)

    @property
    def command(self) -> str:
        """The command, as typed on the machine."""
        return shown(resource(self.resource).command(self.before, self.after))

    def inverse(self) -> Change:
        """The way back: the same change with before and after swapped."""
        why = BACK + self.why
        return dataclasses.replace(self, before=self.after, after=self.before, why=why, found=None)

    def data(self) -> dict[str, Any]:
        """Plain data, from which `Change.load` makes an equal change."""
        return {
            "machine": self.machine,
            "resource": self.resource,
            "name": self.name,
            "why": self.why,
            "loses": self.loses,
            "before": dump(self.before),
            "after": dump(self.after),
            **({"found": dump(self.found)} if self.found is not None else {}),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Change:
        """The change in `data`.

        Raises:
            HomelabError: its resource or a field of its states is unknown.
        """
        kind = resource(data["resource"]).State
        return cls(
            data["machine"],
            data["resource"],
            data["why"],
            _undump(kind, data["before"]),
            _undump(kind, data["after"]),
            data.get("name", ""),
            data.get("loses", ""),
            _undump(kind, data["found"]) if data.get("found") else None,
        )

    def public(self, outcome: str = "planned") -> dict[str, Any]:
        """What a record and the results say of it."""
        return {
            "machine": self.machine,
            "resource": self.resource,
            "why": self.why,
            "command": self.command,
            "outcome": outcome,
            "loses": self.loses or None,
        }


@dataclass(frozen=True)
class Plan(Showing):
    """Changes in order, of one stage; computed from states alone."""

    stage: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def inverse(self) -> Plan:
        """The way back, last change first; a change that has none is only mentioned."""
        return way_back(self.stage, self.changes)

    def part(self, *resources: str, machine: str = "", without: str = "", why: str = "") -> Plan:
        """The changes of some `resources` (none named: of all), in their order.

        Only those on `machine`, all but those on the machine `without`, only those whose reason begins with `why`.
        """
        return Plan(
            self.stage,
            tuple(
                c
                for c in self.changes
                if (not resources or c.resource in resources)
                and machine in ("", c.machine)
                and c.machine != without
                and c.why.startswith(why)
            ),
        )

    def data(self) -> dict[str, Any]:
        """Plain JSON; `Plan.load` reads it."""
        return {"stage": self.stage, "changes": [c.data() for c in self.changes]}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Plan:
        """The plan in `data` (see `data`)."""
        return cls(data["stage"], tuple(Change.load(c) for c in data["changes"]))

    def text(self) -> str:
        """Now, wanted, the command, and what cannot be taken back."""
        if not self.changes:
            return "\n".join(["No changes.", *self.notes])
        lines = [f"{len(self)} change{'s' * (len(self) > 1)}:"]
        for n, c in enumerate(self.changes, 1):
            lines += [
                f"{n:>3}. on {c.machine}: {c.why}",
                indent(difference(c), " " * 7),
                typed(c.command, 5),
            ]
            if c.loses:
                lines.append(f"       cannot be taken back: {c.loses}")
        return "\n".join([*lines, *self.notes])

    def html(self) -> str:
        """The same as a table."""
        notes = "".join(f"<p>{inline(n)}</p>" for n in self.notes)
        if not self.changes:
            return f"<p>{badge('already')} No changes.</p>{notes}"
        parts = []
        for n, c in enumerate(self.changes, 1):
            lost = f"<br><i>cannot be taken back: {inline(c.loses)}</i>" if c.loses else ""
            parts.append(
                f'<div style="margin:.4em 0"><b>{n}.</b> <small>on {escape(c.machine)}</small> {inline(c.why)}{lost}<br>'
                f"{_block(difference(c))}{code(c.command)}</div>"
            )
        return "".join(parts) + notes

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        return {"kind": "plan", "stage": self.stage, "changes": [c.public() for c in self.changes]}


def way_back(stage: str, changes: Sequence[Change]) -> Plan:
    """The plan that takes back `changes`, last first.

    A resource may say that a transition has no way back (its function ``irreversible``): such a
    change is left out, and a note says so.
    """
    back, notes = [], []
    for done in reversed(changes):
        never = getattr(resource(done.resource), "irreversible", None)
        if never and never(done.before, done.after):
            because = f" ({done.loses})" if done.loses else ""
            notes.append(f"Not taken back on {done.machine}: {done.why}{because}.")
        else:
            back.append(done.inverse())
    return Plan(stage, tuple(back), tuple(notes))


def change(
    machine: str,
    name_of_resource: str,
    before: State,
    after: State,
    why: str,
    found: State = None,
    **more: str,
) -> tuple[Change, ...]:
    """The change from `before` to `after`, or nothing when the machine is there already.

    `found` is what was read, where that is not `before` yet: see `Change`.
    """
    if matches(before, after):
        return ()
    return (
        Change(
            machine, name_of_resource, why, before, after, found=None if found == before else found, **more
        ),
    )


def plan(stage: str, *changes: Sequence[Change], notes: Sequence[str] = ()) -> Plan:
    """A plan of all `changes`, in this order."""
    return Plan(stage, tuple(c for part in changes for c in part), tuple(notes))


def matches(state: State, wanted: State) -> bool:
    """Whether `state` is what is wanted; a value known only later matches any."""
    if type(state) is not type(wanted):
        return False
    return all(
        isinstance(getattr(wanted, f.name), Later) or getattr(state, f.name) == getattr(wanted, f.name)
        for f in dataclasses.fields(wanted)
        if f.compare
    )


def difference(change: Change) -> str:
    """What differs between the two states, in words: ``node: NeedsLogin → Running``; or the resource's own way."""
    if special := getattr(resource(change.resource), "difference", None):
        return str(special(change.before, change.after))
    parts = []
    for f in dataclasses.fields(change.after):
        old, new = getattr(change.before, f.name), getattr(change.after, f.name)
        if f.compare and old != new and f.metadata.get("show", True):
            parts.append(f"{f.name.replace('_', ' ')}: {_word(old)} → {_word(new)}")
    return ", ".join(parts) or "its content"


def _block(text: str) -> str:
    """Words on a line of their own; a diff keeps its lines, at full width, and what goes and what comes differ in colour too."""
    if "\n" not in text:
        return f"<small>{escape(text)}</small><br>"
    lines = (escape(line) for line in text.rstrip("\n").splitlines())
    if "\n@@ " in text:
        lines = (_diff_line(line) for line in lines)
    return f'<pre style="{DIFF}">{chr(10).join(lines)}</pre>'


def _diff_line(line: str) -> str:
    status = next((s for start, s in DIFF_LINES.items() if line.startswith(start)), "")
    return f'<span style="color:{COLOURS[status]}">{line}</span>' if status else line


def between(change: Change, old: State, new: State) -> str:
    """What differs between two states of the resource of `change`, in words."""
    return difference(dataclasses.replace(change, before=old, after=new))


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(str(v) for v in value) or "none"
    return str(value) if value not in ("", None) else "none"


def dump(state: State) -> dict[str, Any]:
    """`state` as plain data."""
    return {f.name: _plain(getattr(state, f.name)) for f in dataclasses.fields(state)}


def _plain(value: object) -> Any:
    if isinstance(value, Later):
        return {"later": value.after}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _undump(kind: type[Any], data: Mapping[str, Any]) -> State:
    fields = {f.name for f in dataclasses.fields(kind)}
    if unknown := set(data) - fields:
        raise HomelabError(f"the saved state has fields that are unknown here: {', '.join(sorted(unknown))}")
    return kind(**{k: _lift(v) for k, v in data.items()})


def _lift(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"later"}:
        return Later(value["later"])
    if isinstance(value, list):
        return tuple(_lift(v) for v in value)
    return value
