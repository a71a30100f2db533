"""Pull an image and show each of its layers on its way: a picture that moves in a notebook, lines in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from homelab.engine import engine, refined, translated
from homelab.engine.faults import explain
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.record import COLOURS, live

EVERY = 0.2  # seconds between two pictures of the same pull: a notebook keeps each that it is sent
DONE = ("Pull complete", "Already exists")
MEGABYTE = 1_000_000  # as the docker command counts


@dataclass
class Layer:
    """A layer on its way: its short `id`, Docker's word for what it does, bytes fetched and in all (0: unknown)."""

    id: str
    status: str = ""
    fetched: int = 0
    size: int = 0

    @property
    def done(self) -> bool:
        """Whether it lies on the disk, unpacked."""
        return self.status in DONE


@dataclass
class Pull:
    """A pull: its layers in the order of the image, the digest at its end, and how long it took (s)."""

    reference: str
    layers: dict[str, Layer] = field(default_factory=dict)
    digest: str = ""
    status: str = ""
    seconds: float = 0.0

    def take(self, event: dict[str, Any]) -> Layer | None:
        """Heed one event of the engine's stream; the layer that it has finished, if any.

        Raises:
            EngineError: the event says what went wrong. The SDK's own `pull` overlooks it.
        """
        if problem := event.get("error"):
            raise explain(str(problem))
        status, name = str(event.get("status", "")), str(event.get("id", ""))
        if status.startswith("Digest: "):
            self.digest = status.removeprefix("Digest: ")
        elif status.startswith("Status: "):
            self.status = status.removeprefix("Status: ")
        elif name and not status.startswith("Pulling from"):
            return self._layer(name, status, event.get("progressDetail") or {})
        return None

    def _layer(self, name: str, status: str, progress: dict[str, Any]) -> Layer | None:
        layer = self.layers.setdefault(name, Layer(name))
        was_done, layer.status = layer.done, status
        if status == "Downloading" and progress.get("total"):
            layer.fetched, layer.size = int(progress.get("current", 0)), int(progress["total"])
        elif status in ("Download complete", *DONE):
            layer.fetched = layer.size
        return layer if layer.done and not was_done else None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self._html()}

    def __str__(self) -> str:
        done = sum(layer.done for layer in self.layers.values())
        return f"{self.reference}: {done} of {len(self.layers)} layers; {self.status or 'on its way'}"

    def _html(self) -> str:
        rows = "".join(_row(layer) for layer in self.layers.values())
        return (
            f"<div><b>{escape(self.reference)}</b> <small>{escape(self.status or 'on its way')}</small>"
            f'<table style="margin:.3em 0">{rows}</table></div>'
        )


def pull(machine: Machine, reference: str, say: Callable[[str], None] | None = None) -> Pull:
    """Pull `reference` (``name``, ``name:tag`` or ``name@sha256:…``) on `machine`, and show how it goes.

    `say` gets a line for every finished layer; by default it prints them where no picture can be shown.

    Raises:
        EngineError: unknown image or tag, no registry, a full disk, or no engine.
    """
    client, made = engine(machine), Pull(reference)
    show, start = live(), time.monotonic()
    if say is None:
        say = _silent if _in_a_notebook() else print
    name, tag = split(reference)
    with translated(machine):
        try:
            shown = 0.0
            for event in _events(client.api.pull(name, tag=tag, stream=True, decode=True)):
                if finished := made.take(event):
                    say(f"{finished.id}: {finished.status}{_size(finished)}")
                if time.monotonic() - shown > EVERY:
                    shown = time.monotonic()
                    show(made)
        except EngineError as error:
            made.status = error.what
            show(made)
            raise refined(
                EngineError(error.kind, error.what, error.where or machine.name, error.hint), machine
            ) from None
    made.seconds = time.monotonic() - start
    show(made)
    say(made.status)
    return made


def split(reference: str) -> tuple[str, str]:
    """Name and tag (or digest) of `reference`; the tag is ``latest`` where none is given."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")


def _events(stream: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for event in stream:
        if isinstance(event, dict):
            yield event


def _silent(line: str) -> None:
    """A notebook has the picture."""


def _in_a_notebook() -> bool:
    from IPython import get_ipython

    return get_ipython() is not None


def _size(layer: Layer) -> str:
    if not layer.size:
        return ""
    if layer.size < MEGABYTE / 10:
        return f" ({layer.size / 1000:.1f} kB)"
    return f" ({layer.size / MEGABYTE:.1f} MB)"


def _row(layer: Layer) -> str:
    part = 100 if layer.done else round(100 * layer.fetched / layer.size) if layer.size else 0
    colour = COLOURS["ok" if layer.done else "planned"]
    bar = (
        '<div style="width:14em;height:.7em;background:#8883;border-radius:.35em">'
        f'<div style="width:{part}%;height:.7em;background:{colour};border-radius:.35em"></div></div>'
    )
    cell = 'style="text-align:left;padding:.1em .8em .1em 0"'
    return (
        f"<tr><td {cell}><code>{escape(layer.id)}</code></td><td {cell}>{bar}</td>"
        f"<td {cell}>{escape(layer.status)}{escape(_size(layer))}</td></tr>"
    )
