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
    """A sentence of the kind `status`, where there is one, and under it several things: what shows itself, words, an error of ours."""

    what: str = ""
    status: str = ""
    things: tuple[object, ...] = ()

    def __str__(self) -> str:
        lines = [f"✗ fail {t}" if isinstance(t, HomelabError) else str(t) for t in self.things]
        return mask("\n".join([self.what, *lines] if self.what else lines))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        mark = f"{badge(self.status)} &nbsp;" if self.status else ""
        what = f"<p><b>{mark}{_lines(self.what)}</b></p>" if self.what else ""
        return {"text/plain": str(self), "text/html": mask(what + "".join(map(_html, self.things)))}


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _html(thing: Any) -> str:
    if isinstance(thing, HomelabError):
        return f"<div>{badge('fail')} &nbsp;{_lines(str(thing))}</div>"
    if rich := getattr(thing, "_repr_mimebundle_", None):
        return str(rich()["text/html"])
    return f'<div style="white-space:pre-wrap">{escape(str(thing))}</div>'


@contextmanager
def telling(show: Show) -> Iterator[None]:
    """`show` at once that something is at work, then what is shown meanwhile, and an error of ours instead of raising it."""
    things: list[object] = []

    def ear(thing: object) -> None:
        things.append(thing)
        show(Told(things=tuple(things)))

    show(Told(things=(AT_WORK,)))
    try:
        with heard_by(ear):
            yield
    except HomelabError as error:
        ear(error)
    if not things:
        show(Told())
