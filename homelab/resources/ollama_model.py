"""A model that an Ollama server has: pulled with its progress, removed again.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md (pull, tags, delete).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html import escape
from typing import Any

from homelab import web
from homelab.clients.json_api import ApiError, JsonApi
from homelab.errors import HomelabError, NoAnswer
from homelab.llm import ollama
from homelab.llm.engine import ModelUnknown
from homelab.machine import Machine
from homelab.plan import Later
from homelab.record import COLOURS, live

URL = f"http://127.0.0.1:{ollama.PORT}"
EVERY = 0.2  # seconds between two pictures of the same pull
REMOVE = 30.0  # seconds


@dataclass(frozen=True)
class State:
    """Whether the model `name` is there; `digest` is the server's, and `size` is in bytes."""

    name: str
    present: bool
    digest: str | Later = ""
    size: int = field(default=0, compare=False)


def wanted(name: str) -> State:
    """The model there, as the registry offers it under this name."""
    return State(name, True, Later("the pull"))


def server(machine: Machine) -> JsonApi:
    """The Ollama server of `machine`, asked from there."""
    return JsonApi(web.session(machine), URL, "Ollama")


def read(machine: Machine, name: str) -> State:
    """Ask the server; where none answers, nothing is there."""
    try:
        found = ollama.model(server(machine), name)
    except (NoAnswer, ApiError, ModelUnknown):
        return State(name, False)
    return State(name, True, str(found.get("digest", "")), int(found.get("size") or 0))


def command(before: State, after: State) -> list[str]:
    """``ollama pull``, ``ollama rm``."""
    return ["ollama", "pull" if after.present else "rm", after.name]


def do(machine: Machine, before: State, after: State) -> None:
    """Pull and show how much is there, or remove.

    Raises:
        ModelUnknown: nobody offers this name.
        EngineGone: the server stopped on the way; what it has it keeps for the next pull.
        NoAnswer: no server runs there.
        HomelabError: the pull ended without its word of success.
    """
    api = server(machine)
    if not after.present:
        api.call("DELETE", "/api/delete", json={"model": after.name}, timeout=REMOVE)
        return
    show, progress, shown = live(), Pull(after.name), 0.0
    for event in ollama.pulling(api, after.name):
        progress.take(event)
        if time.monotonic() - shown > EVERY:
            shown = time.monotonic()
            show(progress)
    show(progress)
    if progress.status != "success":
        raise HomelabError(
            f"the pull ended with {progress.status or 'no word'!r}, not with success",
            machine.name,
            "again: it goes on where it stopped",
        )


@dataclass
class Pull:
    """A pull on its way: bytes `there` of `total`, by the digest of each layer; `status` in the server's words."""

    name: str
    status: str = ""
    total: dict[str, int] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        """Heed one event of the server's."""
        self.status = str(event.get("status", self.status))
        if digest := event.get("digest"):
            self.total[digest] = int(event.get("total") or self.total.get(digest, 0))
            self.there[digest] = int(event.get("completed") or self.there.get(digest, 0))

    @property
    def part(self) -> float:
        """How much of what is known to come is there, 0 to 1."""
        total = sum(self.total.values())
        return 1.0 if self.status == "success" else sum(self.there.values()) / total if total else 0.0

    def __str__(self) -> str:
        there, total = sum(self.there.values()) / 1e6, sum(self.total.values()) / 1e6
        return f"{self.name}: {self.status or 'on its way'}, {there:.1f} of {total:.1f} MB"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        colour = COLOURS["ok" if self.part == 1 else "planned"]
        bar = (
            '<div style="width:14em;height:.7em;background:#8883;border-radius:.35em">'
            f'<div style="width:{self.part:.0%};height:.7em;background:{colour};border-radius:.35em"></div></div>'
        )
        return {"text/plain": str(self), "text/html": f"<div>{escape(str(self))}{bar}</div>"}
