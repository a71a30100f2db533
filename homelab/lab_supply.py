"""Images for the lab's hub: the lab's own program builds what is missing and lets the hub offer it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from homelab.errors import EXIT_NOT_STARTED, LabError, PrerequisiteMissing
from homelab.lab_lease import CHECKOUT, LAB


def supply(socket: Path | str, *refs: str) -> str:
    """Let the hub of the lab at `socket` offer `refs`; the line that says what it offers now.

    How far a build is goes to standard error. ``docker-compose`` stands for the plugin.

    Raises:
        PrerequisiteMissing: there is no such image, or what a build needs is missing.
        LabError: a build or the lab failed.
    """
    return _told(socket, "supply", *refs)


def publish(socket: Path | str, ref: str, tag: str) -> str:
    """Let the hub's `tag` name what `ref` names, as when a release comes out; the line that says so.

    Raises:
        PrerequisiteMissing: the hub does not offer `ref`.
        LabError: the lab failed.
    """
    return _told(socket, "hub", "tag", ref, tag)


def _told(socket: Path | str, *words: str) -> str:
    """What the lab's own program prints; how far a build is goes to standard error."""
    process = subprocess.Popen(
        [*LAB, *words],
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_LAB": str(socket)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stdout
    assert process.stderr
    said = []
    with process:
        for line in process.stderr:
            if "\u2026" in line or ": done after" in line:
                print(line, end="", file=sys.stderr, flush=True)
            else:
                said.append(line)
        offered = process.stdout.read().strip()
    if process.returncode:
        kind = PrerequisiteMissing if process.returncode == EXIT_NOT_STARTED else LabError
        what, _, hint = "".join(said).strip().rpartition("\nHint: ")
        raise kind(what or hint, hint=hint if what else "")
    return offered
