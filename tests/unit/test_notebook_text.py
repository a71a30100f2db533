"""A notebook's text is what nbformat writes, though only what has changed is made anew."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from homelab.runner import notebook_text
from homelab.secret import MASK, conceal


def book():
    shown = new_output(
        "display_data", {"text/plain": "a\nb", "image/png": "cafe", "application/y+json": {"k": [1, "ü\n"]}}
    )
    cells = [
        new_markdown_cell("# Title\n\nwords"),
        new_code_cell("a = 1\na", outputs=[new_output("stream", text="one\ntwo\n"), shown]),
        new_code_cell("b"),
    ]
    return new_notebook(cells=cells, metadata={"papermill": {"start_time": "now"}})


def test_it_is_what_nbformat_writes() -> None:
    for notebook in (book(), new_notebook()):
        assert notebook_text.NotebookText().of(notebook) == nbformat.writes(notebook)


def test_only_the_changed_cell_is_made_anew_and_the_rest_stays(monkeypatch) -> None:
    notebook, text = book(), notebook_text.NotebookText()
    text.of(notebook)
    made, own = [], notebook_text._cell
    monkeypatch.setattr(notebook_text, "_cell", lambda cell: made.append(cell) or own(cell))
    notebook.cells[2].outputs.append(new_output("stream", text="three"))
    notebook.metadata.papermill["exception"] = True
    assert text.of(notebook, changed=2) == nbformat.writes(notebook)
    assert made == [notebook.cells[2]]


def test_a_secret_that_became_known_later_is_masked_in_what_was_there_before(monkeypatch) -> None:
    monkeypatch.setattr("homelab.secret._revealed", set())
    notebook, text = book(), notebook_text.NotebookText()
    notebook.cells[1].outputs[0].text = "the word is swordfish-47"
    assert "swordfish-47" in text.of(notebook)
    conceal("swordfish-47")
    after = text.of(notebook, changed=2)
    assert "swordfish-47" not in after
    assert MASK in after
