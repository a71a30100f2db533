"""Recordings of shell sessions, as a recorder node keeps them: asciicast v2, and what their first line tells.

Sources: https://docs.asciinema.org/manual/asciicast/v2/ (the file), Tailscale's sessionrecording.CastHeader
(what it adds to the first line). Only output is recorded, never what was typed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.pictures.tables import Table
from homelab.secret import mask_parts

PORT = 8080  # where the lab's recorder shows what it has
SUFFIX = {".running.cast": "running", ".cut.cast": "cut", ".cast": "whole"}


@dataclass(frozen=True)
class Recording:
    """One session: on `host`, by `person` at `node`, as the user `user`; `asked` is whom they asked to be.

    `began` is in UTC, `seconds` the time to the last output; `command` is empty for an interactive shell.
    `state` is whole, running or cut. `output` are (seconds since the beginning, text), once fetched.
    """

    name: str
    host: str
    state: str
    began: datetime
    seconds: float
    node: str
    person: str
    user: str
    asked: str
    command: str = ""
    columns: int = 0
    lines: int = 0
    connection: str = ""
    output: tuple[tuple[float, str], ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """All that the terminal was sent, control characters included."""
        return "".join(part for _, part in self.output)

    @property
    def title(self) -> str:
        """Who was whom, and where."""
        return f"{self.person} at {self.node}, as {self.user} on {self.host}"


def parse(text: str, name: str = "") -> Recording:
    """The recording in the file `text`; a last line that was not written to its end is left out.

    Raises:
        HomelabError: it is no asciicast v2, with the number of the line.
    """
    lines = text.split("\n")
    header = _json(lines[0], name, 1)
    if not isinstance(header, dict) or header.get("version") != 2:
        raise HomelabError("this is no asciicast v2 recording", f"{name}:1")
    output = []
    for n, line in enumerate(lines[1:-1], 2):  # after the last line's end there is nothing, or half a line
        event = _json(line, name, n)
        if not (isinstance(event, list) and len(event) == 3 and isinstance(event[0], int | float)):
            raise HomelabError("this is no event of an asciicast v2 recording", f"{name}:{n}")
        if event[1] == "o":
            output.append((float(event[0]), str(event[2])))
    made = _of(name, header, output[-1][0] if output else 0.0)
    return dataclasses.replace(made, output=tuple(output))


def listed(machine: Machine, recorder: str = "recorder") -> list[Recording]:
    """What the node `recorder` has, the oldest first, as `machine` is told over the tailnet; without output.

    Raises:
        HomelabError: it does not answer, or says something else.
    """
    said = _get(machine, recorder, "recordings")
    try:
        found = json.loads(said)
        return [
            _of(e["name"], e["header"], float(e["seconds"]), str(e["state"])) for e in found if e["header"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise HomelabError(f"the recorder's list is not understood: {error!r}", recorder) from error


def fetched(machine: Machine, recording: Recording, recorder: str = "recorder") -> Recording:
    """`recording` with its output.

    Raises:
        HomelabError: the recorder does not answer, or has no such file.
    """
    text = _get(machine, recorder, f"recordings/{recording.name}")
    return dataclasses.replace(parse(text, recording.name), state=recording.state)


def veiled(recording: Recording) -> Recording:
    """`recording` without the secrets in its output: masked once as a whole, for they are typed letter by letter."""
    parts = mask_parts([part for _, part in recording.output])
    times = (at for at, _ in recording.output)
    return dataclasses.replace(recording, output=tuple(zip(times, parts, strict=True)))


def in_folder(machine: Machine, folder: str) -> list[Recording]:
    """All recordings below `folder` on `machine`, the oldest first: what ``tsrecorder --dst`` writes.

    Raises:
        CommandFailed: there is no such folder, or it may not be read.
    """
    names = machine.run(["find", folder, "-name", "*.cast", "-type", "f"]).ok().out.splitlines()
    texts = {name: machine.read_text(name) for name in names}
    found = [parse(text, name.removeprefix(folder.rstrip("/") + "/")) for name, text in texts.items() if text]
    return sorted(found, key=lambda r: r.name.rpartition("/")[2])


def table(recordings: Iterable[Recording]) -> Table:
    """Who was whom, where, when and for how long, and by which command where the protocol tells it."""
    rows = tuple(
        (
            r.host, r.person, r.node, r.user, r.began.strftime("%Y-%m-%d %H:%M:%S"), _length(r),
            r.command or "(a shell: see its replay)",
        )
        for r in recordings
    )  # fmt: skip
    head = ("on", "who", "from", "as", "when (UTC)", "how long", "command")
    return Table(head, rows, "Nothing was recorded.")


def _length(recording: Recording) -> str:
    return f"{recording.seconds:.1f} s" + ("" if recording.state == "whole" else f", {recording.state}")


def _get(machine: Machine, recorder: str, path: str) -> str:
    done = machine.run(["curl", "-sS", "-f", "-m", "10", f"http://{recorder}:{PORT}/{path}"])
    if not done:
        said = done.err.strip().rpartition(") ")[2] or "no answer"
        raise HomelabError(
            f"the recorder does not give {path}: {said}",
            machine.name,
            f"is a node called {recorder!r} in the tailnet, and does its program run?",
        )
    return done.out


def _json(line: str, name: str, n: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise HomelabError(f"this is no asciicast v2 recording: {error}", f"{name}:{n}") from error


def _of(name: str, header: dict[str, Any], seconds: float, state: str = "") -> Recording:
    state = state or next((s for ending, s in SUFFIX.items() if name.endswith(ending)), "whole")
    short = str(header.get("srcNode") or "?").split(".")[0]
    person = str(header.get("srcNodeUser") or ", ".join(header.get("srcNodeTags") or []) or "?")
    return Recording(
        name,
        name.rpartition("/")[0] or "?",
        state,
        datetime.fromtimestamp(int(header.get("timestamp") or 0), UTC),
        round(seconds, 3),
        short,
        person,
        str(header.get("localUser") or "?"),
        str(header.get("sshUser") or "?"),
        str(header.get("command") or ""),
        int(header.get("width") or 0),
        int(header.get("height") or 0),
        str(header.get("connectionID") or ""),
    )
