"""Which cell of a notebook makes what: every name that a cell of ours takes, an earlier one makes."""

from __future__ import annotations

import json

import pytest

from homelab import stages
from homelab.runner import cells


@pytest.mark.parametrize("stage", stages.names())
def test_every_notebook_runs_from_the_top_down(stage) -> None:
    found = cells.read(stages.notebook(stage))
    assert found
    for cell in found:
        for name in cell.needs:
            maker = cells.makes(name, cell, found)
            assert maker, f"{name} in {cell}"
            assert maker.number < cell.number, f"{name} in {cell}"


def test_names_in_functions_loops_and_commands_count(tmp_path) -> None:
    path = tmp_path / "n.ipynb"
    sources = [
        "import a.b as c\nfor i in range(3):\n    [j for j in c.d(i)]",
        "%matplotlib inline\n!ls\ndef f(x):\n    return x + late\nwith c.e() as g: pass",
        "late = f(i); print(late)\nworld?",
        "(((",
    ]
    made = [{"cell_type": "markdown", "source": ["# Top\n", "## *Under*"]}]
    made += [{"cell_type": "code", "source": s, "id": str(n)} for n, s in enumerate(sources)]
    path.write_text(json.dumps({"cells": made}))
    one, two, three, broken = cells.read(path)
    assert (one.makes, one.needs) == ({"c", "i"}, set())
    assert (two.makes, two.needs) == ({"f", "g"}, {"late", "c"})
    assert (three.makes, three.needs) == ({"late"}, {"f", "i"})
    assert (broken.makes, broken.needs) == (set(), set())
    assert cells.before(three, [one, two, three], set()) == [one, two]
    assert cells.before(three, [one, two, three], {"f", "i"}) == []
    assert str(two) == "code cell 2, under “Under”: %matplotlib inline"


def test_what_is_no_notebook_has_no_cells(tmp_path) -> None:
    (tmp_path / "x").write_text("{")
    assert cells.read(tmp_path / "x") == cells.read(tmp_path) == []
