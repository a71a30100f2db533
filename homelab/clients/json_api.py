"""An HTTP API that speaks JSON, asked through a session of `homelab.web`: what our small clients share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError

if TYPE_CHECKING:
    import requests


class ApiError(HomelabError):
    """The server refuses; `status` is HTTP's."""

    def __init__(self, what: str, where: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(what, where, hint)
        self.status = status


class JsonApi:
    """The API of `name` at `url`, by requests that start where `session` does; `headers` go with each."""

    def __init__(self, session: requests.Session, url: str, name: str) -> None:
        self.session, self.url, self.name = session, url.rstrip("/"), name
        self.headers: dict[str, str] = {}

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """The answer; `more` is as for requests.

        Raises:
            ApiError: 400 or above, with what the server says.
            NoAnswer: nobody answers.
        """
        headers = {**self.headers, **more.pop("headers", {})}
        got = self.session.request(method, f"{self.url}{path}", headers=headers, **more)
        if got.status_code >= 400:
            said = " ".join(_said(got).split())[:200] or got.reason
            hint = "is somebody logged in, and may they do this?" if got.status_code in (401, 403) else ""
            raise ApiError(f"{method} {path}: {got.status_code} {said}", self.url, hint, got.status_code)
        return got

    def json(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON.

        Raises:
            ApiError: see `call`; or it is something else than JSON.
        """
        got = self.call(method, path, **more)
        try:
            return got.json()
        except ValueError as error:
            what = (
                f"{method} {path} is answered by something else than {self.name}: {got.text.strip()[:60]!r}"
            )
            raise ApiError(what, self.url, "which program listens there?", got.status_code) from error


def _said(got: requests.Response) -> str:
    try:
        found = got.json()
    except ValueError:
        return got.text
    if isinstance(found, dict):
        for key in ("message", "error_message", "error"):
            if key in found:
                word = found[key]
                return ", ".join(map(str, word)) if isinstance(word, list) else str(word)
    return got.text
