"""The code cells of a notebook: what each makes, what it needs, and so which must run before another."""

from __future__ import annotations

import builtins
import json
import re
import symtable
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
OF_JUPYTER = re.compile(r"^\s*[%!?].*$|^.*[^;\s]\?$", re.MULTILINE)  # no Python: they make no names
GIVEN = frozenset(dir(builtins)) | {"get_ipython", "display", "In", "Out", "exit", "quit"}


@dataclass(frozen=True)
class Cell:
    """A code cell: the `number`-th one, under `heading`; the names that it makes, and those that it takes from others."""

    number: int
    heading: str
    source: str
    id: str = ""
    makes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()

    def __str__(self) -> str:
        under = f", under “{self.heading}”" if self.heading else ""
        return f"code cell {self.number}{under}: {self.begins}"

    @property
    def begins(self) -> str:
        """Its first line, by which one finds it on the page."""
        return next((line.strip() for line in self.source.splitlines() if line.strip()), "")


def read(path: Path) -> list[Cell]:
    """The code cells of the notebook at `path`, as it was saved last; none if it cannot be read."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    found: list[Cell] = []
    heading = ""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found.append(_cell(len(found) + 1, heading, source, cell.get("id", "")))
        elif headings := HEADING.findall(source):
            heading = headings[-1].replace("*", "").replace("`", "")
    return found


def before(here: Cell, cells: Sequence[Cell], known: Container[str]) -> list[Cell]:
    """What has to run before `here` can, in order, where the names `known` are there already."""
    found: dict[int, Cell] = {}
    todo = [here]
    while todo:
        cell = todo.pop()
        for name in cell.needs:
            maker = None if name in known else makes(name, cell, cells)
            if maker and maker.number not in found and maker.number != here.number:
                found[maker.number] = maker
                todo.append(maker)
    return [found[number] for number in sorted(found)]


def makes(name: str, here: Cell, cells: Sequence[Cell]) -> Cell | None:
    """The cell that `here` has `name` from: the last one above it that makes it, else the first one below."""
    makers = [c for c in cells if name in c.makes and c.number != here.number]
    above = [c for c in makers if c.number < here.number]
    return above[-1] if above else next(iter(makers), None)


def _cell(number: int, heading: str, source: str, name: str) -> Cell:
    try:
        top = symtable.symtable(OF_JUPYTER.sub("pass", source), "cell", "exec")
    except SyntaxError:
        return Cell(number, heading, source, name)
    symbols = top.get_symbols()
    made = frozenset(s.get_name() for s in symbols if s.is_assigned() or s.is_imported())
    needed = frozenset(_asked(top)) - made - GIVEN
    return Cell(number, heading, source, name, made, needed)


def _asked(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that a piece of code takes from around the whole of it."""
    whole = table.get_type() == "module"
    yield from (s.get_name() for s in table.get_symbols() if s.is_referenced() and (whole or s.is_global()))
    for part in table.get_children():
        yield from _asked(part)
