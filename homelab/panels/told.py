"""What a control has to tell: a control has no output of its own, so it is told in an ordinary one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.errors import HomelabError
from homelab.record import badge, heard_by
from homelab.secret import mask

Show = Callable[[object], None]
AT_WORK = "At work …"


@dataclass(frozen=True)
class Told:
    """Several things in one output: what shows itself, a sentence, or an error of ours."""

    things: tuple[object, ...] = ()

    def __str__(self) -> str:
        return "\n".join(f"✗ fail {t}" if isinstance(t, HomelabError) else mask(str(t)) for t in self.things)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": "".join(map(_html, self.things))}


def _html(thing: object) -> str:
    if isinstance(thing, HomelabError):
        lines = str(thing).splitlines()
        return f"<div>{badge('fail')} &nbsp;{'<br>'.join(escape(mask(line)) for line in lines)}</div>"
    own = getattr(thing, "html", None)
    return mask(own()) if own else f"<p>{escape(mask(str(thing)))}</p>"


@contextmanager
def telling(show: Show) -> Iterator[None]:
    """`show` at once that something is at work, then what is shown meanwhile, and an error of ours instead of raising it."""
    things: list[object] = []

    def ear(thing: object) -> None:
        things.append(thing)
        show(Told(tuple(things)))

    show(Told((AT_WORK,)))
    try:
        with heard_by(ear):
            yield
    except HomelabError as error:
        ear(error)
    if not things:
        show(Told())
