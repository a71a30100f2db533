"""JupyterLab shows the drawings of the notebooks that we ship, and of no file that somebody has changed."""

from __future__ import annotations

import shutil
import subprocess

import nbformat
import pytest
from nbformat import v4
from nbformat.sign import NotebookNotary

from homelab import stages
from homelab.runner.trusted import trust_shipped

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="what was shipped is known from git")


def write(path, words: str) -> None:
    drawn = v4.new_output("display_data", {"text/html": f"<b>{words}</b>"})
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("draw()", outputs=[drawn], id="it")]), path)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    for name in ("00_one", "01_two"):
        write(folder / f"{name}.ipynb", name)

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "as shipped")
    monkeypatch.setattr(stages, "NOTEBOOKS", folder)
    return folder


def trusted(path, data) -> bool:
    return bool(NotebookNotary(data_dir=str(data)).check_signature(nbformat.read(path, as_version=4)))


def test_what_is_as_committed_is_trusted_and_what_somebody_changed_is_not(shipped, tmp_path) -> None:
    data, one, two = tmp_path / "data", shipped / "00_one.ipynb", shipped / "01_two.ipynb"
    write(two, "<script>")
    write(shipped / "02_brought.ipynb", "from elsewhere")
    assert trust_shipped(data) == ["00_one.ipynb"]
    assert trusted(one, data)
    assert not trusted(two, data)
    assert not trusted(shipped / "02_brought.ipynb", data)
    assert trust_shipped(data) == [], "once is enough"
    write(two, "01_two")
    assert trust_shipped(data) == ["01_two.ipynb"]
    assert trusted(two, data)


def test_without_git_nothing_is_trusted(shipped, tmp_path) -> None:
    shutil.rmtree(shipped.parent / "notebooks" / ".git")
    assert trust_shipped(tmp_path / "data") == []
