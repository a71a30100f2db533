"""Whoever stops reading ends nothing, and is shown no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def _ended(*words: str, code: str = "") -> tuple[int, str]:
    """Exit status, and what it says on standard error, of a call whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-c", code] if code else [sys.executable, "-m", "homelab", *words]
    try:
        done = subprocess.run(
            argv, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, cwd=CHECKOUT
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


def test_a_command_whose_output_nobody_reads_ends_as_it_would() -> None:
    assert _ended("help") == (0, "")


def test_what_it_does_is_done_to_its_end(tmp_path: Path) -> None:
    code = (
        "from homelab.runner.broken_pipe import endure; endure()\n"
        "for n in range(3): print('x' * 100000, flush=True)\n"
        f"print('to the last'); open({str(tmp_path / 'done')!r}, 'w').close()"
    )
    assert _ended(code=code) == (0, "")
    assert (tmp_path / "done").exists()


def test_without_it_that_is_a_traceback() -> None:
    """Or else the tests above show nothing."""
    status, said = _ended(code="print('x' * 100000, flush=True)")
    assert status
    assert "BrokenPipeError" in said
