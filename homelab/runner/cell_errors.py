"""An IPython extension that ``open`` gives to JupyterLab's kernels: what a learner meets is a sentence, not a traceback.

A name that an earlier cell makes: which cell. An error of ours: its words and its hint. A lab that is gone: how to
get it again. All else shows as ever; ``%tb`` shows the whole traceback of any. Runs without JupyterLab have none of this.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from homelab import labsocket
from homelab.errors import HomelabError, nearest
from homelab.runner import cells
from homelab.secret import mask

LAB = "HOMELAB_LAB"
RED, DIM, PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def load_ipython_extension(shell: Any) -> None:
    """Let `shell` say these errors in our words."""
    shell.set_custom_exc((NameError, HomelabError, AssertionError, KeyboardInterrupt), _shown)


def _shown(shell: Any, kind: type, error: Any, trace: TracebackType | None, tb_offset: Any = None) -> Any:
    """Show `error`, as IPython has it done by a method of its own."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace  # for %tb
    text = mask(_words(shell, error, trace))
    if not text:
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    else:
        first, *rest = text.splitlines()
        lines = [f"{RED}{first}{PLAIN}", *rest]
    shell._showtraceback(kind, mask(str(error)), lines)
    return lines


def _words(shell: Any, error: Any, trace: TracebackType | None) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Stopped. What was done before stands: run the cell again, and it goes on from there."
    if isinstance(error, HomelabError):
        return gone() or str(error)
    if isinstance(
        error, AssertionError
    ):  # of what an earlier cell has found, perhaps where nothing was any more
        return gone()
    while trace and trace.tb_next:
        trace = trace.tb_next
    if not trace or trace.tb_frame.f_globals is not shell.user_ns or isinstance(error, UnboundLocalError):
        return ""  # a mistake of ours, in a module
    return unknown(error.name or "", _cell_of(shell), set(shell.user_ns))


def _cell_of(shell: Any) -> tuple[str, str]:
    """The id, where the page tells it, and the text of the cell that runs."""
    told = shell.kernel.get_parent("shell").get("metadata", {}) if hasattr(shell, "kernel") else {}
    return told.get("cellId", ""), shell.history_manager.input_hist_raw[-1]


def unknown(name: str, running: tuple[str, str], known: set[str]) -> str:
    """What to do about `name`, which the cell `running` (its id and its text) needs; nothing where no notebook is known."""
    found = cells.read(Path(os.environ.get(labsocket.NOTEBOOK, "")))
    if not found:
        return ""
    identity, text = running
    here = next((c for c in found if c.id == identity), None) or next(
        (c for c in found if c.source.strip() == text.strip()), None
    )
    # A cell that is new, or was changed and not saved yet, counts as the last one.
    asked = cells.Cell(here.number if here else len(found) + 1, "", text, needs=frozenset({name}))
    maker = cells.makes(name, asked, found)
    if not maker:
        own = {n for n in known if not n.startswith("_")} | {n for c in found for n in c.makes}
        return (
            f"No cell of this notebook makes {name!r}.\nHint: {nearest(name, own) or 'is it spelled right?'}"
        )
    first = cells.before(here or asked, found, known)
    if len(first) < 2:
        return (
            f"This cell needs {name!r}, which another one makes. Run that one first, and then this one again:\n"
            f"  {maker}"
        )
    lines = "\n".join(f"  {cell}" for cell in first)
    return (
        f"This cell needs {name!r}, which code cell {maker.number} makes. Run these first, in this order, and then this one again:\n{lines}\n"
        f"{DIM}All at once: Run → Run All Above Selected Cell{PLAIN}"
    )


def gone() -> str:
    """What to do where the lab that JupyterLab was opened in answers no more; nothing while it does."""
    path = os.environ.get(LAB, "")
    if not path:
        return ""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(2)
        try:
            sock.connect(path)
        except OSError:
            return f"{labsocket.GONE}.\nHint: {labsocket.again()}"
    return ""
