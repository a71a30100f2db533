"""Fooocus by the interface of its own page, which is a Gradio application: no other program need run.

The page's description (``/config``) lists every control with its value, and which function each button starts.
A picture is what the button *Generate* does: the function that takes all controls, then the one that paints and
tells how far it is, both in one session. Only prompt, size, speed, number and seed are set; the rest stays as
the server has it, so a newer Fooocus with more controls is asked as well as an older one.

Source: https://github.com/lllyasviel/Fooocus, ``webui.py`` at 59f183a (2.5.5, 2025-01-24; fixes only since), and
Gradio 3.41.2, which it pins; what is sent here was tried against that release of Gradio.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError, NoAnswer, nearest

if TYPE_CHECKING:
    import requests

    from homelab.imaging.wish import Wish

PORT = 7865
BUTTON, PROMPT = "generate_button", "positive_prompt"
SEED, NUMBER, SPEED, SIZE, FORMAT = "Seed", "Image Number", "Performance", "Aspect Ratios", "Output Format"
LOG = "its terminal, or journalctl -u fooocus, says what went wrong"


class Fooocus:
    """The server at `url`."""

    name = "Fooocus"

    def __init__(self, session: requests.Session, url: str, config: dict[str, Any]) -> None:
        """`config` is its page's description.

        Raises:
            HomelabError: its page has no button *Generate* that paints.
        """
        self.url, self._session = url, session
        self.name = str(config.get("title") or self.name)
        self._parts: dict[int, dict[str, Any]] = {part["id"]: part for part in config["components"]}
        self._steps: list[dict[str, Any]] = config["dependencies"]
        self._take, self._paint = self._chain()

    @classmethod
    def at(cls, session: requests.Session, url: str) -> Fooocus | None:
        """Fooocus at `url`, or None when something else answers there.

        Raises:
            NoAnswer: nobody does.
            HomelabError: it wants a password.
        """
        got = session.get(f"{url}/config")
        if got.status_code == 401:
            raise HomelabError(
                "it wants a user and a password", url, "auth.json in Fooocus' folder sets them"
            )
        try:
            config = got.json()
        except ValueError:
            return None
        if not isinstance(config, dict) or not {"components", "dependencies"} <= set(config):
            return None
        return cls(session, url, config)

    def paint(self, wish: Wish, seconds: float = 900.0) -> bytes:
        """See `painter.Painter`."""
        session, over = secrets.token_hex(6), time.monotonic() + seconds
        self._call(self._take, self._controls(wish), session, over)
        files: list[str] = []
        while True:  # each call is the next sign of life: a step of progress, a preview, the pictures
            said = self._call(self._paint, [None] * len(self._steps[self._paint]["inputs"]), session, over)
            files = _files(said["data"]) or files
            if _is_last(said["data"]) or not said.get("is_generating"):
                break
        if not files:
            raise HomelabError("it ended without a picture", self.url, LOG)
        return self._file(files[0], over)

    def _chain(self) -> tuple[int, int]:
        """Which functions of the button take the controls, and paint: the first that takes the prompt, and the next."""
        button = next((i for i, p in self._parts.items() if _word(p, "elem_id") == BUTTON), None)
        mine = [n for n, step in enumerate(self._steps) if button in step["targets"]]
        prompt = next((i for i, p in self._parts.items() if _word(p, "elem_id") == PROMPT), None)
        take = next((n for n in mine if prompt in self._steps[n]["inputs"]), None)
        paint = next((n for n in mine if take is not None and self._steps[n]["trigger_after"] == take), None)
        if take is None or paint is None:
            raise HomelabError(
                f"the page {self.name!r} has no button that paints from a prompt", self.url, "is it Fooocus?"
            )
        return take, paint

    def _controls(self, wish: Wish) -> list[Any]:
        """The value of every control, those of the wish set."""
        ours = {SEED: str(wish.seed), NUMBER: 1, FORMAT: "png"}
        values = []
        for part in (self._parts[i] for i in self._steps[self._take]["inputs"]):
            label, value = _word(part, "label"), part["props"].get("value")
            if _word(part, "elem_id") == PROMPT:
                value = wish.prompt
            elif label in (SPEED, SIZE) and part["type"] == "radio":
                value = _choice(part, wish.performance if label == SPEED else wish.size, self.url)
            elif label in ours and part["type"] != "checkbox":
                value = ours.pop(label)  # the first of that name: later ones belong to other things
            values.append(value)
        return values

    def _call(self, step: int, data: list[Any], session: str, over: float) -> dict[str, Any]:
        left = over - time.monotonic()
        if left <= 0:
            raise NoAnswer("no picture in time", self.url, "a first one waits for the weights; " + LOG)
        got = self._session.post(
            f"{self.url}/run/predict",
            json={"fn_index": step, "session_hash": session, "data": data},
            timeout=left,
        )
        try:
            said = got.json()
        except ValueError:
            said = {}
        if got.status_code != 200 or "data" not in said:
            why = said.get("error") or said.get("detail") or f"status {got.status_code}"
            raise HomelabError(f"it does not paint: {why}", self.url, LOG)
        return dict(said)

    def _file(self, path: str, over: float) -> bytes:
        got = self._session.get(f"{self.url}/file={path}", timeout=max(1.0, over - time.monotonic()))
        if got.status_code != 200:
            raise HomelabError(f"it does not give its picture away: status {got.status_code}", self.url, LOG)
        return got.content


def _word(part: dict[str, Any], name: str) -> str:
    return str(part["props"].get(name) or "")


def _choice(part: dict[str, Any], wanted: str, url: str) -> Any:
    """The value of the choice whose label begins with `wanted`: sizes carry their ratio behind, in HTML."""
    choices = [c if isinstance(c, list | tuple) else (c, c) for c in part["props"].get("choices") or []]
    label = wanted.replace("x", "×").replace("*", "×") if _word(part, "label") == SIZE else wanted
    for said, value in choices:
        if str(said) == label or str(said).startswith(f"{label} "):
            return value
    known = [str(said).partition(" <")[0] for said, _ in choices]
    raise HomelabError(f"it has no {_word(part, 'label')} {wanted!r}", url, nearest(wanted, known))


def _files(data: list[Any]) -> list[str]:
    """The pictures that an answer shows in its last gallery, as paths on the server."""
    shown = [v for v in data if isinstance(v, dict) and isinstance(v.get("value"), list) and v["value"]]
    found = [item[0] if isinstance(item, list) else item for v in shown[-1:] for item in v["value"]]
    return [f["name"] for f in found if isinstance(f, dict) and f.get("is_file")]


def _is_last(data: list[Any]) -> bool:
    """Whether this is the end: progress is hidden, and the last gallery is shown."""
    last = data[-1] if data else None
    return isinstance(last, dict) and last.get("visible") is True and bool(last.get("value"))
