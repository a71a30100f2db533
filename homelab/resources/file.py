"""A text file on a machine, with the folders above it.

A secret inside stands as a reference, ``{{env:NAME}}`` (or file:, cmd:), until the file is written; such a
file is for its owner alone, and no difference of it is ever shown.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from difflib import unified_diff

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.secret import Secret

REFERENCE = re.compile(r"\{\{((?:env|file|cmd):[^{}]+)\}\}")
PRIVATE = "its content, which is private"
_known: set[str] = set()  # references in any state, so that `read` can put them in the place of values


@dataclass(frozen=True)
class State:
    """The `text` (None: there is no such file) and `mode`; a file with a reference inside is 0600 at most."""

    path: str
    text: str | None
    mode: int = 0o644

    def __post_init__(self) -> None:
        found = REFERENCE.findall(self.text or "")
        if found and self.mode & 0o077:
            raise HomelabError("a file with a secret inside is for its owner alone", self.path, "mode 0o600")
        _known.update(found)

    @property
    def private(self) -> bool:
        """Whether only its owner may read it."""
        return self.text is not None and not self.mode & 0o077


def read(machine: Machine, name: str) -> State:
    """The file's text, with references where the secrets that they name stand; its mode.

    Raises:
        HomelabError: it is there and cannot be read.
    """
    found = machine.run(["stat", "-L", "-c", "%a", name])
    if not found and "No such file" not in found.err and "Not a directory" not in found.err:
        raise HomelabError(f"{name} cannot be looked at: {found.err.strip()}", machine.name)
    if not found:
        return State(name, None)
    text = machine.read_text(name)
    if text is None:
        raise HomelabError(f"{name} is no file", machine.name, "is it a folder?")
    mode = int(found.out, 8)
    if not mode & 0o077:
        for reference in sorted(_known):
            text = _sealed(text, reference)
    return State(name, text, mode)


def _sealed(text: str, reference: str) -> str:
    try:
        value = Secret.parse(reference).reveal()
    except HomelabError:  # it is not there now: so the file does not hold what it names
        return text
    return text.replace(value, "{{" + reference + "}}")


def command(before: State, after: State) -> list[str]:
    """``install`` makes the folders, the file and its mode at once, from a here-document; ``rm`` removes it.

    A reference is what the shell would put in its place; a private text without one is not shown.
    """
    path = shlex.quote(after.path)
    if after.text is None:
        return ["sh", "-c", f"rm -f {path}"]
    if before.text == after.text:
        return ["sh", "-c", f"chmod {after.mode:o} {path}"]
    put = f"install -D -m {after.mode:o} /dev/stdin {path}"
    secret = REFERENCE.search(after.text)
    if after.private and not secret:
        return ["sh", "-c", f"{put}  # its text is private: type it, then Ctrl-D"]
    if not after.text.endswith("\n") and not secret:
        return ["sh", "-c", f"printf %s {shlex.quote(after.text)} | {put}"]
    text, mark = after.text.removesuffix("\n"), "EOF"
    while mark in text.splitlines():
        mark += "_"
    if secret:
        return ["sh", "-c", f"{put} <<{mark}\n{_expanding(text)}\n{mark}"]
    return ["sh", "-c", f"{put} <<'{mark}'\n{text}\n{mark}"]


def _expanding(text: str) -> str:
    """`text` for a here-document in which the shell puts the secrets in."""
    escaped = re.sub(r"[\\$`]", r"\\\g<0>", text)
    shell = {"env": "${%s}", "file": "$(cat %s)", "cmd": "$(%s)"}

    def expansion(found: re.Match[str]) -> str:
        kind, _, name = found[1].partition(":")
        return shell[kind] % name.strip()

    return REFERENCE.sub(expansion, escaped)


def do(machine: Machine, before: State, after: State) -> None:
    """Write it at once, secrets put in for their references now; or remove it.

    Raises:
        PrerequisiteMissing: what a reference names is not there.
        CommandFailed: a folder cannot be made, or this user may not write there.
    """
    if after.text is None or before.text == after.text:
        machine.run(command(before, after)).ok()
        return
    text = REFERENCE.sub(lambda found: Secret.parse(found[1]).reveal(), after.text)
    machine.run(["install", "-D", "-m", f"{after.mode:o}", "/dev/stdin", after.path], stdin=text).ok()


def difference(before: State, after: State) -> str:
    """A diff; of a private file only that it differs."""
    said = []
    if before.text != after.text:
        said.append(PRIVATE if before.private or after.private else _diff(before, after))
    if before.text is not None and after.text is not None and before.mode != after.mode:
        said.append(f"mode: {before.mode:o} → {after.mode:o}")
    return "\n".join(said)


def _diff(before: State, after: State) -> str:
    if before.text is None:
        lines = len((after.text or "").splitlines())
        return f"{after.path}: none → {lines} line{'s' * (lines != 1)}"
    if after.text is None:
        return f"{after.path}: removed"
    old, new = before.text.splitlines(), after.text.splitlines()
    return "\n".join(unified_diff(old, new, "now", "wanted", n=2, lineterm=""))
