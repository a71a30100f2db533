"""``plan.sh``: the plan as a POSIX shell script, for a careful person to read and to run by hand.

Every command is the one that the plan shows, typed where it belongs: here, or over ``ssh``. What cannot be taken back
asks first: left out, it would pull the ground from under the commands that follow. What nobody can know yet stops the
script, and says what to fill in.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from homelab.joined_plan import Joined, Step
from homelab.params import World
from homelab.plan import Change, difference, resource
from homelab.saved_plan import ways
from homelab.secret import Secret, mask
from homelab.ssh.address import Address, parse

CHECKOUT = Path(__file__).resolve().parents[2]
UNKNOWN = re.compile(r"<known after ([^>]*)>|\b(?:DEVICE|NODE|KEY)_ID\b")
REFERENCE = re.compile(r"\{\{((?:env|file|cmd):[^{}]+)\}\}")
SEAT = "visitor"  # from where a lab's admin API is asked
OWN_SHELL = re.compile(r"\n|\bcd |\bumask ")

HEAD = """#!/bin/sh
# {title}
# Planned on {made} by run {run}, from {params}; not applied.
#
# Read it first: it is typed as it stands here, and nothing checks again what has changed since then.
# What does check is: ./runbook run --params {params} --apply --from {folder}
# It stops at the first command that fails. What was done by then stays done; a new plan has the rest.
# shellcheck disable=SC2016,SC2317 # what is quoted is for the shell there; after `stop` nothing is reached
# shellcheck disable=SC2046,SC2059,SC2086,SC2164 # the commands are typed as the plan shows them
set -eu
cd {checkout}
say() {{ printf '%s\\n' "$*"; }}
stop() {{ printf 'Stopped: %s\\n' "$*" >&2; exit 1; }}
sure() {{ # what is lost
    printf 'This cannot be taken back: %s\\nType yes to go on: ' "$*"
    read -r answer
    [ "$answer" = yes ] || stop "not wanted"
}}
"""


def script(plan: Joined, params: World, saved: Mapping[str, Any], folder: str) -> str:
    """The whole script; no secret is in it. `saved` is what ``plan.json`` says of the run."""
    source = shlex.quote(str(saved["params"]))
    title = f"The plan for {saved['world']}: {len(plan.steps)} change{'s' * (len(plan.steps) != 1)}."
    where = shlex.quote(str(CHECKOUT))
    made, run = saved["made"], saved["run"]
    parts = [HEAD.format(title=title, made=made, run=run, params=source, folder=folder, checkout=where)]
    if any(step.change.machine == "tailnet" for step in plan.steps):
        parts.append(_key(params.common.api_key))
    asked: set[str] = set()
    for number, step in enumerate(plan.steps, 1):
        sure = step.change.loses not in asked
        parts.append("\n".join(_step(number, len(plan.steps), step, params, sure)))
        asked.add(step.change.loses)
    for left in plan.left:
        parts.append(
            _comment(f"Not in this plan: {left.stage} on {left.machine}: {left.why} ({left.reason})")
        )
    parts += [_comment(note) for note in plan.notes]
    parts.append("say 'That was all.'")
    return mask("\n\n".join(part.rstrip("\n") for part in parts) + "\n")


def _key(secret: Secret | None) -> str:
    """The admin API's key, by its reference."""
    value = {
        "env": "${%s:?the API key of the tailnet}",
        "file": '$(cat "%s")',
        "cmd": "$(%s)",
    }
    kind, name = (secret.kind, secret.name) if secret else ("env", "TS_API_KEY")
    name = re.sub(r"^~/", "$HOME/", name)
    return f'# The key of the admin API; it is asked for here and written nowhere.\nTS_API_KEY="{value[kind] % name}"'


def _step(number: int, of: int, step: Step, params: World, sure: bool) -> Iterator[str]:
    change = step.change
    place, wrap = _way(change, params)
    yield f"# {'-' * 100}"
    yield f"# {number} of {of}, {step.stage}, on {change.machine} ({place})"
    yield _comment(change.why)
    yield _comment(difference(change), "  ")
    command = change.command
    for secret in dict.fromkeys(REFERENCE.findall(str(change.data()))):
        yield _comment(f"{secret} is read where the command runs: see that it is there")
    unknown = UNKNOWN.search(command)
    if unknown:
        word = f"what is known after {unknown[1]}" if unknown[1] else unknown[0]
        command = UNKNOWN.sub(lambda m: "FILL_IN" if m[1] else m[0], command)
        yield _comment("Known only later: fill it in below, then remove the next line.")
        yield f"stop {shlex.quote(f'fill in {word} in step {number}')}"
    if change.loses and sure:
        yield f"sure {shlex.quote(change.loses)}"
    yield f"say {shlex.quote(f'{number}/{of} on {change.machine}: {change.why}')}"
    yield wrap(_with_files(change, command))


def _way(change: Change, params: World) -> tuple[str, Any]:
    """Where the commands of `change` are typed, in words, and what makes one of that a command to type here."""
    command = change.command
    if params.is_lab:
        if command.startswith("./runbook "):
            return "here", _here
        at = SEAT if change.machine == "tailnet" else change.machine
        key = ["env", "TS_API_KEY=$TS_API_KEY"] if change.machine == "tailnet" else []
        argv = shlex.join(["./runbook", "lab", "exec", at, "--", *key, "sh", "-c"])
        argv = argv.replace("'TS_API_KEY=$TS_API_KEY'", '"TS_API_KEY=$TS_API_KEY"')
        return "in the lab", lambda typed: f"{argv} {shlex.quote(typed)}"
    via = ways(params).get(change.machine, "local")
    if via == "local" or change.machine == "tailnet" or command.startswith("xdg-open "):
        return "here", _here
    argv = shlex.join(_remote(parse(via)))
    return via, lambda typed: f"{argv} {shlex.quote(_careful(typed))}"


def _remote(at: Address) -> list[str]:
    """The command that runs what follows on another machine; with a terminal, so that sudo may ask."""
    if at.way == "tailscale":
        return ["tailscale", "ssh", at.destination]
    return ["ssh", "-t", *(["-p", str(at.port)] if at.port else []), at.destination]


def _careful(typed: str) -> str:
    return f"set -eu\n{typed}" if "\n" in typed or "$" in typed else typed


def _here(typed: str) -> str:
    """What changes the folder or the umask must not do so for the commands that follow."""
    return f"(\n{typed}\n)" if OWN_SHELL.search(typed) else typed


def _with_files(change: Change, command: str) -> str:
    """`command` with the files that it reads from the folder where it is typed."""
    beside = getattr(resource(change.resource), "beside", None)
    if beside is None:
        return command
    puts = [
        f"cat >{shlex.quote(name)} <<'EOF'\n{text.rstrip()}\nEOF"
        for name, text in beside(change.after).items()
    ]
    return "\n".join(['cd "$(mktemp -d)"', *puts, command])


def _comment(words: str, margin: str = "") -> str:
    return "\n".join(f"# {margin}{line}".rstrip() for line in words.splitlines())
