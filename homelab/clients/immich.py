"""A client of Immich's HTTP API, release 3: sign up, log in, upload a photo, and get it back.

The kept library, `immichpy`, is asynchronous and opens its own connections; ours must start at another
machine, such as the phone. It is what the lab's stand-in is proved with.

Source: Immich's published OpenAPI document (https://api.immich.app), release 3.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from homelab.clients.json_api import ApiError, JsonApi
from homelab.secret import conceal

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Asset:
    """A photo or video that the server keeps: its `id`, and whether this upload was the `first` of these bytes."""

    id: str
    first: bool


class Immich:
    """The server at `base_url` (without ``/api``), by requests that start where `session` does."""

    def __init__(self, session: requests.Session, base_url: str) -> None:
        self.api = JsonApi(session, f"{base_url.rstrip('/')}/api", "Immich")

    def version(self) -> str:
        """Such as ``3.2.2``; anybody may ask.

        Raises:
            ApiError, NoAnswer: it is no Immich server, or none answers.
        """
        found = self.api.json("GET", "/server/version")
        return f"{found['major']}.{found['minor']}.{found['patch']}"

    def initialized(self) -> bool:
        """Whether somebody is its admin already."""
        return bool(self.api.json("GET", "/server/config")["isInitialized"])

    def sign_up(self, name: str, email: str, password: str) -> bool:
        """Become its admin, which only the first may; False: there is one already."""
        conceal(password)
        if self.initialized():
            return False
        self.api.call(
            "POST", "/auth/admin-sign-up", json={"name": name, "email": email, "password": password}
        )
        return True

    def log_in(self, email: str, password: str) -> str:
        """Log in; what follows is done as this user, whose id it returns.

        Raises:
            ApiError: address or password is wrong.
        """
        conceal(password)
        try:
            found = self.api.json("POST", "/auth/login", json={"email": email, "password": password})
        except ApiError as error:
            hint = "is it the password that the admin was given at the first start?"
            raise ApiError(
                f"{email} cannot log in: {error.what}", self.api.url, hint, error.status
            ) from error
        token = str(found["accessToken"])
        conceal(token)
        self.api.headers["Authorization"] = f"Bearer {token}"
        return str(found["userId"])

    def upload(self, name: str, data: bytes, taken: datetime | None = None) -> Asset:
        """Upload a file as the app does; the same bytes again are not kept twice.

        Raises:
            ApiError: nobody is logged in, or it is no photo or video.
        """
        when = (taken or datetime.now(UTC)).isoformat()
        found = self.api.json(
            "POST",
            "/assets",
            data={"fileCreatedAt": when, "fileModifiedAt": when, "filename": name},
            files={"assetData": (name, data, "application/octet-stream")},
            headers={"x-immich-checksum": hashlib.sha1(data).hexdigest()},
        )
        return Asset(str(found["id"]), found["status"] == "created")

    def checksum(self, asset: str) -> str:
        """The SHA-1 of the file that the server keeps, as hexadecimal digits."""
        return base64.b64decode(self.api.json("GET", f"/assets/{asset}")["checksum"]).hex()

    def original(self, asset: str) -> bytes:
        """The file as it was uploaded."""
        return self.api.call("GET", f"/assets/{asset}/original").content

    def find(self, name: str) -> list[str]:
        """The ids of what is called `name`."""
        found = self.api.json("POST", "/search/metadata", json={"originalFileName": name})
        return [str(one["id"]) for one in found["assets"]["items"]]

    def count(self) -> int:
        """How many photos and videos this user has."""
        return int(self.api.json("GET", "/assets/statistics")["total"])
