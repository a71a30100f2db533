"""``python -m homelab.runner.warm FD``: a process that has loaded what notebooks import, and is copied for each kernel.

To load ipykernel, matplotlib and our own modules takes a second of work; a copy of a process that has done so takes
hundredths. What is copied is nothing but loaded modules: this process opens no world, reveals no secret, connects to
nobody, has one thread, and has made no context of ZeroMQ's. A kernel sets up for itself whatever a process of its own
would have had: session, signals, folder, environment, seeds of random numbers.

It listens at the socket `FD` for JSON: ``{"load": PATH}`` loads what a notebook imports, and ``{"often": true}`` what
many import later; ``{"argv", "env", "cwd"}`` with the descriptor of a pipe for its words makes a kernel and answers
``{"pid"}``; ``{"reap": PID}`` forgets one that has ended. All of them end with it, and it ends with its runner.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ipykernel import kernelapp

from homelab.runner.tied import PR_SET_PDEATHSIG

LARGEST = 1 << 16  # bytes of a message
# What most notebooks come to need, and import only where they do: the admin API, Docker, pictures.
OFTEN = (
    "docker",
    "homelab.checks.mtu",
    "homelab.checks.public",
    "homelab.engine.over_ssh",
    "homelab.pictures.topology",
    "homelab.policy.policyfile",
    "homelab.reach.probe",
    "homelab.web.adapter",
    "homelab.web.connector",
    "matplotlib.backends.backend_svg",
    "tailscale",
)


def main(descriptor: int) -> None:
    """Serve until the runner hangs up; in a copy, be the kernel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to hear
    with socket.socket(fileno=descriptor) as wire:
        wanted = _serve(wire)
    if wanted is not None:
        sys.argv = ["ipykernel_launcher", *wanted]
        kernelapp.launch_new_instance()


def _serve(wire: socket.socket) -> list[str] | None:
    """The arguments of the kernel that this process has become, in a copy; None at the end."""
    while True:
        text, pipes, _, _ = socket.recv_fds(wire, LARGEST, 1)
        if not text:
            return None
        asked: dict[str, Any] = json.loads(text)
        if "load" in asked:
            load(Path(asked["load"]))
        elif "often" in asked:
            for name in OFTEN:
                _loaded(ast.parse(f"import {name}").body[0])
        elif "reap" in asked:
            os.waitpid(asked["reap"], 0)
        else:
            gc.freeze()  # what is shared stays shared: nobody marks it
            here = os.getpid()
            if (pid := os.fork()) == 0:
                _settle_in(here, pipes[0], asked["env"], asked["cwd"])
                return list(asked["argv"])
            os.close(pipes[0])
            wire.send(json.dumps({"pid": pid}).encode())


def load(notebook: Path) -> None:
    """Do the imports of `notebook`; one that fails will say so when its cell is executed."""
    for statement in imports(json.loads(notebook.read_text(encoding="utf-8"))):
        _loaded(statement)


def _loaded(statement: ast.stmt) -> None:
    with contextlib.suppress(Exception, SystemExit):
        exec(compile(ast.Module([statement], []), "import", "exec"), {})


def imports(notebook: Mapping[str, Any]) -> Iterator[ast.stmt]:
    """The import statements of the cells, those for a special case left out: they are indented."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        try:
            statements = ast.parse("".join(cell["source"])).body
        except SyntaxError:  # a magic, say
            continue
        yield from (s for s in statements if isinstance(s, ast.Import | ast.ImportFrom))


def _settle_in(parent: int, words: int, environment: Mapping[str, str], folder: str) -> None:
    """What distinguishes a process of its own from a copy of `parent`."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)  # a copy does not inherit it
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(words, 1)
    os.dup2(words, 2)
    os.close(words)
    os.environ.update(environment)
    os.chdir(folder)
    gc.unfreeze()
    if numbers := sys.modules.get("numpy.random"):  # Python's own are seeded anew by itself
        numbers.seed()


if __name__ == "__main__":
    main(int(sys.argv[1]))
