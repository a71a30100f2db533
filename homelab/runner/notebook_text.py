"""A notebook's text while it is executed: a save writes all of it, and makes anew only what has changed."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any

from nbformat.v4.rwbase import split_lines

from homelab.runner.blot import blot
from homelab.secret import revealed

EMPTY = ' "cells": [],\n'  # the first key, as keys are sorted


class NotebookText:
    """The same text as ``nbformat.writes`` makes, which validates and copies all cells every time (0.1 s)."""

    def __init__(self) -> None:
        self._cells: list[str] = []
        self._hidden: list[str] = []

    def of(self, notebook: Any, changed: int | None = None) -> str:
        """The text of `notebook`, which is masked in place.

        Only the cell with the index `changed` differs from the last time; None: any may.
        """
        cells, hidden = notebook["cells"], revealed()
        if changed is None or len(cells) != len(self._cells) or hidden != self._hidden:
            self._cells = [_cell(cell) for cell in cells]
            self._hidden = hidden
        else:
            self._cells[changed] = _cell(cells[changed])
        rest = {key: blot(value) for key, value in notebook.items() if key != "cells"}
        text = _json({**rest, "cells": []})
        if not self._cells:
            return text
        return text.replace(EMPTY, ' "cells": [\n' + ",\n".join(self._cells) + "\n ],\n", 1)


def _cell(cell: Any) -> str:
    one = SimpleNamespace(cells=[copy.deepcopy(blot(cell))])
    (split,) = split_lines(one).cells  # type: ignore[no-untyped-call]
    split["metadata"].pop("trusted", None)
    return "  " + _json(split).replace("\n", "\n  ")


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, separators=(",", ": "), ensure_ascii=False)
