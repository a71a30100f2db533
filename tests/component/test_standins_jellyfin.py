"""The stand-in for Jellyfin, driven by the PyPI package jellyfin-apiclient-python, unchanged.

The library sends its token in the Authorization header and, in addresses that it hands to players, as ApiKey:
the two ways that Jellyfin 12 keeps. It has no older way that would have to be switched off.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jellyfin_apiclient_python import JellyfinClient
from jellyfin_apiclient_python.exceptions import HTTPException
from standin import Server, build, film, go_test, media_tools

from homelab.wait import until

NAME, PASSWORD = "kupo", "moogle-123"
FILMS = ("Nosferatu (1922)", "Metropolis (1927)", "The General (1926)")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("jellyfin", tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for title in FILMS:
        film(folder, title)
    return folder


def jellyfin(program: Path, folder: Path, version: str = "12.4") -> Server:
    tools = media_tools()
    own = {"JELLYFIN_DATA_DIR": str(folder / "config"), "JELLYFIN_CACHE_DIR": str(folder / "cache")}
    return Server(program, folder, "/health", {**own, **tools, "HOMELAB_VERSION": version})


def walk_through(server: Server) -> None:
    """The first-run wizard, as its web page walks through it; the client library has no words for it."""
    session = requests.Session()
    assert session.get(f"{server.url}/Startup/User", timeout=10).json() == {"Name": "root"}
    for step, body in (
        ("Configuration", {"ServerName": "tequila", "UICulture": "en-US", "MetadataCountryCode": "US",
                           "PreferredMetadataLanguage": "en"}),
        ("User", {"Name": NAME, "Password": PASSWORD}),
        ("RemoteAccess", {"EnableRemoteAccess": True, "EnableAutomaticPortMapping": False}),
        ("Complete", None),
    ):  # fmt: skip
        answer = session.post(f"{server.url}/Startup/{step}", json=body, timeout=10)
        assert answer.status_code == 204, answer.text


def log_in(server: Server, device: str = "test-device") -> JellyfinClient:
    client = JellyfinClient()
    client.config.app("runbook tests", "1.0", "test", device)
    client.config.data["auth.ssl"] = False
    client.auth.connect_to_address(server.url)
    assert client.auth.login(server.url, NAME, PASSWORD), "the library could not log in"
    found = client.auth.credentials.get_credentials()["Servers"][0]
    client.authenticate({"Servers": [found]}, discover=False)
    return client


def scan(client: JellyfinClient) -> dict[str, Any]:
    client.jellyfin.refresh_library()
    return until(
        lambda: client.jellyfin._get("ScheduledTasks")[0], lambda task: task["State"] == "Idle", "the scan", 60
    )  # fmt: skip


def films(client: JellyfinClient) -> dict[str, dict[str, Any]]:
    found = client.jellyfin.get_user_items(include_item_types="Movie", recursive=True, sort_by="SortName")
    return {item["Name"]: item for item in found["Items"]}


@pytest.fixture(scope="module")
def server(program: Path, media: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose wizard is done and that has scanned three films."""
    with jellyfin(program, tmp_path_factory.mktemp("jf")) as running:
        walk_through(running)
        client = log_in(running)
        client.jellyfin.add_media_library("Movies", "movies", [str(media)], refreshLibrary=False)
        assert scan(client)["LastExecutionResult"]["Status"] == "Completed"
        yield running


@pytest.fixture
def client(server: Server) -> JellyfinClient:
    return log_in(server)


def test_a_new_server_says_who_it_is_and_that_its_wizard_waits(program: Path, tmp_path: Path) -> None:
    with jellyfin(program, tmp_path) as new:
        info = new.get("/system/info/PUBLIC").json()  # routes do not care about case
        assert (info["StartupWizardCompleted"], info["Version"]) == (False, "12.4.0")
        assert new.get("/health").text == "Healthy"
        assert new.healthcheck() == 0
        assert "stand-in for Jellyfin" in new.get("/web/").text
        assert new.get("/").url.endswith("/web/")
        assert new.end() == 0, "SIGTERM ends it in good order"
        assert new.healthcheck() == 1


