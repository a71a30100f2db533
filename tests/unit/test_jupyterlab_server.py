"""JupyterLab is loaded before it is told what it needs, and without what takes longest and nobody asks."""

from __future__ import annotations

import json
import subprocess
import sys


def server(told: str) -> subprocess.CompletedProcess[str]:
    # -P and a word that JupyterLab answers at once: nothing listens
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-P",
        "-m",
        "homelab.runner.jupyterlab_server",
        "--version",
    ]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=True)


def test_it_begins_with_what_it_is_told_and_has_no_grammar() -> None:
    done = server(json.dumps({"JUPYTER_TOKEN": "t"}) + "\n")
    assert done.stdout.startswith("4.")
    assert " jsonschema._format\n" in done.stderr
    assert "lark" not in done.stderr, "2 s of 5"


def test_it_never_begins_where_there_was_no_lab() -> None:
    assert server("").stdout == ""
