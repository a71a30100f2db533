"""A client of Miniflux's HTTP API: add a feed, read its entries.

The kept library, `miniflux`, opens its own connections; ours must start at another machine, such as the
phone. Source: https://miniflux.app/docs/api.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.clients.json_api import ApiError, JsonApi
from homelab.secret import conceal

if TYPE_CHECKING:
    import requests


class Miniflux:
    """The server at `base_url`, as the user `username`."""

    def __init__(self, session: requests.Session, base_url: str, username: str, password: str) -> None:
        conceal(password)
        self.api = JsonApi(session, base_url, "Miniflux")
        self.api.session.auth = (username, password)

    def user(self) -> str:
        """Who we are to it.

        Raises:
            ApiError: name or password is wrong.
        """
        return str(self.api.json("GET", "/v1/me")["username"])

    def feed(self, url: str) -> int:
        """Subscribe to the feed at `url`, or find the subscription that there is; its id.

        Raises:
            ApiError: the server cannot fetch it, or it is no feed.
        """
        for one in self.api.json("GET", "/v1/feeds"):
            if one["feed_url"] == url:
                return int(one["id"])
        category = int(self.api.json("GET", "/v1/categories")[0]["id"])
        try:
            made = self.api.json("POST", "/v1/feeds", json={"feed_url": url, "category_id": category})
        except ApiError as error:
            raise ApiError(f"it does not take the feed {url}: {error.what}", self.api.url, "does the address open in a browser there?", error.status) from error  # fmt: skip
        return int(made["feed_id"])

    def titles(self, feed: int) -> list[str]:
        """The titles of the feed's entries, the newest first."""
        found = self.api.json(
            "GET", f"/v1/feeds/{feed}/entries", params={"order": "published_at", "direction": "desc"}
        )
        return [str(entry["title"]) for entry in found["entries"]]

    def refresh(self, feed: int) -> None:
        """Fetch the feed again now."""
        self.api.call("PUT", f"/v1/feeds/{feed}/refresh")

    def forget(self, feed: int) -> None:
        """End the subscription."""
        self.api.call("DELETE", f"/v1/feeds/{feed}")
