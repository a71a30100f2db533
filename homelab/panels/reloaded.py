"""What a panel says once its page was loaded anew: from then on, nothing that an older cell tells reaches that page.

JupyterLab forgets at a reload which outputs a kernel may still change; controls it asks the kernel for, by a comm that
it opens anew (``jupyter.widget.control``). So a control can say it where an output cannot.
"""

from __future__ import annotations

import weakref
from typing import Any

TARGET = "jupyter.widget.control"
WORDS = "This page was loaded anew, so what stands here may be from before. Run this cell again: it shows how things are now."
_lines: weakref.WeakSet[Any] = weakref.WeakSet()


def line() -> Any:
    """A line of words for a panel: it takes no room, until the page that shows it was loaded anew."""
    import ipywidgets

    made = ipywidgets.HTML(layout={"display": "none"})
    _lines.add(made)
    _listen()
    return made


def _listen() -> None:
    from ipywidgets.comm import get_comm_manager

    manager = get_comm_manager()
    if manager is not None:
        manager.register_target(TARGET, _opened)  # in place of what ipywidgets has there, which we call


def _opened(comm: Any, message: Any) -> None:
    import ipywidgets

    for one in _lines:  # before the page asks for their state
        one.value, one.layout.display = f"<b>{WORDS}</b>", None
    ipywidgets.Widget.handle_control_comm_opened(comm, message)
