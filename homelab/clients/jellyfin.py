"""A client of Jellyfin's HTTP API, release 12: what a runbook asks and sets, and no more.

It authenticates by the one header that release 12 keeps (``Authorization: MediaBrowser … Token="…"``):
the older ways (``X-Emby-Token``, ``api_key``) are switched off there. Sources: the server's published
OpenAPI document and its controllers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from homelab import __version__, web
from homelab.clients import jellyfin_data as data
from homelab.clients.jellyfin_data import TICKS, Account, Film, Library, Piece, Server, User, Watched
from homelab.errors import HomelabError, NoAnswer
from homelab.machine import Machine
from homelab.secret import Secret, conceal
from homelab.wait import until

if TYPE_CHECKING:
    import requests

SCAN = "RefreshLibrary"  # the scheduled task behind "Scan all libraries"
NOT_READY = (0, 502, 503)  # no answer yet, a proxy's word for it, or the server's own "still loading"
LOCKED = (401, 403)
_logins: WeakKeyDictionary[Machine, dict[tuple[str, str, str], Jellyfin]] = WeakKeyDictionary()


class JellyfinError(HomelabError):
    """The server refuses, or does not answer; `status` is HTTP's, 0 where there was no answer."""

    def __init__(self, what: str, where: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(what, where, hint)
        self.status = status


class NotAllowed(JellyfinError):
    """Nobody is logged in, the password is wrong, or this user may not do it."""


class Jellyfin:
    """A server at `base_url`, spoken to through `session`: connections start where the session's do.

    `device` names us in the server's list of devices. A login replaces an earlier one of the same
    device, so two who look from different places call themselves differently.
    """

    def __init__(self, session: requests.Session, base_url: str, device: str = "runbook") -> None:
        self.session, self.url, self.device = session, base_url.rstrip("/"), device
        self.token = ""
        self.user: User | None = None

    # -- before anybody is logged in -------------------------------------------------------------

    def healthy(self) -> bool:
        """Whether it says that it is; False while it starts or where nobody answers."""
        try:
            return self._call("GET", "/health").text.strip() == "Healthy"
        except JellyfinError as error:
            if error.status in NOT_READY:
                return False
            raise

    def wait(self, seconds: float = 120.0) -> Server:
        """Wait until it is ready (the first start at home takes a while), and say what it is.

        Raises:
            WaitTimeout: it does not get healthy.
        """
        until(
            self.healthy, bool, f"Jellyfin at {self.url} to be healthy", seconds,
            hint="docker logs jellyfin", where=self.url, every=0.1,
        )  # fmt: skip
        return self.info()

    def info(self) -> Server:
        """What it says of itself to anybody."""
        return data.server(self._json("GET", "/System/Info/Public"))

    def wizard(self, name: str, password: str, server_name: str = "", culture: str = "en-US") -> bool:
        """Walk through the first-run wizard: the first user, who is the admin. False: it has been done before.

        A walk that was cut short is taken up: a first user who has a password keeps it.

        Raises:
            JellyfinError: the server refuses a step.
        """
        if self.info().wizard_done:
            return False
        conceal(password)
        settings = {"UICulture": culture, "MetadataCountryCode": culture[3:], "PreferredMetadataLanguage": culture[:2]}  # fmt: skip
        self._call("POST", "/Startup/Configuration", body={"ServerName": server_name, **settings})
        self._call("GET", "/Startup/User")  # it is this question that creates the first user
        try:
            self._call("POST", "/Startup/User", body={"Name": name, "Password": password})
        except NotAllowed as error:
            if error.status != 403:
                raise
        self._call(
            "POST", "/Startup/RemoteAccess", body={"EnableRemoteAccess": True, "EnableAutomaticPortMapping": False}
        )  # fmt: skip
        self._call("POST", "/Startup/Complete")
        return True

    def login(self, name: str, password: str) -> User:
        """Log in; what follows is done as this user.

        Raises:
            NotAllowed: the name or the password is wrong.
        """
        conceal(password)
        self.token = ""
        try:
            found = self._json("POST", "/Users/AuthenticateByName", body={"Username": name, "Pw": password})
        except NotAllowed as error:
            hint = "is it the password that the first-run wizard was given?"
            raise NotAllowed(f"{name!r} cannot log in", self.url, hint, error.status) from error
        self.token = str(found["AccessToken"])
        conceal(self.token)
        self.user = data.user(found["User"])
        return self.user

    def sign_in(self, account: Account) -> User:
        """Log in as `account`, whose password is read now.

        Raises:
            NotAllowed: see `login`.
            PrerequisiteMissing: the reference gives no password.
        """
        return self.login(account.name, Secret.parse(account.password).reveal())

    def still_in(self) -> bool:
        """Whether the server still takes our login."""
        try:
            return bool(self._json("GET", "/Users/Me"))
        except JellyfinError:
            return False

    # -- as a user -----------------------------------------------------------------------------

    def logout(self) -> None:
        """End this login."""
        self._call("POST", "/Sessions/Logout")
        self.token, self.user = "", None

    def users(self) -> list[User]:
        """Everybody who has an account."""
        return [data.user(u) for u in self._json("GET", "/Users")]

    def libraries(self) -> list[Library]:
        """The libraries that there are."""
        return [data.library(one) for one in self._json("GET", "/Library/VirtualFolders")]

    def add_library(self, name: str, *paths: str, kind: str = "movies") -> bool:
        """A library of the folders `paths`, as the server sees them; False where one is called so already.

        It is empty until `scan`.

        Raises:
            JellyfinError: the server does not see such a folder.
        """
        if any(one.name == name for one in self.libraries()):
            return False
        asked = {"name": name, "collectionType": kind, "refreshLibrary": "false"}
        options = {"PathInfos": [{"Path": p} for p in paths]}
        self._call("POST", "/Library/VirtualFolders", asked, {"LibraryOptions": options})
        return True

    def remove_library(self, name: str) -> None:
        """Forget a library; its files stay."""
        self._call("DELETE", "/Library/VirtualFolders", {"name": name, "refreshLibrary": "false"})

    def scan(self, seconds: float = 120.0) -> None:
        """Look through all libraries for what is new, and wait for the end of it.

        Raises:
            WaitTimeout: it goes on for longer than that; it is not stopped.
            JellyfinError: the scan failed, in the server's words.
        """
        before = self._task().get("LastExecutionResult") or {}
        self._call("POST", "/Library/Refresh")

        def over(task: dict[str, Any]) -> bool:
            last = task.get("LastExecutionResult") or {}
            news = last.get("EndTimeUtc") != before.get("EndTimeUtc")
            # A scan that was under way is cancelled for ours, and ends first.
            return bool(task.get("State") == "Idle" and news and last.get("Status") != "Cancelled")

        task = until(self._task, over, "the library scan to end", seconds, where=self.url, hint="docker logs jellyfin")  # fmt: skip
        last = task["LastExecutionResult"]
        if last.get("Status") != "Completed":
            why = last.get("ErrorMessage") or last.get("Status")
            raise JellyfinError(f"the library scan failed: {why}", self.url, "docker logs jellyfin")

    def _task(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self._json("GET", "/ScheduledTasks")
        for task in found:
            if task.get("Key") == SCAN:
                return task
        raise JellyfinError(f"the server has no task {SCAN}", self.url, "is this a Jellyfin server?")

    def films(self) -> list[Film]:
        """All films that this user may see, by name."""
        asked = {
            "includeItemTypes": "Movie", "recursive": "true", "fields": "Path,MediaSources", "sortBy": "SortName",
        }  # fmt: skip
        return [data.film(item) for item in self._json("GET", "/Items", asked)["Items"]]

    def film(self, name: str) -> Film:
        """The film called `name`, or whose file is.

        Raises:
            JellyfinError: there is none.
        """
        films = self.films()
        for one in films:
            if name in (one.name, one.title):
                return one
        known = ", ".join(f.name for f in films) or "none at all"
        raise JellyfinError(f"no film is called {name!r}", self.url, f"there are: {known}; scan the library")

    def details(self, film: Film) -> dict[str, Any]:
        """All that the server tells of a film, as it tells it."""
        found: dict[str, Any] = self._json("GET", f"/Items/{film.id}")
        return found

    def watched(self, film: Film) -> Watched:
        """How far this user is with `film`."""
        return data.watched(self._json("GET", f"/UserItems/{film.id}/UserData"))

    def stopped_at(self, film: Film, position: float) -> Watched:
        """Keep that this user stopped `film` after `position` seconds.

        Players report their progress instead, but then the server does not keep the place in a film as
        short as ours: below five minutes it takes any stop for the end.
        """
        body = {"PlaybackPositionTicks": round(position * TICKS), "Played": False}
        return data.watched(self._json("POST", f"/UserItems/{film.id}/UserData", body=body))

    def mark_played(self, film: Film, played: bool = True) -> Watched:
        """Keep that this user has seen `film`, or has not."""
        return data.watched(self._json("POST" if played else "DELETE", f"/UserPlayedItems/{film.id}"))

    def stream_url(self, film: Film) -> str:
        """Where the film's file comes from, as it is (not transcoded); a player needs no login there."""
        return f"{self.url}/Videos/{film.id}/stream?static=true"

    def stream(self, film: Film, first: int = 0, last: int | None = None) -> Piece:
        """The bytes `first` to `last` (included) of the film's file; all of it without a range.

        Raises:
            JellyfinError: there is no such film, or the range is outside of it.
        """
        limits = (
            {} if (first, last) == (0, None) else {"Range": f"bytes={first}-{'' if last is None else last}"}
        )
        got = self._call("GET", f"/Videos/{film.id}/stream", {"static": "true"}, headers=limits)
        whole = got.headers.get("Content-Range", "").rpartition("/")[2]
        total = int(whole) if whole.isdigit() else len(got.content)
        return Piece(got.status_code, got.content, total, got.headers.get("Content-Type", ""))

    # -- as the admin ----------------------------------------------------------------------------

    def encoding(self) -> dict[str, Any]:
        """The transcoding settings, all of them."""
        found: dict[str, Any] = self._json("GET", "/System/Configuration/encoding")
        return found

    def set_encoding(self, **changed: Any) -> None:
        """Change some of the transcoding settings, such as ``HardwareAccelerationType="vaapi"``."""
        self._call("POST", "/System/Configuration/encoding", body={**self.encoding(), **changed})

    def restart(self) -> None:
        """Restart the server; `wait` sees it come back."""
        self._call("POST", "/System/Restart")

    # -- the wire ----------------------------------------------------------------------------------

    def authorization(self) -> str:
        """The header's value; the words in it are percent-encoded, as the server reads them."""
        words = {"Client": "Homelab Runbook", "Device": self.device, "DeviceId": f"homelab-runbook-{self.device}", "Version": __version__}  # fmt: skip
        if self.token:
            words["Token"] = self.token
        return "MediaBrowser " + ", ".join(f'{k}="{quote(v, safe=" ")}"' for k, v in words.items())

    def _json(self, method: str, path: str, asked: dict[str, str] | None = None, body: Any = None) -> Any:
        answer = self._call(method, path, asked, body)
        try:
            return answer.json()
        except ValueError as error:
            said = answer.text.strip()[:60]
            raise JellyfinError(
                f"{method} {path} is answered by something else than Jellyfin: {said!r}", self.url,
                "which program listens on that port?", answer.status_code,
            ) from error  # fmt: skip

    def _call(
        self, method: str, path: str, asked: dict[str, str] | None = None, body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        said = {"Authorization": self.authorization(), **(headers or {})}
        try:
            answer = self.session.request(method, f"{self.url}{path}", params=asked, json=body, headers=said)
        except (NoAnswer, OSError) as error:  # the latter from a plain session of requests
            why = error.what if isinstance(error, NoAnswer) else f"nobody answers: {_innermost(error)}"
            raise JellyfinError(why, self.url, "does it run? `docker ps`, `docker logs jellyfin`") from error
        if answer.status_code in LOCKED:
            raise NotAllowed(
                f"{method} {path} is not allowed ({answer.status_code})", self.url,
                "" if self.token else "nobody is logged in", answer.status_code,
            )  # fmt: skip
        if answer.status_code >= 400:
            words = " ".join(answer.text.split())[:200] or answer.reason
            hint = "it is still starting" if answer.status_code in NOT_READY else ""
            raise JellyfinError(f"{method} {path}: {answer.status_code} {words}", self.url, hint, answer.status_code)  # fmt: skip
        return answer


def seen_from(machine: Machine, url: str, account: Account | None = None) -> Jellyfin:
    """The server at `url` as `machine` sees it; logged in where there is an `account`.

    A login that still holds is used again: the server makes each new one expensive, against guessing.

    Raises:
        JellyfinError: it does not answer, or does not know this user.
        PrerequisiteMissing: the reference gives no password.
    """
    found = Jellyfin(web.session(machine), url, device=machine.name)
    if account is None:
        return found
    password = Secret.parse(account.password).reveal()
    logins, key = _logins.setdefault(machine, {}), (url, account.name, password)
    if (before := logins.get(key)) and before.still_in():
        return before
    found.login(account.name, password)
    logins[key] = found
    return found


def _innermost(error: BaseException) -> str:
    """What really happened, below the layers that wrapped it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__
