"""A client of Home Assistant's HTTP API: the first user, a login, and states set and read.

The kept library, `HomeAssistant-API`, wants a long-lived token made by hand in a browser, and cannot do
the first start. Sources: the REST and authentication pages of https://developers.home-assistant.io, and
the component ``onboarding``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homelab.clients.json_api import ApiError, JsonApi
from homelab.secret import conceal

if TYPE_CHECKING:
    import requests


class HomeAssistant:
    """The instance at `base_url`, by requests that start where `session` does."""

    def __init__(self, session: requests.Session, base_url: str) -> None:
        self.api = JsonApi(session, base_url, "Home Assistant")
        self._client = f"{self.api.url}/"  # who asks for a token: a web address, here its own

    def onboarded(self) -> bool:
        """Whether somebody is its owner already.

        Raises:
            ApiError, NoAnswer: it is no Home Assistant, or none answers.
        """
        try:
            steps = self.api.json("GET", "/api/onboarding")
        except ApiError as error:
            if error.status == 404:  # newer releases take the page away once it is done
                return True
            raise
        return any(s["step"] == "user" and s["done"] for s in steps)

    def onboard(self, name: str, username: str, password: str) -> bool:
        """Become its owner and finish the first start; False: there is an owner already."""
        if self.onboarded():
            return False
        conceal(password)
        asked = {"client_id": self._client, "name": name, "username": username, "password": password, "language": "en"}  # fmt: skip
        code = self.api.json("POST", "/api/onboarding/users", json=asked)["auth_code"]
        self._token(str(code))
        for step, body in (
            ("core_config", {}),
            ("analytics", {}),
            ("integration", {"client_id": self._client, "redirect_uri": f"{self._client}?auth_callback=1"}),
        ):
            try:
                self.api.call("POST", f"/api/onboarding/{step}", json=body)
            except ApiError as error:
                # Done before, unknown to this release, or done but for the extras that it adds from the internet.
                if error.status not in (403, 404, 500):
                    raise
        return True

    def log_in(self, username: str, password: str) -> None:
        """Log in; what follows is done as this user.

        Raises:
            ApiError: name or password is wrong.
        """
        conceal(password)
        flow = self.api.json(
            "POST",
            "/auth/login_flow",
            json={
                "client_id": self._client,
                "handler": ["homeassistant", None],
                "redirect_uri": self._client,
            },
        )
        said = {"client_id": self._client, "username": username, "password": password}
        done = self.api.json("POST", f"/auth/login_flow/{flow['flow_id']}", json=said)
        if done.get("type") != "create_entry":
            why = ", ".join((done.get("errors") or {}).values()) or str(done.get("type"))
            raise ApiError(f"{username} cannot log in: {why}", self.api.url, "", 401)
        self._token(str(done["result"]))

    def _token(self, code: str) -> None:
        asked = {"grant_type": "authorization_code", "code": code, "client_id": self._client}
        token = str(self.api.json("POST", "/auth/token", data=asked)["access_token"])
        conceal(token)
        self.api.headers["Authorization"] = f"Bearer {token}"

    def version(self) -> str:
        """Such as ``2024.3.3``."""
        return str(self.api.json("GET", "/api/config")["version"])

    def state(self, entity: str) -> str:
        """The state of an entity, such as ``sensor.living_room``.

        Raises:
            ApiError: there is no such entity (status 404).
        """
        return str(self.api.json("GET", f"/api/states/{entity}")["state"])

    def set_state(self, entity: str, state: str, **attributes: Any) -> None:
        """Say what an entity's state is; one that is not there is made."""
        self.api.call("POST", f"/api/states/{entity}", json={"state": state, "attributes": attributes})

    def forget(self, entity: str) -> None:
        """Remove an entity's state."""
        self.api.call("DELETE", f"/api/states/{entity}")
