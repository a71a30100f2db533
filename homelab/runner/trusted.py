"""The notebooks that we ship are trusted by the JupyterLab that `open` starts, or their drawings would be words there.

JupyterLab shows HTML and SVG outputs of a notebook that it did not see made as plain text, until somebody trusts
it: such an output may carry a script. Ours are those of this checkout's last commit, whose code the reader runs
anyway; a file that differs from it stays untrusted, as whoever changed it may have brought outputs of their own.
https://jupyter-server.readthedocs.io/en/stable/operators/security.html#security-in-notebook-documents
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from homelab import stages
from homelab.runner.no_grammar import without_grammar

PATIENCE = 10  # seconds for git; it needs hundredths


def trust_shipped(data: Path) -> list[str]:
    """Sign the notebooks that are as this checkout's last commit has them, in the database of Jupyter's folder `data`.

    Returns the names that were signed now; nothing where there is no git, or it will not have this folder.
    """
    signed = data / "trusted"  # the contents that are in the database already: a look at them takes a second
    known = set(signed.read_text().split()) if signed.exists() else set()
    new = {name: content for name, content in _as_shipped(stages.NOTEBOOKS).items() if content not in known}
    if not new:
        return []
    with without_grammar():
        import nbformat
        from nbformat.sign import NotebookNotary
    data.mkdir(parents=True, exist_ok=True)
    notary = NotebookNotary(data_dir=str(data))  # type: ignore[no-untyped-call]
    for name in new:
        notary.sign(nbformat.read(stages.NOTEBOOKS / name, as_version=4))  # type: ignore[no-untyped-call]
    signed.write_text("\n".join(sorted(known | set(new.values()))) + "\n")
    return sorted(new)


def _as_shipped(folder: Path) -> Mapping[str, str]:
    """The notebooks in `folder` which are as the last commit has them, each with git's name for its content."""
    tree, changed = (
        _git(folder, "ls-tree", "-z", "HEAD", "./"),
        _git(folder, "diff", "-z", "--name-only", "--relative", "HEAD", "./"),
    )
    if tree is None or changed is None:
        return {}
    entries = [line.partition("\t") for line in tree.split("\0") if line]
    return {
        name: about.split()[2]
        for about, _, name in entries
        if name.endswith(".ipynb") and name not in changed.split("\0")
    }


def _git(folder: Path, *words: str) -> str | None:
    """What git says, or nothing."""
    if not shutil.which("git"):
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
