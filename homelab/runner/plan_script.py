"""``plan.sh``: the plan as a shell script, for a careful person to read and to run by hand.

Every command is the one that the plan shows, typed where it belongs: here, or over ``ssh``. What cannot be taken back
asks first: left out, it would pull the ground from under the commands that follow. What it needs is looked at before
the first step; what only a step in the middle can tell is announced, and asked for when it is needed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homelab.joined_plan import Joined, Step
from homelab.params import World
from homelab.plan import Change, difference, resource
from homelab.resources.login import KEY_FILE
from homelab.runner import plan_words, script_head, script_there, script_values
from homelab.runner.script_values import JELLYFIN, Asked, Value
from homelab.saved_plan import SCRIPT, ways
from homelab.secret import Secret, mask
from homelab.ssh.address import Address, parse

CHECKOUT = Path(__file__).resolve().parents[2]
SEAT = "visitor"  # from where a lab's admin API is asked
# What changes the folder or the umask must not do so for what follows; and of `a && b` a shell that stops at what
# fails (-e) overlooks a failing `a`, unless a shell of its own ends with it.
OWN_SHELL = re.compile(r"\n|\bcd |\bumask |&&|\|\|")
COMPOUND = re.compile(r"[\n|$;&]")
TYPED_IN = re.compile(r"  # (?:paste the secret|its text is private: type it), then Ctrl-D")
PATIENCE = 120  # seconds, as long as we wait ourselves


def script(plan: Joined, params: World, saved: Mapping[str, Any], folder: str) -> str:
    """The whole script; no secret is in it. `saved` is what ``plan.json`` says of the run, saved at `folder`."""
    known = script_values.values(plan.steps)
    steps = [
        "\n".join(_step(number, step, params, known, len(plan.steps)))
        for number, step in enumerate(plan.steps, 1)
    ]
    parts = [*_head(plan, params, saved, folder, known, "\n".join(steps)), *steps]
    parts += [
        _comment(f"Not in this plan: {left.stage} on {left.machine}: {left.why} ({left.reason})")
        for left in plan.waiting
    ]
    parts += [_comment(note) for note in (plan_words.observed(plan), *plan.counts, *plan.notes) if note]
    parts.append("say 'That was all.'")
    return mask("\n\n".join(part.rstrip("\n") for part in parts) + "\n")


def _head(
    plan: Joined,
    params: World,
    saved: Mapping[str, Any],
    folder: str,
    known: Mapping[str, Value],
    steps: str,
) -> Iterator[str]:
    """What comes before the first step; `steps` is the text that follows."""
    count = len(plan.steps)
    yield script_head.HEAD.format(
        title=f"The plan for {saved['world']}: {count} change{'s' * (count != 1)}.",
        made=saved["made"],
        run=saved["run"],
        params=shlex.quote(str(saved["params"])),
        folder=folder,
        script=f"{folder.rpartition('/')[0]}/{SCRIPT}",
        of=count,
        checkout=shlex.quote(str(CHECKOUT)),
    ).rstrip("\n") + "".join(
        f"\n{part.rstrip()}"
        for part, word in (
            (script_head.NEED, True),
            (script_head.ASK, "\nask "),
            (script_head.MAKE, "\nmade "),
            (script_head.HERE, "sudo "),
            (script_head.THERE, '"$there"'),
            (script_there.SH_C, "$(sh_c "),
        )
        if word is True or str(word) in f"\n{steps}"
    )
    yield "\n".join(_needs(plan, params, known))


def _needs(plan: Joined, params: World, known: Mapping[str, Value]) -> Iterator[str]:
    """Looked at before anything is done, and what comes later is announced."""
    yield "# What it needs: looked at before anything is done."
    api = [n for n, step in enumerate(plan.steps, 1) if step.change.machine == "tailnet"]
    key = params.common.api_key or Secret("env", "TS_API_KEY")
    if api:
        yield from _need(key, f"the API key of the tailnet, from {script_values.KEYS}", api[-1])
    for value in known.values():
        if value.secret.kind != "cmd" and not value.made and not value.made_up:
            yield from _need(value.secret, value.wanted, value.steps[-1])
    yield "needed"
    for note in plan.notes:
        yield f"say {shlex.quote(f'This plan is not whole: {note}')}"
    if api:
        yield "# The key of the admin API; it is asked for here and written nowhere."
        value = Value(key, "TS_API_KEY", "", ())
        taken = f"${{{key.name}:?the API key of the tailnet}}" if key.kind == "env" else value.taken
        yield f'TS_API_KEY="{taken}"'
    for value in known.values():
        yield from value.lines(0)
        if value.made_up:
            said = (
                f"Where {value.secret.name} is not there, step {value.steps[0]} makes a password up for it."
            )
            yield f"say {shlex.quote(said)}"
    seen: set[str] = set()
    for number, step in enumerate(plan.steps, 1):
        for one in script_values.asked(step.change, step.change.command):
            if one.variable not in seen:
                yield f"say {shlex.quote(f'Step {number} will ask you for {one.what}.')}"
            seen.add(one.variable)
        if step.change.resource == "file" and TYPED_IN.search(step.change.command):
            yield f"say {shlex.quote(_text_of(number, step.change))}"


def _text_of(number: int, change: Change) -> str:
    return f"Step {number} waits for you to type the text of {change.name}, which is private and not in here."


def _need(secret: Secret, what: str, last: int) -> Iterator[str]:
    if secret.kind != "cmd":
        name = secret.name if secret.kind == "env" else script_values.in_shell(secret.name)
        yield f"need {secret.kind} {name} {shlex.quote(what)} {last}"


def _step(number: int, step: Step, params: World, known: dict[str, Value], of: int) -> Iterator[str]:
    change = step.change
    way = _way(change, params)
    yield f"# {'-' * 100}"
    yield f"# {number} of {of}, {step.stage}, on {change.machine} ({way.place})"
    yield _comment(change.why)
    if step.said:
        yield _comment(step.said)
    yield _comment(difference(change), "  ")
    values = [known[reference] for reference in script_values.of_change(change)]
    for value in values:
        yield _comment(f"{value.secret} is put in where the command runs, and is not shown")
    if way.kind != "here":
        change = script_values.named(change, known)
    asked = script_values.asked(change, change.command)
    command = script_values.filled(_fed(change, change.command, values), asked)
    yield f"if step {number} {shlex.quote(f'on {change.machine}: {change.why}')}; then"
    if change.loses:
        yield f"sure {shlex.quote(change.loses)}"
    for value in values:
        yield from value.lines(number)
    for one in asked:
        yield f"ask {one.variable} {shlex.quote(one.what)}"
    if change.resource == "file" and TYPED_IN.search(command):
        yield f"say {shlex.quote(f'Type the text of {change.name}, then Ctrl-D.')}"
    yield way.typed(_waited(change, _with_files(change, command)), [v.variable for v in values], asked)
    yield "fi"


def _fed(change: Change, command: str, values: Sequence[Value]) -> str:
    """`command` with what a person would type into it, or put beside it, from the variables."""
    secret = values[0].variable if values else ""
    if change.resource == "secret_file" and values:
        return f"printf '%s\\n' \"${secret}\" | {TYPED_IN.sub('', command)}"
    if change.resource == "login" and values:
        keep = f"printf '%s\\n' \"${secret}\" | sudo sh -c 'umask 077; cat >{KEY_FILE}'"
        forget = f"sudo rm -f {KEY_FILE}"
        return f"{keep}\n{command} || {{ {forget}; exit 1; }}\n{forget}"
    if change.resource == "auth_key" and change.after.file:
        path = script_values.in_shell(change.after.file)
        return command.replace("| jq -r .key > auth-key", '| jq -r .key > "$key"').replace(
            "umask 077; ", f'key={path}; umask 077; mkdir -p "$(dirname "$key")"; '
        )
    if script_values.jellyfin(change) and secret != JELLYFIN:
        return f'{JELLYFIN}="${secret}"\n{command}'
    return command


def _waited(change: Change, command: str) -> str:
    """`command` after a wait for what an earlier step has started, and which takes a moment to answer."""
    if door := script_values.jellyfin(change):
        return f"{_until(f'curl -fsS -o /dev/null {door.url}/health 2>/dev/null', 'Jellyfin')}\n{command}"
    if change.resource == "login" and "tailscale up" in command:
        return f"{_until('tailscale status --json >/dev/null 2>&1', 'tailscaled')}\n{command}"
    return command


def _until(condition: str, who: str) -> str:
    late = f"echo '{who} has not answered for {PATIENCE} s' >&2; exit 1"
    return f"n=0; until {condition}; do n=$((n + 1)); [ $n -lt {PATIENCE} ] || {{ {late}; }}; sleep 1; done"


@dataclass(frozen=True)
class _Way:
    """Where commands are typed: here, in the lab, or over SSH, where `argv` goes; `place` in words."""

    kind: str
    place: str
    argv: tuple[str, ...] = ()
    key: bool = False
    root: bool = False  # or whoever the reader's ssh configuration says

    def typed(self, command: str, secrets: Sequence[str], asked: Sequence[Asked]) -> str:
        """What is typed here for it; the variables that it uses go along, and the files that it copies."""
        if self.kind == "here":
            return f"(\n{command}\n)" if OWN_SHELL.search(command) else command
        ahead = '"$there"' if COMPOUND.search(command) or (self.root and "sudo " in command) else ""
        files = script_there.copied(command)
        piped = f"{script_there.packed(files)} | " if files else ""
        if files:
            command = f"{script_there.UNPACK}\n{command}"
        if self.kind == "lab":
            names = [*(["TS_API_KEY"] if self.key else []), *secrets, *(one.variable for one in asked)]
            given = " ".join(["env", *(f'{name}="${name}"' for name in names), ""]) if names else ""
            return f"{piped}{shlex.join(self.argv)} {given}sh -c {ahead}{shlex.quote(command)}"
        parts = [*(f'"{one.variable}=${one.variable}; "' for one in asked), *([ahead] if ahead else [])]
        if secrets:
            fed = " ".join(f'"${name}"' for name in secrets)  # not as arguments: those can be seen there
            piped = f"printf '%s\\n' {fed} | "
            command = "".join(f"IFS= read -r {name}\n" for name in secrets) + command
            parts = parts if ahead else [*parts, '"$there"']
        argv = shlex.join(word for word in self.argv if word != "-t" or not piped)
        return f"{piped}{argv} {script_there.word(parts, command)}"


def _way(change: Change, params: World) -> _Way:
    """Where the commands of `change` are typed."""
    command, tailnet = change.command, change.machine == "tailnet"
    if params.is_lab and not command.startswith("./runbook "):
        at = SEAT if tailnet else change.machine
        return _Way("lab", "in the lab", ("./runbook", "lab", "exec", at, "--"), tailnet)
    via = "local" if params.is_lab else ways(params).get(change.machine, "local")
    if via == "local" or tailnet or command.startswith("xdg-open "):
        return _Way("here", "here")
    there = parse(via)
    return _Way("ssh", via, tuple(_remote(there)), root=there.user in ("", "root"))


def _remote(at: Address) -> list[str]:
    """The command that runs what follows on another machine; with a terminal, so that sudo may ask."""
    if at.way == "tailscale":
        return ["tailscale", "ssh", at.destination]
    return ["ssh", "-t", *(["-p", str(at.port)] if at.port else []), at.destination]


def _with_files(change: Change, command: str) -> str:
    """`command` with the files that it reads from the folder where it is typed."""
    beside = getattr(resource(change.resource), "beside", None)
    if beside is None:
        return command
    puts = [
        f"cat >{shlex.quote(name)} <<'EOF'\n{text.rstrip()}\nEOF"
        for name, text in beside(change.before, change.after).items()
    ]
    looks = getattr(resource(change.resource), "LOOK", "")  # is it as the plan found it?
    return "\n".join(['cd "$(mktemp -d)"', *puts, *([looks] if looks else []), command])


def _comment(words: str, margin: str = "") -> str:
    return "\n".join(f"# {margin}{line}".rstrip() for line in words.splitlines())
