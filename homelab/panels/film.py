"""A film player: what Jellyfin shows, fetched by one of the world's machines and played in your browser.

Under ``./runbook open`` the player asks through that machine's window, piece by piece as one watches and jumps.
Elsewhere the film, if it is short, is fetched whole by the same client that proves it, from the same place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from homelab.clients import screening
from homelab.errors import HomelabError, LabGone
from homelab.panels.beside import Turn, above_its_facts
from homelab.panels.told import Told
from homelab.pictures.contact_sheet import ContactSheet
from homelab.pictures.tables import Table

if TYPE_CHECKING:
    from homelab.clients.jellyfin_data import Account
    from homelab.clients.screening import Screening
    from homelab.machine import Machine

WINDOWS = "HOMELAB_WINDOWS"  # the windows into the lab that are open: what `./runbook open` tells its kernels
MOST = 48 << 20  # bytes that are handed over whole
SAVED = "The film and its controls: they work in JupyterLab, once this cell has run."
PIECES, WHOLE = "piece by piece, as you watch", "all at once, by this notebook"


def panel(seats: Sequence[Machine], url: str, account: Account, title: str) -> Any:
    """Play `title` of the Jellyfin at `url` as the first of `seats` gets it, with controls for the others.

    Without somebody to press them (``HOMELAB_HEADLESS``) stills of the film, or the sentence why there are none.
    """
    if os.environ.get("HOMELAB_HEADLESS"):
        return twin(seats[0], url, account, title)
    above_its_facts(SAVED, lambda tell: Player(seats, url, account, title, tell)).load()
    return None


def twin(machine: Machine, url: str, account: Account, title: str) -> ContactSheet | Table | Told:
    """What `machine` gets of the film, as a picture; or one sentence."""
    try:
        return ContactSheet(screening.seen(machine, url, account, title))
    except HomelabError as error:
        return no_way(machine, error)


def no_way(machine: Machine, error: HomelabError) -> Table | Told:
    """The sentence that stands where the film would."""
    if isinstance(error, LabGone):
        return Told(things=(error,))
    return Table((), (), f"{machine.name} cannot play it: {error.what}.")


def window(machine: Machine, address: str) -> str:
    """Where the window of `machine` shows what is at `address`; empty where no such window is open."""
    name = f"as-{machine.name}"
    if name not in os.environ.get(WINDOWS, "").split():
        return ""
    parts = urlsplit(address)
    return f"/{name}/{parts.scheme}/{parts.netloc}{parts.path}?{parts.query}"


class Player:
    """The controls; `tell` shows what was found, or why nothing was, as an ordinary output."""

    def __init__(
        self, seats: Sequence[Machine], url: str, account: Account, title: str, tell: Callable[[object], None]
    ) -> None:
        import ipywidgets

        self._url, self._account, self._tell = url, account, tell
        wide = ipywidgets.Layout(width="27em")
        self.seat = ipywidgets.Dropdown(options=[(s.name, s) for s in seats], description="Watch as")
        self.film = ipywidgets.Dropdown(options=[title], value=title, description="Film", layout=wide)
        self.way = ipywidgets.Dropdown(options=[WHOLE], description="Fetch it", layout=wide)
        self.again = ipywidgets.Button(description="Ask again")
        self.screen = ipywidgets.VBox()
        self.note = ipywidgets.HTML()
        rows = [ipywidgets.HBox([self.seat, self.film]), ipywidgets.HBox([self.way, self.again])]
        self.box = ipywidgets.VBox([*rows, self.screen, self.note])
        self._chosen = self.seat.value, title, self.way.value
        self._turn = Turn((self.seat, self.film, self.way, self.again), self._freed)
        for control in (self.seat, self.film, self.way):
            control.observe(self.load, "value")
        self.again.on_click(self.load)

    def load(self, _: object = None) -> None:
        """Ask for the film that is chosen, as who is chosen; while it is asked for, nothing else is."""
        self._turn.take(self._load)

    def _load(self) -> None:
        machine, title = self.seat.value, self.film.value
        self.screen.children, self.note.value = (), ""
        self._tell(Table((), (), f"{machine.name} asks for {title} …"))
        try:
            found = screening.seen(machine, self._url, self._account, title)
            self._offer(found, window(machine, found.stream))
            self._play(machine, found)
            self._tell(ContactSheet(found))
        except HomelabError as error:
            self._tell(no_way(machine, error))
        finally:
            self._chosen = machine, title, self.way.value

    def _freed(self, _: bool) -> None:
        """Show what was asked for, not what was picked while it was."""
        self.seat.value, self.film.value, self.way.value = self._chosen

    def _offer(self, found: Screening, through: str) -> None:
        ways = ([PIECES] if through else []) + ([WHOLE] if found.film.size <= MOST else [])
        if tuple(ways) != tuple(self.way.options):
            self.way.options = ways
            self.way.value = ways[0] if ways else None
        if found.films != tuple(self.film.options):
            chosen = self.film.value
            self.film.options, self.film.value = found.films, chosen

    def _play(self, machine: Machine, found: Screening) -> None:
        import ipywidgets

        words = escape(f"{found.film.title}, played as {machine.name}")
        if self.way.value == PIECES:
            through = escape(window(machine, found.stream))
            video = f'<video controls preload="metadata" width="640" aria-label="{words}" src="{through}"></video>'
            self.screen.children = (ipywidgets.HTML(video),)
            self._say(
                f"Your browser plays it; every piece comes from {found.url}, fetched by {machine.name} when you get there."
            )
        elif self.way.value == WHOLE:
            data = screening.whole(machine, self._url, self._account, found.film)
            kind = found.media.rpartition("/")[2] or "mp4"
            video = ipywidgets.Video(value=data, format=kind, autoplay=False, loop=False, width=640)
            self.screen.children = (video,)
            self._say(
                f"Your browser plays {len(data):,} bytes that {machine.name} has fetched from {found.url}, all before it began."
            )
        else:
            self._say(
                f"{found.film.size:,} bytes are too many to be handed over whole: ./runbook open has a window that they come through."
            )

    def _say(self, words: str) -> None:
        self.note.value = f"<small>{escape(words)}</small>"
