"""Fooocus-API: another program around the same painter, with a REST interface.

Source: https://github.com/mrhan1993/Fooocus-API, ``docs/api_doc_en.md`` at cae8733 (2025-02-23).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError

if TYPE_CHECKING:
    import requests

    from homelab.imaging.wish import Wish

PORT = 8888
PONG = "pong"
TEXT_TO_IMAGE = "/v1/generation/text-to-image"


class FooocusApi:
    """The server at `url`."""

    name = "Fooocus-API"

    def __init__(self, session: requests.Session, url: str) -> None:
        self.url, self._session = url, session

    @classmethod
    def at(cls, session: requests.Session, url: str) -> FooocusApi | None:
        """Fooocus-API at `url`, or None when something else answers there.

        Raises:
            NoAnswer: nobody does.
        """
        got = session.get(f"{url}/ping")
        return cls(session, url) if got.status_code == 200 and got.text.strip().strip('"') == PONG else None

    def paint(self, wish: Wish, seconds: float = 900.0) -> bytes:
        """See `painter.Painter`."""
        got = self._session.post(
            f"{self.url}{TEXT_TO_IMAGE}",
            json={
                "prompt": wish.prompt,
                "performance_selection": wish.performance,
                "aspect_ratios_selection": wish.size.replace("×", "*").replace("x", "*"),
                "image_number": 1,
                "image_seed": wish.seed,
                "require_base64": True,
                "async_process": False,
            },
            timeout=seconds,
        )
        try:
            said: Any = got.json()
        except ValueError:
            said = None
        if got.status_code != 200 or not isinstance(said, list) or not said:
            raise HomelabError(f"it does not paint: {_why(said, got.status_code)}", self.url, "see its log")
        first = said[0]
        if first.get("finish_reason") != "SUCCESS" or not first.get("base64"):
            raise HomelabError(
                f"it ended without a picture: {first.get('finish_reason') or 'no reason given'}", self.url
            )
        try:
            return base64.b64decode(str(first["base64"]).rpartition(",")[2], validate=True)
        except binascii.Error as error:
            raise HomelabError(f"its picture is damaged: {error}", self.url) from error


def _why(said: Any, status: int) -> str:
    """The reason that it gives: FastAPI's ``detail``, in words or as a list of what is wrong with a field."""
    detail = said.get("detail") if isinstance(said, dict) else None
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, d.get('loc', [])))}: {d.get('msg', '')}" for d in detail)
    return str(detail or f"status {status}")
