"""The client against a session of canned answers: what it asks, what it makes of what it hears."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import requests

from homelab.clients.jellyfin import Jellyfin, JellyfinError, NotAllowed
from homelab.clients.jellyfin_data import Account, Film
from homelab.errors import HomelabError, NoAnswer, WaitTimeout

URL = "http://tequila:8096/"
PUBLIC = {"ServerName": "tequila", "Version": "12.4.0", "Id": "i1", "ProductName": "Jellyfin Server"}
LOGIN = {
    "AccessToken": "sesame-sesame",
    "User": {"Id": "u1", "Name": "alice", "Policy": {"IsAdministrator": True}},
}
MOVIE = {
    "Id": "f1", "Name": "Bars", "ProductionYear": 2022, "Container": "mp4", "RunTimeTicks": 80_000_000,
    "Path": "/media/Movies/Colour Bars (2022)/Colour Bars (2022).mp4", "MediaSources": [{"Size": 60_000}],
}  # fmt: skip
FILM = Film("f1", "Bars", 2022, "mp4", 8.0, 60_000, "/media/x.mp4")


class Session:
    """Answers by method and path: a status, a body, an exception, or a list of these, one after the other."""

    def __init__(self, **answers: object) -> None:
        self.answers = {key.replace("__", " /", 1).replace("_", "/"): value for key, value in answers.items()}
        self.asked: list[SimpleNamespace] = []

    def request(self, method, url, *, params, json, headers):
        path = url.removeprefix(URL.rstrip("/"))
        self.asked.append(SimpleNamespace(what=f"{method} {path}", params=params, body=json, headers=headers))
        answer = self.answers.get(f"{method} {path}", 404)
        if isinstance(answer, list) and answer and not isinstance(answer[0], dict):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return response(answer)

    def body(self, what: str):
        return next(a.body for a in self.asked if a.what == what)


def response(answer) -> requests.Response:
    made = requests.Response()
    made.status_code = answer if isinstance(answer, int) else 200
    if not isinstance(answer, int):
        text = answer if isinstance(answer, str) else json.dumps(answer)
        made._content = text.encode()
    else:
        made._content = b""
    return made


def client(**answers: object) -> tuple[Jellyfin, Session]:
    session = Session(**answers)
    return Jellyfin(session, URL, device="phone"), session


WIZARD = {
    "GET__System_Info_Public": {**PUBLIC, "StartupWizardCompleted": False},
    "POST__Startup_Configuration": 204,
    "GET__Startup_User": {"Name": "root"},
    "POST__Startup_User": 204,
    "POST__Startup_RemoteAccess": 204,
    "POST__Startup_Complete": 204,
}


def test_it_says_who_it_is_in_the_one_header_that_is_left() -> None:
    server, session = client(POST__Users_AuthenticateByName=LOGIN, GET__Users_Me=LOGIN["User"], GET__Users=[LOGIN["User"]])  # fmt: skip
    assert server.login("alice", "open-sesame").admin
    assert [u.name for u in server.users()] == ["alice"]
    before, after = (a.headers["Authorization"] for a in session.asked)
    pattern = r'MediaBrowser Client="Homelab Runbook", Device="phone", DeviceId="homelab-runbook-phone", Version="[\d.]+"'
    assert re.fullmatch(pattern, before)
    assert re.fullmatch(pattern + ', Token="sesame-sesame"', after)
    assert all(set(a.headers) == {"Authorization"} for a in session.asked), "no other way to authenticate"
    assert session.body("POST /Users/AuthenticateByName") == {"Username": "alice", "Pw": "open-sesame"}


def test_a_word_in_the_header_cannot_end_it() -> None:
    server, _ = client()
    server.device = 'my "phone", Token="x'
    assert 'Device="my %22phone%22%2C Token%3D%22x"' in server.authorization()


def test_the_wizard_in_its_order() -> None:
    server, session = client(**WIZARD)
    assert server.wizard("alice", "open-sesame", "tequila") is True
    assert [a.what for a in session.asked] == [
        "GET /System/Info/Public",
        "POST /Startup/Configuration",
        "GET /Startup/User",
        "POST /Startup/User",
        "POST /Startup/RemoteAccess",
        "POST /Startup/Complete",
    ]
    assert session.body("POST /Startup/User") == {"Name": "alice", "Password": "open-sesame"}
    assert session.body("POST /Startup/Configuration")["ServerName"] == "tequila"


def test_a_wizard_that_was_done_is_not_done_again() -> None:
    server, session = client(GET__System_Info_Public={**PUBLIC, "StartupWizardCompleted": True})
    assert server.wizard("alice", "open-sesame") is False
    assert len(session.asked) == 1


def test_a_wizard_that_was_cut_short_is_taken_up() -> None:
    server, session = client(**{**WIZARD, "POST__Startup_User": 403})
    assert server.wizard("alice", "open-sesame") is True
    assert session.asked[-1].what == "POST /Startup/Complete"


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_step_of_the_wizard_that_is_refused_ends_it(status) -> None:
    server, session = client(**{**WIZARD, "POST__Startup_User": status})
    with pytest.raises(JellyfinError) as caught:
        server.wizard("alice", "x")
    assert caught.value.status == status
    assert "Complete" not in session.asked[-1].what


def test_a_wrong_password_is_told_without_it() -> None:
    server, _ = client(POST__Users_AuthenticateByName=401)
    with pytest.raises(NotAllowed, match="'alice' cannot log in") as caught:
        server.login("alice", "not-this-one")
    assert "not-this-one" not in str(caught.value)
    assert server.user is None


def test_a_password_is_a_reference(monkeypatch) -> None:
    server, session = client(POST__Users_AuthenticateByName=LOGIN)
    monkeypatch.setenv("JELLY_PW", "open-sesame")
    server.sign_in(Account("alice", "env:JELLY_PW"))
    assert session.body("POST /Users/AuthenticateByName")["Pw"] == "open-sesame"
    with pytest.raises(ValueError, match="reference"):
        server.sign_in(Account("alice", "open-sesame"))


def test_films_come_with_what_a_player_needs() -> None:
    server, session = client(GET__Items={"Items": [MOVIE]})
    (one,) = server.films()
    assert one == Film("f1", "Bars", 2022, "mp4", 8.0, 60_000, MOVIE["Path"])
    assert one.title == "Colour Bars"
    assert session.asked[0].params["includeItemTypes"] == "Movie"
    assert server.film("Colour Bars") == server.film("Bars") == one
    with pytest.raises(JellyfinError, match="no film is called 'Casablanca'") as caught:
        server.film("Casablanca")
    assert "there are: Bars" in caught.value.hint


def test_a_sparse_film_is_a_film() -> None:
    server, _ = client(GET__Items={"Items": [{"Id": "x", "Name": "Y"}]})
    assert server.films() == [Film("x", "Y", 0, "", 0.0, 0, "")]


def test_a_library_is_added_once() -> None:
    server, session = client(
        GET__Library_VirtualFolders=[{"Name": "Films", "CollectionType": "movies", "Locations": ["/media"], "ItemId": "l"}],
        POST__Library_VirtualFolders=204,
    )  # fmt: skip
    assert server.add_library("Films", "/media") is False
    assert server.add_library("More", "/m1", "/m2") is True
    added = session.asked[-1]
    assert added.params == {"name": "More", "collectionType": "movies", "refreshLibrary": "false"}
    assert added.body == {"LibraryOptions": {"PathInfos": [{"Path": "/m1"}, {"Path": "/m2"}]}}


def task(end: str, state: str = "Idle", status: str = "Completed", **more: object):
    return [{"Key": "Other"}, {"Key": "RefreshLibrary", "State": state, "LastExecutionResult": {"EndTimeUtc": end, "Status": status, **more}}]  # fmt: skip


def scans(*tasks: object) -> Jellyfin:
    """A server whose tasks are these, one look after the other."""
    server, _ = client(POST__Library_Refresh=204)
    left = list(tasks)
    server._json = lambda method, path: left.pop(0) if len(left) > 1 else left[0]
    return server


def test_a_scan_is_over_when_its_own_end_is_told() -> None:
    scans(task("1"), task("1"), task("1", "Running"), task("2", status="Cancelled"), task("3")).scan(5)


def test_a_first_scan_has_no_scan_before_it() -> None:
    scans([{"Key": "RefreshLibrary", "State": "Idle"}], task("1", "Running"), task("1")).scan(5)


def test_a_scan_that_fails_says_why() -> None:
    with pytest.raises(JellyfinError, match="no such disk"):
        scans(task("1"), task("2", status="Failed", ErrorMessage="no such disk")).scan(5)


def test_a_scan_without_end_is_not_waited_for_forever() -> None:
    with pytest.raises(WaitTimeout, match="library scan"):
        scans(task("1"), task("1", "Running")).scan(0.1)


def test_something_else_on_that_port() -> None:
    server, _ = client(GET__System_Info_Public="<html>It works!</html>")
    with pytest.raises(JellyfinError, match="something else than Jellyfin"):
        server.info()
    with pytest.raises(JellyfinError, match="no task RefreshLibrary"):
        scans([{"Key": "Other"}]).scan()


@pytest.mark.parametrize(
    "silence", [NoAnswer("nobody answers", "phone"), requests.ConnectionError("refused"), requests.Timeout("slow")]
)  # fmt: skip
def test_nobody_answers(silence) -> None:
    server, _ = client(GET__health=silence, GET__System_Info_Public=silence)
    assert server.healthy() is False
    with pytest.raises(HomelabError, match=r"nobody answers|refused|slow") as caught:
        server.info()
    assert caught.value.hint


def test_it_is_waited_for_while_it_starts() -> None:
    server, _ = client(
        GET__health=[NoAnswer("refused"), 503, "Degraded", "Healthy"], GET__System_Info_Public=PUBLIC
    )
    assert server.wait(5).version == "12.4.0"
    with pytest.raises(JellyfinError):
        client(GET__health=500)[0].healthy()


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [(0, None, None), (100, None, "bytes=100-"), (0, 9, "bytes=0-9"), (5, 9, "bytes=5-9")],
)
def test_ranges(first, last, wanted) -> None:
    server, session = client()
    found = response("x" * 10)
    found.status_code = 206
    found.headers["Content-Range"] = "bytes 5-9/60000"
    found.headers["Content-Type"] = "video/mp4"
    session.request = lambda *a, **k: session.asked.append(SimpleNamespace(**k)) or found
    piece = server.stream(FILM, first, last)
    assert (piece.status, piece.total, piece.media) == (206, 60_000, "video/mp4")
    assert session.asked[0].headers.get("Range") == wanted


def test_the_place_in_a_film() -> None:
    told = {"PlaybackPositionTicks": 32_000_000, "Played": False, "PlayCount": 1}
    seen = {"PlaybackPositionTicks": 0, "Played": True, "PlayCount": 2}
    server, session = client(
        POST__UserItems_f1_UserData=told, GET__UserItems_f1_UserData=told, POST__UserPlayedItems_f1=seen,
        DELETE__UserPlayedItems_f1=told,
    )  # fmt: skip
    assert server.stopped_at(FILM, 3.2).position == server.watched(FILM).position == 3.2
    assert session.asked[0].body == {"PlaybackPositionTicks": 32_000_000, "Played": False}
    assert server.mark_played(FILM).played
    assert not server.mark_played(FILM, False).played


def test_one_setting_of_many_is_changed() -> None:
    server, session = client(
        GET__System_Configuration_encoding={"HardwareAccelerationType": "none", "H264Crf": 23},
        POST__System_Configuration_encoding=204,
    )
    server.set_encoding(HardwareAccelerationType="vaapi")
    assert session.asked[-1].body == {"HardwareAccelerationType": "vaapi", "H264Crf": 23}
