"""A dollar is a dollar: Jupyter's pages set what stands between two of them as a formula, even where Markdown escapes them."""

from __future__ import annotations

import json
import re

import pytest

from homelab import stages
from homelab.record import table
from homelab.runner.records import plain_text

CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


@pytest.mark.parametrize("stage", stages.names())
def test_prose_has_no_two_dollars_in_one_paragraph(stage) -> None:
    """JupyterLab pairs escaped ones, too, nbconvert even those in tags of their own: two sums are told in words."""
    notebook = json.loads(stages.notebook(stage).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in CODE.sub("", plain_text(cell["source"])).splitlines():
                assert line.count("$") == line.count("\\$") <= 1, f"{cell['id']}: {line}"


def test_tables_are_no_formulas_for_either_mathjax() -> None:
    assert '<table class="tex2jax_ignore mathjax_ignore">' in table(["a"], [["$1 of $2"]])
