"""Our client and the resources on a Jellyfin server, against the lab's stand-in as a process of its own on the loopback.

That the stand-in speaks Jellyfin's API is proved elsewhere, with client libraries that are not ours.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homelab import web
from homelab.checks import jellyfin as asks
from homelab.clients.jellyfin import Jellyfin, JellyfinError, NotAllowed
from homelab.clients.jellyfin_data import Account
from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.lab import golang
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.plan import matches
from homelab.resources import film, jellyfin_server, library, transcoding
from homelab.resources.jellyfin_api import Door

SOURCES = Path(golang.__file__).parent / "images"
PASSWORD = "open-sesame-123"
HERE = LocalMachine("tequila", Reader(), Pending())


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, built; a second or two where the build cache is warm."""
    try:
        go = golang.find(SOURCES / "go.mod")
    except PrerequisiteMissing as error:
        pytest.skip(str(error))
    made = tmp_path_factory.mktemp("go") / "jellyfin"
    subprocess.run(
        [go, "build", "-trimpath", "-o", str(made), "./jellyfin"], cwd=SOURCES, env=golang.environment(), check=True
    )  # fmt: skip
    return made


def keep(file: Path, secret: str) -> None:
    """Write it for nobody else to read, as a reference to it wants."""
    file.touch(0o600)
    file.write_text(secret)