def test_the_wizard_ends_and_stays_shut(server: Server) -> None:
    assert server.get("/System/Info/Public").json()["StartupWizardCompleted"] is True
    for path in ("/Startup/User", "/Startup/Configuration", "/Library/VirtualFolders", "/System/Info"):
        assert server.get(path).status_code == 401, path
    again = requests.post(f"{server.url}/Startup/User", json={"Name": "eve", "Password": "x"}, timeout=10)
    assert again.status_code == 401


def test_who_logs_in_is_an_administrator_with_a_session(client: JellyfinClient) -> None:
    assert client.jellyfin.get_user()["Policy"]["IsAdministrator"] is True
    assert client.jellyfin.get_system_info_new()["ServerName"] == "tequila"
    session = next(s for s in client.jellyfin.get_sessions() if s["DeviceId"] == "test-device")
    assert (session["UserName"], session["Client"]) == (NAME, "runbook tests")


def test_a_wrong_password_is_refused(server: Server) -> None:
    client = JellyfinClient()
    client.config.app("runbook tests", "1.0", "test", "somebody")
    client.config.data["auth.ssl"] = False
    client.auth.connect_to_address(server.url)
    assert not client.auth.login(server.url, NAME, "wrong")


def test_a_login_must_say_from_where(server: Server) -> None:
    body = {"Username": NAME, "Pw": PASSWORD}
    answer = requests.post(f"{server.url}/Users/AuthenticateByName", json=body, timeout=10)
    assert answer.status_code == 400


def test_the_library_holds_what_ffprobe_saw(client: JellyfinClient, media: Path) -> None:
    (library,) = client.jellyfin.virtual_folders()
    assert (library["Name"], library["Locations"], library["CollectionType"]) == (
        "Movies",
        [str(media)],
        "movies",
    )
    assert [view["Name"] for view in client.jellyfin.get_views()["Items"]] == ["Movies"]
    found = films(client)
    assert list(found) == ["Metropolis", "Nosferatu", "The General"]
    item = client.jellyfin.get_item(found["Metropolis"]["Id"])
    assert item["ProductionYear"] == 1927
    assert abs(item["RunTimeTicks"] - 4 * 10_000_000) < 2_000_000
    streams = {s["Type"]: s for s in item["MediaSources"][0]["MediaStreams"]}
    assert (streams["Video"]["Codec"], streams["Video"]["Width"], streams["Audio"]["Codec"]) == (
        "h264",
        320,
        "aac",
    )


def test_films_are_found_by_name_year_and_page(client: JellyfinClient) -> None:
    def names(**more: Any) -> list[str]:
        asked = {"Recursive": True, "SortBy": "SortName", **more}
        return [i["Name"] for i in client.jellyfin._get("Items", asked)["Items"]]

    assert names(searchTerm="nosf") == ["Nosferatu"]
    assert names(years="1926,1927") == ["Metropolis", "The General"]
    assert names(StartIndex=1, Limit=1) == ["Nosferatu"]
    assert names(SortBy="ProductionYear", SortOrder="Descending")[0] == "Metropolis"
    assert names(IncludeItemTypes="Series") == []


