"""The file ``.env`` beside a Compose file: the values that differ between places, and passwords made up once.

What is in it is its reader's: we add what is missing and touch nothing else. A password, or anything
else that is named like a secret, is never read into a state: only that it is there.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.machine import Machine

SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|KEY)$")
LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")
MADE_UP = "$(openssl rand -hex 16)"
KEPT = "its passwords open the data, which stays as well"


@dataclass(frozen=True)
class State:
    """The file at `path`: its `values` as NAME=value, and the names of its `secrets`; `there` or not."""

    path: str
    there: bool
    values: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        """The value of `name`; empty where there is none, or where it is a secret."""
        return next((v.partition("=")[2] for v in self.values if v.startswith(f"{name}=")), "")


def read(machine: Machine, name: str) -> State:
    """Its names and values, but for what is named like a secret."""
    text = machine.read_text(name)
    if text is None:
        return State(name, False)
    found = {m[1]: m[2] for line in text.splitlines() if (m := LINE.match(line))}
    secrets = tuple(sorted(n for n in found if SECRET.search(n)))
    plain = tuple(sorted(f"{n}={_bare(v)}" for n, v in found.items() if n not in secrets))
    return State(name, True, plain, secrets)


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def with_missing(now: State, values: dict[str, str], secrets: tuple[str, ...] = ()) -> State:
    """`now`, with those of `values` and `secrets` that it has not."""
    have = {v.partition("=")[0] for v in now.values} | set(now.secrets)
    added = tuple(f"{n}={v}" for n, v in values.items() if n not in have)
    made = tuple(n for n in secrets if n not in have)
    there = now.there or bool(added or made)
    return State(now.path, there, tuple(sorted(now.values + added)), tuple(sorted(now.secrets + made)))


def secret(machine: Machine, path: str, name: str) -> str:
    """The value of the secret `name` in the file at `path`, read now; from here on it is masked.

    Raises:
        HomelabError: it is not there.
    """
    from homelab.secret import conceal

    for line in (machine.read_text(path) or "").splitlines():
        if (found := LINE.match(line)) and found[1] == name and (value := _bare(found[2])):
            conceal(value)
            return value
    raise HomelabError(f"{name} is not in {path}", machine.name, "the plan of chapter 04 writes it")


def irreversible(before: State, after: State) -> bool:
    """A password that is thrown away locks the data that it was made for."""
    return bool(set(after.secrets) - set(before.secrets))


def command(before: State, after: State) -> list[str]:
    """Lines appended to the file, for its owner alone; a value changed or removed in place."""
    at = shlex.quote(after.path)
    if not after.there:
        return ["sh", "-c", f"rm -f {at}"]
    old, new = _pairs(before), _pairs(after)
    lines = [f"mkdir -p {shlex.quote(posixpath.dirname(after.path))}"] if not before.there else []
    lines.append("umask 077")
    edits = [f"-e {shlex.quote(f'/^{n}=/d')}" for n in old if n not in new]
    edits += [f"-e {shlex.quote(f's|^{n}=.*|{n}={v}|')}" for n, v in new.items() if n in old and old[n] != v]
    edits += [f"-e {shlex.quote(f'/^{n}=/d')}" for n in before.secrets if n not in after.secrets]
    if edits:
        lines.append(f"sed -i {' '.join(edits)} {at}")
    if added := [f"{n}={v}" for n, v in new.items() if n not in old]:
        lines.append(f"cat >> {at} <<'EOF'\n" + "\n".join(added) + "\nEOF")
    lines += [f'echo "{n}={MADE_UP}" >> {at}' for n in after.secrets if n not in before.secrets]
    return ["sh", "-c", "\n".join(lines)]


def _pairs(state: State) -> dict[str, str]:
    return dict(v.split("=", 1) for v in state.values)


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: this user may not write there.
    """
    machine.run(["sh", "-ec", command(before, after)[2]]).ok()


def difference(before: State, after: State) -> str:
    """What comes, changes and goes; of a secret, that one is made up."""
    old, new = _pairs(before), _pairs(after)
    said = [f"{n}: {old.get(n) or 'none'} → {v or 'empty'}" for n, v in new.items() if old.get(n) != v]
    said += [f"{n}: made up, and shown to nobody" for n in after.secrets if n not in before.secrets]
    said += [f"{n}: removed" for n in (*old, *before.secrets) if n not in new and n not in after.secrets]
    return f"{after.path}: " + (", ".join(said) or ("empty" if after.there else "removed"))