class Running:
    """A server on a port of its own, and its folders."""

    def __init__(self, program: Path, folder: Path, version: str = "12.4") -> None:
        self.program, self.folder, self.version = program, folder, version
        self.media = folder / "media"
        self.media.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.password = folder / "password"
        self.door = Door(self.port, "alice", f"file:{self.password}")
        self.start()

    def start(self) -> None:
        env = {
            "PATH": os.environ["PATH"], "HOMELAB_LISTEN": f"127.0.0.1:{self.port}", "HOMELAB_VERSION": self.version,
            "JELLYFIN_DATA_DIR": str(self.folder / "config"), "JELLYFIN_CACHE_DIR": str(self.folder / "cache"),
        }  # fmt: skip
        self.process = subprocess.Popen([self.program], env=env, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def films(self, *titles: str) -> None:
        """Files that are called like our films; what is in them nobody here looks at."""
        for title in titles:
            path = Path(film.path_in(str(self.media), title))
            path.parent.mkdir()
            path.write_bytes(os.urandom(200_000))

    def client(self, device: str = "test") -> Jellyfin:
        return Jellyfin(web.session(HERE), self.door.url, device=device)

    def type_it(self, command: list[str]) -> None:
        """Run a shown command as a reader would, who has the password in the environment."""
        HERE.run(command, env={"JELLYFIN_PASSWORD": PASSWORD}).ok()


@pytest.fixture
def fresh(program, tmp_path) -> Iterator[Running]:
    running = Running(program, tmp_path)
    running.client().wait(10)
    yield running
    running.end()


@pytest.fixture
def ready(fresh) -> Running:
    """One that has been set up, with two films that nobody has scanned."""
    keep(fresh.password, PASSWORD)
    fresh.client().wizard("alice", PASSWORD, "tequila")
    fresh.films("Colour Bars", "Test Pattern")
    return fresh


def shelf(server: Running, *titles: str, there: bool = True) -> library.State:
    paths = (str(server.media),) if there else ()
    return library.State(there, "Films", paths, titles, str(server.door))


def test_the_wizard_typed_and_done_lead_to_the_same(program, tmp_path) -> None:
    reached = []
    for way in ("typed", "done"):
        server = Running(program, tmp_path / way)
        server.client().wait(10)
        keep(server.password, PASSWORD)
        before = jellyfin_server.read(HERE, str(server.door))
        after = jellyfin_server.State(True, "tequila", "alice", server.door.password, server.port)
        assert not matches(before, after)
        if way == "typed":
            server.type_it(jellyfin_server.command(before, after))
        else:
            jellyfin_server.do(HERE, before, after)
        reached.append((jellyfin_server.read(HERE, str(server.door)).server_name, server.client().login("alice", PASSWORD).admin))  # fmt: skip
        assert matches(jellyfin_server.read(HERE, str(server.door)), after)
        server.end()
    assert reached == [("tequila", True)] * 2


def test_a_password_is_made_for_you_alone(fresh) -> None:
    after = jellyfin_server.State(True, "tequila", "alice", fresh.door.password, fresh.port)
    jellyfin_server.do(HERE, jellyfin_server.read(HERE, str(fresh.door)), after)
    assert fresh.password.stat().st_mode & 0o777 == 0o600
    made = fresh.password.read_text()
    assert len(made.strip()) >= 12
    jellyfin_server.do(HERE, jellyfin_server.State(False), after)  # a second time it is the same one
    assert fresh.password.read_text() == made


def test_a_wizard_cut_short_is_taken_up(fresh) -> None:
    server = fresh.client()
    server._call("POST", "/Startup/Configuration", body={"ServerName": "half"})
    server._call("GET", "/Startup/User")
    server._call("POST", "/Startup/User", body={"Name": "alice", "Password": PASSWORD})
    fresh.end()
    fresh.start()
    fresh.client().wait(10)
    keep(fresh.password, PASSWORD)
    after = jellyfin_server.State(True, "tequila", "alice", fresh.door.password, fresh.port)
    jellyfin_server.do(HERE, jellyfin_server.read(HERE, str(fresh.door)), after)
    assert matches(jellyfin_server.read(HERE, str(fresh.door)), after)


def test_a_wizard_that_somebody_else_walked_through_is_told(ready) -> None:
    keep(ready.password, "another-password")
    after = jellyfin_server.State(True, "tequila", "alice", ready.door.password, ready.port)
    with pytest.raises(NotAllowed, match="cannot log in"):
        jellyfin_server.do(HERE, jellyfin_server.State(False), after)


def test_a_library_typed_and_done_and_back(ready) -> None:
    name = library.name_of(ready.door, "Films")
    none = library.read(HERE, name)
    assert none == shelf(ready, there=False)
    wanted = shelf(ready, "Colour Bars", "Test Pattern")
    for way in (ready.type_it, None):
        if way:
            way(library.command(none, wanted))
            _settled(name, wanted)  # the line starts the scan, and does not wait for it
            way(library.command(wanted, none))
        else:
            library.do(HERE, none, wanted)
            assert library.read(HERE, name) == wanted
            library.do(HERE, wanted, none)
        assert library.read(HERE, name) == none


def _settled(name: str, wanted: library.State) -> None:
    from homelab.wait import until

    until(lambda: library.read(HERE, name), lambda s: s == wanted, str(wanted), 10)


def test_a_film_that_comes_later_is_found_by_a_scan(ready) -> None:
    name = library.name_of(ready.door, "Films")
    library.do(HERE, shelf(ready, there=False), shelf(ready, "Colour Bars", "Test Pattern"))
    ready.films("Game of Life")
    before, after = library.read(HERE, name), shelf(ready, *film.FILMS)
    assert not matches(before, after)
    library.do(HERE, before, after)
    assert library.read(HERE, name) == after
    Path(film.path_in(str(ready.media), "Game of Life")).unlink()
    ready.type_it(library.command(after, before))
    _settled(name, before)


def test_a_library_of_a_folder_that_is_not_there(ready) -> None:
    wanted = library.State(True, "Films", ("/nowhere",), (), str(ready.door))
    with pytest.raises(JellyfinError, match="/nowhere"):
        library.do(HERE, shelf(ready, there=False), wanted)


@pytest.mark.skipif(not shutil.which("jq"), reason="the shown line needs jq")
def test_transcoding_typed_and_done_and_back(ready) -> None:
    none = transcoding.read(HERE, str(ready.door))
    assert none.hardware == "none"
    wanted = transcoding.State("vaapi", door=str(ready.door))
    for go in (ready.type_it, None):
        for before, after in ((none, wanted), (wanted, none)):
            if go:
                go(transcoding.command(before, after))
            else:
                transcoding.do(HERE, before, after)
            assert transcoding.read(HERE, str(ready.door)) == after
    kept = ready.client()
    kept.sign_in(ready.door.account)
    assert kept.encoding()["H264Crf"] == 23, "the other settings are as they were"


def test_all_that_the_client_can_do(ready) -> None:
    server = ready.client()
    assert server.info().version == "12.4.0"
    assert server.sign_in(ready.door.account).admin
    assert server.add_library("Films", str(ready.media))
    assert not server.add_library("Films", str(ready.media))
    server.scan()
    bars = server.film("Colour Bars")
    assert (bars.year, bars.size, bars.container) == (2022, 200_000, "mp4")
    assert server.details(bars)["Path"] == bars.path
    whole = server.stream(bars)
    assert (whole.status, len(whole.data), whole.media) == (200, 200_000, "video/mp4")
    piece = server.stream(bars, 1000, 1999)
    assert (piece.status, piece.total, piece.data) == (206, 200_000, whole.data[1000:2000])
    with pytest.raises(JellyfinError) as caught:
        server.stream(bars, 10**9)
    assert caught.value.status == 416
    assert server.stopped_at(bars, 3.2).position == 3.2
    pattern = server.film("Test Pattern")
    assert server.mark_played(pattern).played
    assert not server.mark_played(pattern, False).played
    server.restart()
    server.wait(10)
    assert server.watched(bars).position == 3.2, "the token and the place in the film outlive a restart"
    assert [u.name for u in server.users()] == ["alice"]
    server.logout()
    with pytest.raises(NotAllowed, match="not allowed"):
        server.films()


def test_the_checks_see_what_is_and_what_is_not(ready) -> None:
    url, alice = ready.door.url, ready.door.account
    assert asks.has_films(HERE, url, alice).status == "warn"
    library.do(HERE, shelf(ready, there=False), shelf(ready, "Colour Bars", "Test Pattern"))
    ready.client("other").sign_in(alice)
    good = [
        asks.healthy(HERE, url), asks.current(HERE, url), asks.shows_its_page(HERE, url),
        asks.asks_who_you_are(HERE, url, alice), asks.has_films(HERE, url, alice, "Colour Bars"),
        asks.refuses(HERE, url, "alice"), asks.remembers(HERE, url, alice, "Colour Bars"),
    ]  # fmt: skip
    assert [(a.name, a.status, a.evidence) for a in good if a.status != "ok"] == []
    bad = [
        asks.has_films(HERE, url, alice, "Casablanca"),
        asks.plays(HERE, url, alice, "Casablanca"),
        asks.remembers(HERE, url, alice, "Colour Bars", position=3.2),
        asks.remembers(HERE, url, alice, "Colour Bars", played=True),
        asks.has_films(HERE, url, Account("alice", "cmd:echo wrong-one"), "Colour Bars"),
        asks.healthy(HERE, "http://127.0.0.1:9"),
        asks.current(HERE, "http://127.0.0.1:9"),
        asks.shows_its_page(HERE, "http://127.0.0.1:9"),
    ]
    assert [(a.name, a.status) for a in bad if a.status != "fail"] == []
    assert all(a.evidence for a in bad)


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="no ffprobe here")
def test_what_is_no_film_does_not_play(ready) -> None:
    library.do(HERE, shelf(ready, there=False), shelf(ready, "Colour Bars", "Test Pattern"))
    answer = asks.plays(HERE, ready.door.url, ready.door.account, "Colour Bars")
    assert (answer.status, "ffprobe" in answer.evidence) == ("fail", True)