def test_a_film_plays_from_any_byte(client: JellyfinClient, media: Path) -> None:
    item = films(client)["Nosferatu"]
    data = (media / FILMS[0] / f"{FILMS[0]}.mp4").read_bytes()
    address = client.jellyfin.video_url(item["Id"])
    assert "ApiKey=" in address
    part = requests.get(address, headers={"Range": "bytes=1000-1999"}, timeout=10)
    assert (part.status_code, part.content) == (206, data[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(data)}"
    head = requests.head(address, timeout=10)
    assert (head.headers["Content-Length"], head.headers["Accept-Ranges"]) == (str(len(data)), "bytes")
    assert head.headers["Content-Type"] == "video/mp4"
    assert requests.get(address, headers={"Range": f"bytes={len(data)}-"}, timeout=10).status_code == 416
    info = client.jellyfin._get(f"Items/{item['Id']}/PlaybackInfo")
    assert info["MediaSources"][0]["Size"] == len(data)
    assert info["PlaySessionId"]


def test_a_film_has_a_poster(client: JellyfinClient) -> None:
    item = films(client)["The General"]
    picture = requests.get(
        client.jellyfin.image_url(item["Id"], tag=item["ImageTags"]["Primary"]), timeout=10
    )
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.content[:2] == b"\xff\xd8"


def test_watch_state_outlives_a_kill(server: Server, client: JellyfinClient) -> None:
    found = films(client)
    seen, begun = found["Nosferatu"]["Id"], found["Metropolis"]["Id"]
    # Films under five minutes are never resumed by Jellyfin's default, so the setting goes down first.
    settings = client.jellyfin.get_system_configuration()
    client.jellyfin._post("System/Configuration", json={**settings, "MinResumeDurationSeconds": 1})
    client.jellyfin.item_played(seen, True)
    client.jellyfin.session_playing({"ItemId": begun, "PositionTicks": 0})
    client.jellyfin.session_progress({"ItemId": begun, "PositionTicks": 10_000_000})
    session = next(s for s in client.jellyfin.get_sessions() if "NowPlayingItem" in s)
    assert session["NowPlayingItem"]["Name"] == "Metropolis"
    client.jellyfin.session_stop({"ItemId": begun, "PositionTicks": 20_000_000})
    server.end(signal.SIGKILL)
    server.start()
    assert films(client)["Nosferatu"]["UserData"]["Played"] is True, "the old login still counts, too"
    data = client.jellyfin.get_userdata_for_item(begun)
    assert (data["PlaybackPositionTicks"], data["Played"], data["PlayCount"]) == (20_000_000, False, 1)
    assert [i["Name"] for i in client.jellyfin._get("UserItems/Resume")["Items"]] == ["Metropolis"]
    assert [i["Name"] for i in client.jellyfin.get_resume_items()["Items"]] == ["Metropolis"]
    client.jellyfin._post("System/Configuration", json=settings)
    client.jellyfin.session_stop({"ItemId": begun, "PositionTicks": 20_000_000})
    data = client.jellyfin.get_userdata_for_item(begun)
    assert (data["PlaybackPositionTicks"], data["Played"]) == (0, True), (
        "the default: seen, since it is short"
    )


def test_transcoding_is_a_setting(client: JellyfinClient) -> None:
    before = client.jellyfin.get_transcode_settings()
    assert before["HardwareAccelerationType"] == "none"
    client.jellyfin._post(
        "System/Configuration/encoding", json={**before, "HardwareAccelerationType": "vaapi"}
    )
    assert client.jellyfin.get_transcode_settings()["HardwareAccelerationType"] == "vaapi"
    with pytest.raises(HTTPException):
        client.jellyfin._post(
            "System/Configuration/encoding", json={**before, "HardwareAccelerationType": "magic"}
        )
    client.jellyfin._post("System/Configuration/encoding", json=before)


def test_another_user_has_a_watch_state_of_their_own(server: Server, client: JellyfinClient) -> None:
    made = client.jellyfin.new_user("alice", "wonderland")
    try:
        other = JellyfinClient()
        other.config.app("runbook tests", "1.0", "test", "alices-phone")
        other.config.data["auth.ssl"] = False
        other.auth.connect_to_address(server.url)
        assert other.auth.login(server.url, "alice", "wonderland")
        other.authenticate(
            {"Servers": [other.auth.credentials.get_credentials()["Servers"][0]]}, discover=False
        )  # fmt: skip
        client.jellyfin.item_played(films(client)["The General"]["Id"], True)
        assert films(other)["The General"]["UserData"]["Played"] is False
        with pytest.raises(HTTPException):
            other.jellyfin.refresh_library()
    finally:
        client.jellyfin.delete_user(made["Id"])


@pytest.mark.parametrize(("version", "status"), [("12.4", 401), ("12.3", 401), ("10.11.6", 200)])
def test_the_old_ways_to_authenticate_ended_with_12(
    program: Path, tmp_path: Path, version: str, status: int
) -> None:
    with jellyfin(program, tmp_path, version) as server:
        walk_through(server)
        token = log_in(server).config.data["auth.token"]
        for headers in (
            {"X-Emby-Token": token},
            {"X-MediaBrowser-Token": token},
            {"X-Emby-Authorization": f'MediaBrowser Token="{token}"'},
            {"Authorization": f'Emby Token="{token}"'},
        ):
            assert server.get("/Users/Me", headers=headers).status_code == status, headers
        assert server.get("/Users/Me", params={"api_key": token}).status_code == status
        assert server.get("/Users/Me", params={"ApiKey": token}).status_code == 200
        assert (
            server.get("/Users/Me", headers={"Authorization": f'MediaBrowser Token="{token}"'}).status_code
            == 200
        )


@pytest.mark.parametrize("version", ["10.9.11", "10.11.6", "12.3", "12.4"])
def test_each_tag_shows_its_version(program: Path, tmp_path: Path, version: str) -> None:
    with jellyfin(program, tmp_path, version) as server:
        shown = server.get("/System/Info/Public").json()["Version"]
        assert shown == (version if version.count(".") == 2 else f"{version}.0")
        walk_through(server)
        assert log_in(server).jellyfin.get_system_info_new()["Version"] == shown


def test_an_upgrade_keeps_all_and_has_no_way_back(program: Path, media: Path, tmp_path: Path) -> None:
    server = jellyfin(program, tmp_path, "10.11.6")
    with server:
        walk_through(server)
        old = log_in(server)
        old.jellyfin.add_media_library("Movies", "movies", [str(media)], refreshLibrary=False)
        scan(old)
        old.jellyfin.item_played(films(old)["Nosferatu"]["Id"], True)
        identity = server.get("/System/Info/Public").json()["Id"]
    for version in ("12.3", "12.4"):
        server.start(HOMELAB_VERSION=version)
        assert server.get("/System/Info/Public").json()["Id"] == identity
        assert films(log_in(server))["Nosferatu"]["UserData"]["Played"] is True
        server.end()
    assert "Perform migration DisableLegacyAuthorization" in server.said()
    for version in ("12.3", "10.11.6", "10.9.11"):
        assert "there is no downgrade; restore the backup" in server.refuses(HOMELAB_VERSION=version)
    server.start(HOMELAB_VERSION="12.4")  # and the refusals have harmed nothing
    assert len(films(log_in(server))) == len(FILMS)
    server.end()


def test_data_before_10_10_7_is_refused_by_12(program: Path, tmp_path: Path) -> None:
    server = jellyfin(program, tmp_path, "10.9.11")
    with server:
        walk_through(server)
    said = server.refuses(HOMELAB_VERSION="12.4")
    assert "the data is of Jellyfin 10.9.11" in said
    assert "upgrades from 10.10.7 or later only" in said
    for version in ("10.9.11", "10.11.6", "12.4"):  # step by step it goes
        server.start(HOMELAB_VERSION=version)
        assert server.get("/System/Info/Public").json()["StartupWizardCompleted"] is True
        server.end()


def test_restart_is_the_same_process_with_the_same_data(server: Server, client: JellyfinClient) -> None:
    assert server.process
    begins = server.said().count("Startup complete")
    client.jellyfin._post("System/Restart")
    until(
        lambda: server.said().count("Startup complete"),
        lambda n: n == begins + 1,
        "the restart",
        hint=server.said(),
    )
    until(server.healthy, bool, "the server after its restart")
    assert server.process.poll() is None
    assert films(client)


def test_without_ffprobe_films_are_listed_and_nothing_is_made_up(
    program: Path, media: Path, tmp_path: Path
) -> None:
    server = jellyfin(program, tmp_path)
    server.env |= {"PATH": "/nonexistent", "JELLYFIN_FFMPEG": "/nonexistent/ffmpeg"}
    with server:
        walk_through(server)
        client = log_in(server)
        client.jellyfin.add_media_library("Movies", "movies", [str(media)], refreshLibrary=False)
        scan(client)
        item = films(client)["Nosferatu"]
        assert "RunTimeTicks" not in item
        assert item["ImageTags"] == {}
        assert "ffprobe: none" in server.said()


def test_go_has_no_complaint_either() -> None:
    go_test("./jellyfin/...", "./internal/...")
