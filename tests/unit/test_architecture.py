"""Arrows point one way, and the shared library stays small."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOMELAB = ROOT / "homelab"
LEAVES = {"homelab.errors", "homelab.yamldoc", "homelab.labsocket", "homelab.lab_idle"}
LIBRARY = [p for p in HOMELAB.rglob("*.py") if not {"lab", "runner"} & set(p.relative_to(HOMELAB).parts[:1])]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "homelab"}


@pytest.mark.parametrize("path", sorted((HOMELAB / "lab").glob("*.py")), ids=lambda p: p.name)
def test_the_lab_imports_only_the_leaves(path: Path) -> None:
    allowed = {"homelab", "homelab.lab", "homelab.__version__"} | LEAVES
    strange = {
        name
        for name in _imports(path)
        if name not in allowed and not name.startswith(("homelab.lab.", *(f"{leaf}." for leaf in LEAVES)))
    }
    assert not strange


def test_nobody_imports_the_lab() -> None:
    outside = [*LIBRARY, *(HOMELAB / "runner").glob("*.py")]
    guilty = [
        p.name
        for p in outside
        if any(n == "homelab.lab" or n.startswith("homelab.lab.") for n in _imports(p))
    ]
    assert not guilty


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_leaves_import_nothing_but_errors(leaf: str) -> None:
    found = _imports(ROOT / (leaf.replace(".", "/") + ".py"))
    assert {n for n in found if not n.startswith("homelab.errors")} == set()


@pytest.mark.parametrize(
    ("layer", "below"),
    [
        ("resources", ("stages", "runner", "pictures", "checks")),
        ("checks", ("stages", "runner")),
        ("pictures", ("stages", "runner", "world")),
        ("stages", ("runner",)),
    ],
)
def test_arrows_point_down(layer: str, below: tuple[str, ...]) -> None:
    for path in (HOMELAB / layer).glob("*.py"):
        for name in _imports(path):
            assert not name.startswith(tuple(f"homelab.{b}." for b in below)), f"{path.name} imports {name}"


def test_the_library_is_as_small_as_the_readme_says() -> None:
    lines = sum(len(p.read_text().splitlines()) for p in LIBRARY)
    said = re.search(r"shared library is (?:about )?([\d,]+) lines", (ROOT / "README.md").read_text())
    assert said, "README.md says how many lines the shared library has"
    assert lines <= int(said[1].replace(",", "")), f"README says {said[1]}, counted {lines}"


def test_no_file_asks_to_be_split() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for pattern in ("*.py", "*.go")
        for p in [*HOMELAB.rglob(pattern), *(ROOT / "tests").rglob(pattern)]
        if (n := len(p.read_text().splitlines())) > 400
    }
    assert not long


def test_machines_are_made_behind_a_guard() -> None:
    """Planning changes nothing: who makes a machine of its own would plan past the guard of its world."""
    # The first's are guarded by who asks for them; the windows into the lab are no part of a plan.
    makers = {"home.py", "world.py", "this_machine.py", "window_places.py"}
    kinds = re.compile(r"(?<!class )\b(?:LocalMachine|SshMachine|LabMachine)\(")
    outside = [*LIBRARY, *(HOMELAB / "runner").rglob("*.py")]
    guilty = {p.name for p in outside if p.name not in makers and kinds.search(p.read_text())}
    assert not guilty
