"""The stages: one chapter a module, one notebook a chapter, in the order of their numbers.

A stage module has ``Params`` (its parameters with their defaults, a pydantic model), what it
wants, what it needs, and its checks.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

from homelab.errors import ParamsError, Problem, nearest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def names() -> list[str]:
    """The stages that have a notebook, such as ``00_welcome``, in order."""
    return sorted(p.stem for p in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def find(word: str) -> str:
    """The stage that `word` means: ``03_enrollment``, ``enrollment``, ``03`` and ``3`` are the same.

    Raises:
        ParamsError: no stage is called so.
    """
    known = names()
    for name in known:
        if word in (name, name[3:], name[:2], str(int(name[:2]))):
            return name
    near = nearest(word, [*known, *(n[3:] for n in known)])
    raise ParamsError(
        [Problem(word, "is not a stage", near if "mean" in near else f"known: {', '.join(known)}")]
    )


def module(name: str) -> ModuleType:
    """The module of the stage ``NN_name``."""
    return importlib.import_module(f"homelab.stages.{name[3:]}")


def notebook(name: str) -> Path:
    """The notebook of the stage ``NN_name``."""
    return NOTEBOOKS / f"{name}.ipynb"


def title(name: str) -> str:
    """What the notebook of the stage ``NN_name`` is called."""
    cells = json.loads(notebook(name).read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ").replace("`", "")
