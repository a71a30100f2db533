"""What a panel does beside the kernel's other work: it measures round after round, and rests while a click is at work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from homelab.errors import HomelabError
from homelab.panels.reloaded import line
from homelab.panels.told import Show, telling
from homelab.record import live

AFTER = 0.3  # seconds: what was clicked while we were at work arrives within them, and counts for nothing
_newest: dict[str, Rounds] = {}


class Rounds:
    """Who draws one thing after the other in an ordinary output; of each `panel` only the newest does.

    A browser that closes stops nothing, and a cell that runs again begins anew.
    """

    def __init__(self, panel: str, draw: Show, tell: Show) -> None:
        self._draw, self._tell, self._turn, self._lock = draw, tell, 0, threading.Lock()
        self.thread: threading.Thread | None = None
        if older := _newest.get(panel):
            older.stop()
        _newest[panel] = self

    def begin(self, things: Iterator[object]) -> None:
        """Draw the first of `things` at once and the others as they come; whoever still draws stops."""
        first = next(things)
        with self._lock:
            self._turn += 1
            self._draw(first)
        self.thread = threading.Thread(target=self._go, args=(self._turn, things), daemon=True)
        self.thread.start()

    def settle(self) -> None:
        """Wait for the last of them: whoever runs all cells must not change beside us what is measured here."""
        if self.thread:
            self.thread.join()

    def stop(self) -> None:
        """Draw no more."""
        self._turn += 1

    def _go(self, turn: int, things: Iterator[object]) -> None:
        try:
            for thing in things:
                with self._lock:
                    if turn != self._turn:
                        return
                    self._draw(thing)
        except HomelabError as error:  # the lab has gone
            with telling(self._tell):
                raise error


class Turn:
    """One click at a time: all `controls` rest while it is at work, and what was clicked by then counts for nothing.

    `freed` is called once they may be used again, told whether a click was missed: a control then shows what nobody did.
    """

    def __init__(self, controls: Sequence[Any], freed: Callable[[bool], None]) -> None:
        self._controls, self._freed = controls, freed
        self._taken = self._missed = False

    def take(self, act: Callable[[], None]) -> None:
        """Do it, where nothing else is at work."""
        if self._taken:
            self._missed = True
            return
        self._taken, self._missed = True, False
        self._rest(True)
        try:
            act()
        finally:
            soon(self._end)

    def _end(self) -> None:
        self._rest(False)
        try:
            self._freed(self._missed)
        finally:
            self._taken = False

    def _rest(self, now: bool) -> None:
        for control in self._controls:
            control.disabled = now


def place(box: Any, saved: str) -> None:
    """Show the controls `box`; a page that was saved says `saved` in their place."""
    import ipywidgets
    from IPython.display import display

    whole = ipywidgets.VBox([line(), box])
    bundle: dict[str, Any] = {**whole._repr_mimebundle_(), "text/plain": saved}
    display(bundle, raw=True)  # type: ignore[no-untyped-call]


def above_its_facts(saved: str, made: Callable[[Show], Any]) -> Any:
    """What is `made` has its `box` of controls above the ordinary output that it is given; a saved page says `saved` there."""
    import ipywidgets

    room = ipywidgets.VBox()  # it stands above, and is filled once there is somewhere to tell
    place(room, saved)
    panel = made(live())
    room.children = (panel.box,)
    return panel


def soon(free: Callable[[], None]) -> None:
    """Call `free` once the clicks that came meanwhile have been heard."""
    try:
        asyncio.get_running_loop().call_later(AFTER, free)
    except RuntimeError:  # no kernel runs us
        free()
