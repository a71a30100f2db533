"""``./runbook test``: all layers in one pytest call, so that its last line tells it all."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# Notebooks run by nbval in this very environment: errors fail, and outputs only where a cell asks for it.
NOTEBOOKS = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600", "-phomelab.runner.compared")
# Two files at a time (pytest-xdist), each whole and in the order of the layers: the tests of a file share a lab.
TWO = ("-n2", "--dist=loadfile", "--no-loadscope-reorder")


def command(arguments: Sequence[str]) -> list[str]:
    """The pytest call for `arguments`; tests that they name replace the whole suite."""
    named = any(not word.startswith("-") and Path(word.partition("::")[0]).exists() for word in arguments)
    if "--bench" in arguments:
        what = [] if named else ["tests/benchmarks"]
        return [sys.executable, "-m", "pytest", "-s", *what, *arguments]
    # The long and heavy want the machine for themselves.
    two = TWO if len(os.sched_getaffinity(0)) > 1 and "--nightly" not in arguments else ()
    return [
        sys.executable,
        "-m",
        "pytest",
        *NOTEBOOKS,
        *([] if named else [*two, "notebooks", "tests"]),
        *arguments,
    ]


def test(arguments: Sequence[str]) -> int:
    """Become pytest, in the checkout; its exit status is ours."""
    os.chdir(CHECKOUT)
    words = command(arguments)
    os.execv(words[0], words)
