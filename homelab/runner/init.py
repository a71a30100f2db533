"""``./runbook init``: look at a home, write a params file that claims nothing of it, and paint its portrait."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from homelab import params
from homelab.errors import EXIT_OK, HomelabError, ParamsError, PrerequisiteMissing, Problem
from homelab.machine import Machine, Pending
from homelab.params import PARAMS, MachineParams
from homelab.person import Reader
from homelab.portrait import params_file
from homelab.portrait.facts import Home
from homelab.portrait.look import look_at
from homelab.portrait.roles import cast
from homelab.read_only import Guard, Guarded
from homelab.runner import portrait_page, portrait_text
from homelab.ssh.address import parse

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
WAYS = "write local, ssh://user@host, or NAME=ssh://user@host"


def init(words: Sequence[str], out: str | None) -> int:
    """Look at the machines that `words` mean (this one, if there are none); write FILE and its portrait beside it.

    Raises:
        ParamsError: a word means no machine.
        PrerequisiteMissing: a file is there already, or a machine cannot be looked at. Nothing is written then.
    """
    asked = understand(words)
    file = Path(out).expanduser() if out else PARAMS / "home.yaml"
    picture = file.with_suffix(".html")
    if file.suffix not in (".yaml", ".yml"):
        raise PrerequisiteMissing(
            "a params file is called .yaml", shown(file), "such as --out params/home.yaml"
        )
    for path in (file, picture):
        _refuse_existing(path)
    home = seen(asked)
    name = shown(file)
    text = params_file.text(home, name)
    _check(text)
    _write(file, text)
    _write(picture, portrait_page.page(home, name))
    print(f"{portrait_text.text(home)}\n")
    print(f"Nothing was changed. Written: {name} (yours to edit; it claims nothing yet), {shown(picture)}")
    print(f"Next: ./runbook run --params {name}")
    return EXIT_OK


def understand(words: Sequence[str]) -> list[tuple[str, str]]:
    """Name (may be empty) and way of each machine.

    Raises:
        ParamsError: every word that means none.
    """
    found: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for word in words or ["local"]:
        name, equals, way = word.partition("=") if "=" in word else ("", "", word)
        if equals and not NAME.fullmatch(name):
            problems.append(Problem(word, f"{name!r} is no name of a machine", WAYS))
        try:
            parse(way)
        except ValueError as error:
            problems.append(Problem(word, f"{way!r} {error}", WAYS))
        if name and name in [n for n, _ in found]:
            problems.append(Problem(word, f"{name} is there twice"))
        if way in [w for _, w in found]:
            problems.append(Problem(word, f"{way} is there twice"))
        found.append((name, way))
    if problems:
        raise ParamsError(problems)
    return found


def seen(asked: Sequence[tuple[str, str]]) -> Home:
    """The home of these machines, as it is now.

    Raises:
        PrerequisiteMissing: one of them cannot be looked at.
    """
    from homelab.home import placed

    person, pending = Reader(), Pending()
    machines: dict[str, tuple[Machine, str]] = {}
    for name, way in asked:
        called = name or way.rpartition("@")[2].rpartition("/")[2]
        machine = placed(called, MachineParams(via=way), person, pending)
        machines[way] = Guarded(machine, Guard.of(home=True)), way  # what is not reading would be refused
    try:
        home = look_at(machines)
    except HomelabError as error:
        hint = error.hint or "leave that machine out, or try it by hand"
        raise PrerequisiteMissing(error.what, error.where, hint) from error
    return replace(home, machines=cast(home.machines, [name for name, _ in asked]))


def shown(path: Path) -> str:
    """`path` as one would type it here."""
    absolute = path.absolute()
    near = os.path.relpath(absolute)
    return str(absolute) if near.startswith("../..") else near


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise PrerequisiteMissing(
            "the file is there already, and init writes over none",
            shown(path),
            "name another: --out FILE.yaml",
        )
    if not path.parent.is_dir():
        raise PrerequisiteMissing("there is no such folder", shown(path.parent), "make it first, or name another: --out FILE.yaml")  # fmt: skip


def _check(text: str) -> None:
    """What is written must be good at once, whatever the machines are called.

    Raises:
        ParamsError: it is not, which is a mistake of ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.yaml"
        path.write_text(text, encoding="utf-8")
        params.read(path)


def _write(path: Path, text: str) -> None:
    """A new file, for its owner alone: it tells a lot about a home."""
    try:
        path.touch(0o600, exist_ok=False)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PrerequisiteMissing(f"it cannot be written: {error.strerror}", shown(path), "name another: --out FILE.yaml") from error  # fmt: skip