def test_an_older_release_is_used_and_told(program, tmp_path) -> None:
    server = Running(program, tmp_path, version="10.11.6")
    server.client().wait(10)
    keep(server.password, PASSWORD)
    server.client().wizard("alice", PASSWORD)
    answers = [
        asks.current(HERE, server.door.url),
        asks.asks_who_you_are(HERE, server.door.url, server.door.account),
    ]
    server.end()
    assert [a.status for a in answers] == ["warn", "warn"]
    assert "10.11.6" in answers[0].evidence
    assert "X-Emby-Token: 200" in answers[1].evidence


def test_a_server_that_starts_late_is_waited_for(program, tmp_path) -> None:
    server = Running(program, tmp_path)
    server.end()
    threading.Timer(0.3, server.start).start()
    assert server.client().wait(10).version == "12.4.0"
    server.end()


def test_a_server_that_says_other_things() -> None:
    """What answers on the port is no Jellyfin at all."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nIt works!"
                )

    threading.Thread(target=answer, daemon=True).start()
    door = Door(listener.getsockname()[1], "alice", "cmd:echo sesame-sesame")
    try:
        assert asks.shows_its_page(HERE, door.url).status == "fail"
        assert asks.healthy(HERE, door.url).status == "fail"
        for look in (
            lambda: jellyfin_server.read(HERE, str(door)),
            lambda: library.read(HERE, f"{door} Films"),
        ):
            _says_nothing(look)
    finally:
        listener.close()


def _says_nothing(look: Any) -> None:
    try:
        state = look()
    except HomelabError:
        raise AssertionError("reading is no place to fail") from None
    assert not getattr(state, "set_up", False)
    assert not getattr(state, "there", False)
