"""Replay of recorded sessions: choose one, play it, stop it, turn it back; a still picture where nobody can."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.panels.beside import above_its_facts
from homelab.panels.told import Told
from homelab.pictures.replay import replay
from homelab.pictures.screen import Screen
from homelab.pictures.tables import Table
from homelab.shell import recordings

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.shell.recordings import Recording

TICK = 0.1  # seconds of the session between two looks at it, at its own speed
SPEEDS = {"half": 0.5, "as it was": 1.0, "double": 2.0, "five times": 5.0}
SAVED = "The replay's screen and its controls: they work in JupyterLab, once this cell has run."
NOTHING = "Nothing was recorded: there is nothing to replay."


def panel(machine: Machine, sessions: Sequence[Recording], recorder: str = "recorder") -> Any:
    """Replay the last of `sessions`, or another of them; each is fetched from `recorder` as `machine` is given it.

    Without somebody to press (``HOMELAB_HEADLESS``) the whole session as one picture; with somebody, below the controls.
    """
    if os.environ.get("HOMELAB_HEADLESS") or not sessions:
        return twin(machine, sessions[-1], recorder) if sessions else Table((), (), NOTHING)
    above_its_facts(SAVED, lambda tell: Player(machine, sessions, recorder, tell))
    return None


def twin(machine: Machine, session: Recording, recorder: str) -> Any:
    """The whole of `session` as one picture; or one sentence where the recorder does not give it."""
    try:
        return replay(recordings.fetched(machine, session, recorder))
    except HomelabError as error:
        return Table((), (), f"{error.what}.")


class Player:
    """The controls and the screen; `tell` shows the whole session as an ordinary output."""

    def __init__(
        self, machine: Machine, sessions: Sequence[Recording], recorder: str, tell: Callable[[object], None]
    ) -> None:
        import ipywidgets

        self._machine, self._recorder, self._tell = machine, recorder, tell
        self._screen: Screen | None = None
        self._ticks = 0
        wide = ipywidgets.Layout(width="54em", max_width="100%")
        self.session = ipywidgets.Dropdown(
            options=[(_name(s), s) for s in sessions], value=sessions[-1], description="Session", layout=wide
        )
        self.play = ipywidgets.Play(min=0, max=0, interval=round(TICK * 1000), description="Play")
        self.time = ipywidgets.FloatSlider(
            min=0, max=0, step=TICK, description="Time (s)", readout_format=".1f", layout=wide
        )
        self.speed = ipywidgets.Dropdown(
            options=list(SPEEDS.items()),
            value=1.0,
            description="Speed",
            layout=ipywidgets.Layout(width="16em"),
        )
        self.shown = ipywidgets.HTML()
        self.box = ipywidgets.VBox(
            [self.session, ipywidgets.HBox([self.play, self.speed]), self.time, self.shown]
        )
        self.session.observe(self.load, "value")
        self.speed.observe(self._paced, "value")
        self.play.observe(lambda change: self._go(change["new"] * TICK), "value")
        self.time.observe(self._turned, "value")
        self.load()

    def load(self, _: object = None) -> None:
        """Fetch the session that is chosen, and stand at its beginning."""
        self.play.playing = False
        try:
            found = recordings.fetched(self._machine, self.session.value, self._recorder)
        except HomelabError as error:
            self._screen, self.shown.value = None, ""
            self._tell(Told(things=(error,)))
            return
        self._screen = Screen(found)
        self._ticks = int(-(-found.seconds // TICK)) + 1
        self.time.value, self.play.value = 0.0, 0
        self.time.max = round(self._ticks * TICK, 1)
        self._paced()
        self._show(0.0)
        self._tell(replay(found))

    def _paced(self, _: object = None) -> None:
        """Slower: fewer looks a second; faster: larger steps, of which the last must reach the end."""
        speed = self.speed.value
        self.play.step = max(1, round(speed))
        self.play.max = self._ticks + self.play.step - 1
        self.play.interval = round(TICK * 1000 * max(1.0, 1 / speed))

    def _turned(self, change: dict[str, Any]) -> None:
        self.play.value = round(change["new"] / TICK)
        self._show(change["new"])

    def _go(self, seconds: float) -> None:
        self.time.value = min(round(seconds, 1), self.time.max)

    def _show(self, seconds: float) -> None:
        if self._screen:
            self.shown.value = self._screen.at(seconds)


def _name(session: Recording) -> str:
    ended = "" if session.state == "whole" else f", {session.state}"
    who = f"{session.person} as {session.user} on {session.host}"
    return f"{session.began:%H:%M:%S} UTC · {who} · {session.seconds:.1f} s{ended} · {session.command or 'a shell'}"
