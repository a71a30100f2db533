"""llama.cpp's OpenAI-compatible server on a machine, for its tailnet only: a process in the background.

It listens on the address that the machine has in the tailnet, and on no other: it asks nobody who they
are, so whom the tailnet lets through is who may use it.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from homelab.errors import HomelabError
from homelab.llm import model
from homelab.llm.engine import Description
from homelab.llm.host_load import cpu_of
from homelab.machine import Machine
from homelab.resources.llm_program import MODEL, PROGRAM
from homelab.wait import until

START = 120.0  # seconds to load a model
SAYS, LOG = "server.json", "server.log"
ADDRESS = '"$(tailscale ip -4)"'


@dataclass(frozen=True)
class State:
    """Whether the server from `folder` runs: on `port`, with `context` tokens for each of `slots` requests at once."""

    folder: str
    port: int
    running: bool
    context: int = 2048
    slots: int = 1
    threads: int = 2


def read(machine: Machine, name: str) -> State:
    """Is the process alive that the folder's ``server.json`` names, and what was it started with? `name`: port, folder."""
    port, _, folder = name.partition(" ")
    told = says(machine, folder)
    words = (machine.read_text(f"/proc/{told.get('pid', 0)}/cmdline") or "").split("\0")
    given = dict(pairwise(words))
    if PROGRAM not in words or given.get("--port") != port:
        return State(folder, int(port), False)
    return State(
        folder,
        int(port),
        True,
        int(given["--context"]),
        int(given["--slots"]),
        int(given["--threads"]),
    )


def says(machine: Machine, folder: str) -> dict[str, Any]:
    """The program's first line, as JSON: where it listens, its version and build; empty where none was started."""
    try:
        return dict(json.loads(machine.read_text(f"{folder}/{SAYS}") or "{}"))
    except ValueError:
        return {}  # it is just being written


def command(before: State, after: State) -> list[str]:
    """Start it in a session of its own; or end it. One with other settings is ended first."""
    stop = [_stop(before)] if before.running else []
    return ["sh", "-c", "\n".join([*stop, *([_start(after)] if after.running else [])])]


def _start(state: State) -> str:
    run = (
        f"exec python3 {PROGRAM} {MODEL} --name smollm2 --host {ADDRESS} --port {state.port}"
        f" --context {state.context} --slots {state.slots} --threads {state.threads} --waiting passive --stay"
    )
    return f"cd {shlex.quote(state.folder)} && setsid -f sh -c {shlex.quote(run)} >{SAYS} 2>{LOG} </dev/null"


def _stop(state: State) -> str:
    at = shlex.quote(state.folder)
    pid = f"$(sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p' {at}/{SAYS})"
    return f"pid={pid}; kill $pid && while kill -0 $pid 2>/dev/null; do sleep 0.05; done; rm -f {at}/{SAYS}"


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the model is loaded and the server listens.

    Raises:
        CommandFailed: it cannot be started or ended.
        HomelabError: it ended while it loaded, with its last words.
        WaitTimeout: it loads for longer than two minutes.
    """
    machine.run(["sh", "-ec", command(before, after)[2]]).ok()
    if not after.running:
        return

    def look() -> dict[str, Any]:
        told = says(machine, after.folder)
        if not told and not machine.run(["pgrep", "-f", f"{PROGRAM} {MODEL}.*--port {after.port} "]):
            said = (machine.read_text(f"{after.folder}/{LOG}") or "").strip().splitlines()
            raise HomelabError(
                f"the server ended at once: {said[-1] if said else 'it said nothing'}",
                machine.name,
                f"look into {after.folder}/{LOG}",
            )
        return told

    until(look, bool, "the server to load its model", START, where=machine.name)


def description(machine: Machine, folder: str) -> Description:
    """What the server says of itself, for `homelab.llm.openai.OpenAI`."""
    told, of = says(machine, folder), model.bundled()  # it was copied from here
    return Description(
        "xllamacpp (llama.cpp)",
        model=of.name,
        sha256=of.sha256,
        kv=of.kv,
        version=str(told.get("version", "")),
        build=f"{told.get('flags', '')} waiting {told.get('waiting', '')}".strip(),
        context=int(told.get("context", 0)),
        slots=int(told.get("slots", 1)),
        threads=int(told.get("threads", 0)),
        device="CPU" if str(told.get("flags", "")).startswith("CPU") else "",
    )


def cpu(machine: Machine, folder: str) -> float | None:
    """Processor seconds of the server so far; None where it is gone."""
    stat = machine.read_text(f"/proc/{says(machine, folder).get('pid', 0)}/stat")
    return cpu_of(stat) if stat else None
