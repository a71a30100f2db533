"""The stand-in's answers against Jellyfin's published OpenAPI document.

jellyfin_fields.yaml says in our words what we rely on. Here the stand-in must answer it; nightly, the table and every
answer as a whole are held against the document itself, as the npm package @jellyfin/sdk carries it. Its stable release
1.0.0 was generated for the server to come, 13.0; the builds from June to August 2026 were for 12.0, and no stable one
was. So the last build for 12.0 is the judge, and 1.0.0 tells what of it will stay.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_in_sdk import Document, read
from standin import Server, build, film, media_tools

TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("jellyfin_fields.yaml").read_text())
SDKS = {"0.0.0-unstable.202608311113": "12.0.0", "1.0.0": "13.0.0"}
SIGNED = 'MediaBrowser Client="tests", Device="test", DeviceId="fields", Version="1"'
Answers = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("jf")
    film(folder / "media", "Nosferatu (1922)")
    own = {"JELLYFIN_DATA_DIR": str(folder / "config"), "JELLYFIN_CACHE_DIR": str(folder / "cache")}
    with Server(build("jellyfin", folder), folder, "/health", {**own, **media_tools()}) as running:
        running.env["media"] = str(folder / "media")
        yield running


@pytest.fixture(scope="module")
def answers(server: Server) -> Answers:
    """What the stand-in answers to every route of the table, in an order in which it works."""
    found: Answers = {}
    session = requests.Session()
    session.headers["Authorization"] = SIGNED

    def ask(route: str, body: Any = None, id: str = "", **query: str) -> Any:
        method, path = route.split()
        path = re.sub(r"\{itemId\}", id, path).format(key="encoding", imageType="Primary")
        answer = session.request(method, server.url + path, json=body, params=query, timeout=20)
        assert answer.ok, f"{route}: {answer.status_code} {answer.text}"
        found[route] = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        return found[route]

    ask("GET /Startup/User")
    ask("POST /Startup/Configuration", {"ServerName": "t", "UICulture": "en-US", "MetadataCountryCode": "US",
                                        "PreferredMetadataLanguage": "en"})  # fmt: skip
    ask("POST /Startup/User", {"Name": "kupo", "Password": "moogle"})
    ask("POST /Startup/RemoteAccess", {"EnableRemoteAccess": True})
    ask("POST /Startup/Complete")
    token = ask("POST /Users/AuthenticateByName", {"Username": "kupo", "Pw": "moogle"})["AccessToken"]
    session.headers["Authorization"] = f'{SIGNED}, Token="{token}"'
    ask("POST /Library/VirtualFolders", {}, name="Movies", collectionType="movies", paths=server.env["media"])
    ask("POST /Library/Refresh")
    while ask("GET /ScheduledTasks")[0]["State"] != "Idle":
        pass
    item = ask("GET /Items", recursive="true", fields="Path,MediaSources,DateCreated")["Items"][0]["Id"]
    ask(
        "POST /Sessions/Playing",
        {"ItemId": item, "PositionTicks": 0, "CanSeek": True, "PlayMethod": "DirectPlay"},
    )
    ask("POST /Sessions/Playing/Progress", {"ItemId": item, "PositionTicks": 10**7, "IsPaused": False})
    ask("GET /Sessions")
    ask("POST /Sessions/Playing/Stopped", {"ItemId": item, "PositionTicks": 10**7})
    ask("POST /UserPlayedItems/{itemId}", id=item)
    ask("DELETE /UserPlayedItems/{itemId}", id=item)
    ask("POST /UserItems/{itemId}/UserData", {"PlaybackPositionTicks": 10**7, "Played": False}, id=item)
    for route in sorted({row["route"] for row in TABLE}):
        if route.startswith("GET ") and route not in found and route != "GET /Startup/User":
            ask(route, id=item)
    encoding = found["GET /System/Configuration/{key}"]
    ask("POST /System/Configuration/{key}", encoding)
    ask("DELETE /Library/VirtualFolders", name="Movies")
    ask("POST /Sessions/Logout")
    return found


ENDING = {"POST /System/Restart", "POST /System/Shutdown"}  # tried elsewhere: they end what the others ask


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["route"].replace(" ", "-"))
def test_the_stand_in_answers_what_we_rely_on(answers: Answers, row: dict[str, Any]) -> None:
    if row["route"] in ENDING:
        return
    assert row["route"] in answers, "the stand-in was not asked"
    if "schema" not in row:
        return
    answer = answers[row["route"]]
    one = answer[0] if row.get("of") == "list" else answer
    assert set(row["fields"]) <= set(one)


@pytest.fixture(scope="module", params=SDKS, ids=lambda v: f"sdk-{v}")
def document(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The document, fetched from the package registry; nothing of it is kept."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("sdk")
    if not npm:
        pytest.skip("no npm, which fetches the package that carries the OpenAPI document")
    command = [npm, "pack", "--silent", f"@jellyfin/sdk@{request.param}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"@jellyfin/sdk {request.param} cannot be had: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    package = folder / "package"
    assert SDKS[request.param] in (package / "lib" / "versions.js").read_text()
    return read(package)


@pytest.mark.nightly
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["route"].replace(" ", "-"))
def test_the_table_is_what_the_document_says(document: Document, row: dict[str, Any]) -> None:
    route = row["route"]
    assert route in document.answers, f"the document has no {route}"
    schema = row.get("schema") or row.get("sends")
    if schema:
        assert set(row["fields"]) <= set(document.fields[schema])
    if row.get("untyped"):
        return
    if "schema" in row:
        listed = f"Array<{schema}>" if row.get("of") == "list" else schema
        assert document.answers[route] == listed
    if "sends" in row:
        assert re.search(rf"\b{schema}\b", document.sent[route])


@pytest.mark.nightly
@pytest.mark.parametrize(
    "row", [row for row in TABLE if "schema" in row], ids=lambda row: row["route"].replace(" ", "-")
)
def test_no_answer_contradicts_the_document(
    document: Document, answers: Answers, row: dict[str, Any]
) -> None:
    kind = f"Array<{row['schema']}>" if row.get("of") == "list" else row["schema"]
    assert document.faults(answers[row["route"]], kind, row["route"]) == []


@pytest.mark.nightly
def test_contradictions_are_seen(document: Document) -> None:
    wrong = {
        "Name": 5,
        "Id": None,
        "Made": "up",
        "Policy": {"IsAdministrator": "yes", "SyncPlayAccess": "Sometimes"},
    }
    assert sorted(fault.split(":")[0] for fault in document.faults(wrong, "UserDto", "x")) == [
        "x", "x.Id", "x.Name", "x.Policy", "x.Policy", "x.Policy.IsAdministrator", "x.Policy.SyncPlayAccess",
    ]  # fmt: skip
