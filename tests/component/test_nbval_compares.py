"""nbval compares plans by their words: a character that changed fails, a length of time or a picture does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.pictures.embedded import embedded
from homelab.runner.suite import NOTEBOOKS

SHOW = "from IPython.display import display\ndisplay({!r}, raw=True)"


def plan(words: str, kind: str, drawing: str) -> dict:
    return {
        "text/plain": words,
        "text/html": embedded(f"<svg>{drawing}</svg>", words),
        "application/vnd.homelab+json": {"v": 1, "kind": kind, "changes": [words]},
    }


@pytest.mark.parametrize(
    ("now", "kind", "fails"),
    [
        ("$ sudo tailscale up  0.4 s", "plan", False),
        ("$ sudo tailscale uq  0.2 s", "plan", True),
        ("$ sudo tailscale uq  0.2 s", "check", False),
    ],
)
def test_a_cell_of_plans(tmp_path: Path, now: str, kind: str, fails: bool) -> None:
    if os.geteuid():
        pytest.skip("plans are committed as root's lab has them")
    output = {
        "output_type": "display_data",
        "metadata": {},
        "data": plan("$ sudo tailscale up  0.2 s", kind, "old"),
    }
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "plan",
        "metadata": {},
        "outputs": [output],
        "source": SHOW.format(plan(now, kind, "new")),
    }
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(book))
    env = {key: value for key, value in os.environ.items() if key != "HOMELAB_LAB"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *NOTEBOOKS, "-pno:cacheprovider", str(tmp_path / "a.ipynb")],
        cwd=Path(__file__).resolve().parents[2],
        env={**env, "HOMELAB_STATE": str(tmp_path / "s")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == int(fails), done.stdout + done.stderr
    assert ("Cell outputs differ" in done.stdout) == fails
