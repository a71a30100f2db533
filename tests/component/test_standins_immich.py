"""The stand-in for Immich, driven by the PyPI package immichpy, unchanged, over a real PostgreSQL.

immichpy is generated from Immich's OpenAPI document (of 3.3.5) and refuses an answer that lacks a field or has another
type: what passes here, fits the document.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socketserver
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from immichpy import AsyncClient
from immichpy.client.generated import models
from immichpy.client.generated.exceptions import ApiException
from PIL import Image
from standin import Server, build, go_test, program

from homelab.wait import until

dto: Any = models
WHO = {"email": "kupo@lab.example", "password": "moogle-123"}
LOGINS: dict[str, str] = {}  # a server's address → the access token of a login there


class Postgres:
    """A PostgreSQL of a folder, reached by a socket in it, without fsync."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None
        self.server, env = program("postgres")
        self.env = os.environ | env
        # PostgreSQL does not run as root; in a user namespace root is somebody else.
        self.other = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
        self.tool(
            "initdb", "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"
        )
        self.process = subprocess.Popen(
            [*self.other, self.server, "-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses=",
             "-c", "fsync=off"],
            env=self.env, stderr=(folder / "log").open("ab"),
        )  # fmt: skip
        until(
            lambda: (folder / ".s.PGSQL.5432").exists(),
            bool,
            "PostgreSQL's socket",
            hint=(folder / "log").read_text(),
        )

    def tool(self, name: str, *words: str) -> str:
        path, _ = program(name)
        done = subprocess.run([*self.other, path, *words], env=self.env, capture_output=True, text=True)
        if done.returncode and "unshare" in done.stderr:
            pytest.skip(f"no user namespaces, and PostgreSQL refuses root: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, text: str, database: str = "postgres") -> str:
        return self.tool("psql", "-h", str(self.folder), "-U", "postgres", "-d", database, "-Atqc", text)

    def database(self, name: str) -> dict[str, str]:
        """A new database, and how the server is told of it."""
        until(lambda: self.ready(), bool, "PostgreSQL", hint=(self.folder / "log").read_text())
        self.sql(f'CREATE DATABASE "{name}"')
        return {"DB_HOSTNAME": str(self.folder), "DB_DATABASE_NAME": name}

    def ready(self) -> bool:
        path, _ = program("pg_isready")
        return subprocess.run([path, "-q", "-h", str(self.folder)], env=self.env).returncode == 0


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    running = Postgres(tmp_path_factory.mktemp("pg"))
    assert running.process
    yield running
    running.process.send_signal(signal.SIGINT)  # its "fast" shutdown
    running.process.wait(20)


@pytest.fixture(scope="module")
def immich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("immich", tmp_path_factory.mktemp("go"))


def server_of(immich: Path, folder: Path, database: dict[str, str]) -> Server:
    return Server(
        immich, folder, "/api/server/ping", {**database, "IMMICH_MEDIA_LOCATION": str(folder / "data")}
    )


@pytest.fixture(scope="module")
def server(immich: Path, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose first account has been made."""
    with server_of(immich, tmp_path_factory.mktemp("immich"), postgres.database("shared")) as running:
        talk(running, lambda c: c.auth.sign_up_admin(dto.SignUpDto(name="Kupo", **WHO)), token="")
        yield running


def talk(server: Server, about: Callable[[Any], Awaitable[Any]], token: str | None = None) -> Any:
    """What the client library says to `about`, logged in unless `token` says otherwise."""

    async def run() -> Any:
        known = token
        if known is None:
            if server.url not in LOGINS:
                async with AsyncClient(base_url=f"{server.url}/api") as first:
                    done = await first.auth.login(dto.LoginCredentialDto(**WHO))
                LOGINS[server.url] = done.access_token
            known = LOGINS[server.url]
        async with AsyncClient(base_url=f"{server.url}/api", access_token=known or None) as client:
            return await about(client)

    return asyncio.run(run())


def photo(
    path: Path, taken: str = "2019:07:04 12:30:00", size: tuple[int, int] = (400, 300), turned: int = 1
) -> Path:
    """A JPEG with the EXIF data that a camera writes; no two are the same."""
    picture = Image.effect_noise(size, 60).convert("RGB")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x0132] = "Moogle", turned, taken
    exif.get_ifd(0x8769)[0x9003] = taken
    picture.save(path, exif=exif)
    return path


def test_a_new_server_waits_for_its_first_account(immich: Path, postgres: Postgres, tmp_path: Path) -> None:
    with server_of(immich, tmp_path, postgres.database("new")) as new:
        assert talk(new, lambda c: c.server.ping_server(), token="").res == "pong"
        version = talk(new, lambda c: c.server.get_server_version(), token="")
        assert (version.major, version.minor) == (3, 3)
        assert talk(new, lambda c: c.server.get_server_config(), token="").is_initialized is False
        assert talk(new, lambda c: c.server.get_server_features(), token="").smart_search is False
        assert (
            talk(new, lambda c: c.config_public.get_public_config(), token="").password_login.enabled is True
        )
        assert "stand-in for Immich" in new.get("/").text
        assert new.healthcheck() == 0
        first = dto.SignUpDto(name="Kupo", **WHO)
        assert talk(new, lambda c: c.auth.sign_up_admin(first), token="").is_admin is True
        with pytest.raises(ApiException) as error:
            talk(new, lambda c: c.auth.sign_up_admin(first), token="")
        assert error.value.status == 400
        assert new.end() == 0
        assert new.healthcheck() == 1


def test_who_is_not_logged_in_gets_nothing(server: Server) -> None:
    for path in (
        "users/me",
        "assets/statistics",
        "albums",
        "timeline/buckets",
        "server/about",
        "server/storage",
    ):
        assert server.get(f"/api/{path}").status_code == 401, path
    wrong = {"email": WHO["email"], "password": "wrong"}
    assert requests.post(f"{server.url}/api/auth/login", json=wrong, timeout=10).status_code == 401


def test_a_login_works_by_header_cookie_and_key_and_ends(server: Server) -> None:
    session = requests.Session()
    token = session.post(f"{server.url}/api/auth/login", json=WHO, timeout=10).json()["accessToken"]
    assert session.get(f"{server.url}/api/users/me", timeout=10).json()["email"] == WHO["email"], (
        "by its cookie"
    )
    assert server.get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).ok
    made = talk(
        server, lambda c: c.api_keys.create_api_key(dto.ApiKeyCreateDto(name="t", permissions=["all"]))
    )
    assert server.get("/api/users/me", headers={"x-api-key": made.secret}).ok
    assert server.get("/api/users/me", headers={"x-api-key": token}).status_code == 401, "a login is no key"
    session.post(f"{server.url}/api/auth/logout", timeout=10)
    assert server.get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_library_uploads_a_folder_and_the_same_once_only(server: Server, tmp_path: Path) -> None:
    for n in range(3):
        photo(tmp_path / f"img-{n}.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    before = talk(server, lambda c: c.assets.get_asset_statistics()).total
    first = talk(server, lambda c: c.assets.upload(tmp_path))
    assert (len(first.uploaded), len(first.rejected), len(first.failed)) == (3, 0, 0)
    again = talk(server, lambda c: c.assets.upload(tmp_path))
    assert (len(again.uploaded), len(again.rejected)) == (0, 3)
    stats = talk(server, lambda c: c.assets.get_asset_statistics())
    assert (stats.total, stats.images) == (before + 3, before + 3)
    blind = talk(server, lambda c: c.assets.upload(tmp_path, skip_duplicates=True))
    assert len(blind.uploaded) == 0, "the server itself sees that it has the bytes"
    assert talk(server, lambda c: c.assets.get_asset_statistics()).total == before + 3


def send(server: Server, path: Path) -> str:
    """Upload one file; its identifier."""
    done = talk(server, lambda c: c.assets.upload(path))
    assert len(done.uploaded) == 1, done
    return str(done.uploaded[0].asset.id)


def test_a_photo_is_dated_and_described_by_its_exif(server: Server, tmp_path: Path) -> None:
    id = send(server, photo(tmp_path / "sideways.jpg", "2015:03:02 10:00:00", turned=6))
    asset = talk(server, lambda c: c.assets.get_asset_info(id))
    assert asset.local_date_time.replace(tzinfo=None) == datetime(2015, 3, 2, 10)
    assert (asset.width, asset.height) == (300, 400), "it lies on its side"
    assert asset.exif_info
    assert asset.exif_info.make == "Moogle"
    assert asset.original_path.endswith(f"{id}.jpg")
    assert Path(asset.original_path).is_file()


def test_the_original_comes_back_byte_for_byte_and_by_range(server: Server, tmp_path: Path) -> None:
    path = photo(tmp_path / "whole.jpg")
    id = send(server, path)
    data = talk(server, lambda c: c.assets.download_asset(id))
    assert bytes(data) == path.read_bytes()
    token = requests.post(f"{server.url}/api/auth/login", json=WHO, timeout=10).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}", "Range": "bytes=0-9"}
    part = server.get(f"/api/assets/{id}/original", headers=headers)
    assert (part.status_code, part.content) == (206, path.read_bytes()[:10])


def test_thumbnails_are_small_and_upright(server: Server, tmp_path: Path) -> None:
    id = send(server, photo(tmp_path / "big.jpg", size=(2000, 1000), turned=6))
    for size, longest in (("thumbnail", 250), ("preview", 1440)):
        wanted = dto.AssetMediaSize(size)
        data = talk(server, lambda c, wanted=wanted: c.assets.view_asset(id, size=wanted))  # type: ignore[misc]
        small = tmp_path / f"{size}.jpg"
        small.write_bytes(bytes(data))
        with Image.open(small) as picture:
            assert (picture.height, picture.width) == (longest, longest // 2)


def test_albums_hold_photos_and_search_finds_them(server: Server, tmp_path: Path) -> None:
    ids = [send(server, photo(tmp_path / f"album-{n}.jpg")) for n in range(2)]
    album = talk(
        server, lambda c: c.albums.create_album(dto.CreateAlbumDto(albumName="Summer", assetIds=ids[:1]))
    )  # fmt: skip
    added = talk(server, lambda c: c.albums.add_assets_to_album(album.id, dto.BulkIdsDto(ids=ids)))
    assert [(str(a.id), a.success) for a in added] == [(ids[0], False), (ids[1], True)]
    assert talk(server, lambda c: c.albums.get_album_info(album.id)).asset_count == 2
    assert "Summer" in [a.album_name for a in talk(server, lambda c: c.albums.get_all_albums())]
    found = talk(server, lambda c: c.search.search_assets(dto.MetadataSearchDto(albumIds=[album.id])))
    assert {str(i.id) for i in found.assets.items} == set(ids)
    named = talk(server, lambda c: c.search.search_assets(dto.MetadataSearchDto(originalFileName="album-1")))
    assert [str(i.id) for i in named.assets.items] == [ids[1]]
    paged = dto.MetadataSearchDto(albumIds=[album.id], size=1)
    assert talk(server, lambda c: c.search.search_assets(paged)).assets.next_page == "2"
    talk(server, lambda c: c.albums.delete_album(album.id))
    assert talk(server, lambda c: c.assets.get_asset_info(ids[0])), "an album's end is not its photos'"


def test_the_timeline_has_months(server: Server, tmp_path: Path) -> None:
    ids = [send(server, photo(tmp_path / f"{n}.jpg", f"2011:02:0{n + 1} 08:00:00")) for n in range(2)]
    months = talk(server, lambda c: c.timeline.get_time_buckets())
    assert [m.count for m in months if m.time_bucket == "2011-02-01"] == [2]
    assert months == sorted(months, key=lambda m: m.time_bucket, reverse=True)
    month = talk(server, lambda c: c.timeline.get_time_bucket("2011-02-01"))
    assert month.id == ids[::-1], "newest first"
    assert month.ratio == [400 / 300] * 2


def test_deleted_photos_lie_in_the_trash_first(server: Server, tmp_path: Path) -> None:
    path = photo(tmp_path / "gone.jpg")
    id = send(server, path)
    stored = Path(talk(server, lambda c: c.assets.get_asset_info(id)).original_path)
    gone = dto.AssetBulkDeleteDto(ids=[id])
    talk(server, lambda c: c.assets.delete_assets(gone))
    assert talk(server, lambda c: c.assets.get_asset_info(id)).is_trashed is True
    assert stored.is_file()
    assert talk(server, lambda c: c.trash.restore_assets(dto.BulkIdsDto(ids=[id]))).count == 1
    talk(server, lambda c: c.assets.delete_assets(gone))
    assert talk(server, lambda c: c.trash.empty_trash()).count == 1
    assert not stored.exists()
    with pytest.raises(ApiException) as error:
        talk(server, lambda c: c.assets.get_asset_info(id))
    assert error.value.status == 400
    assert send(server, path) != id, "its bytes are welcome again"


def test_others_see_nothing_of_mine(server: Server, tmp_path: Path) -> None:
    id = send(server, photo(tmp_path / "mine.jpg"))
    alice = {"email": "alice@lab.example", "password": "wonderland"}
    talk(server, lambda c: c.users_admin.create_user_admin(dto.UserAdminCreateDto(name="Alice", **alice)))
    token = requests.post(f"{server.url}/api/auth/login", json=alice, timeout=10).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    for path in (f"/api/assets/{id}", f"/api/assets/{id}/original", f"/api/assets/{id}/thumbnail"):
        assert server.get(path, headers=headers).status_code == 400, path
    assert server.get("/api/timeline/buckets", headers=headers).json() == []
    body = {"ids": [id], "force": True}
    requests.delete(f"{server.url}/api/assets", json=body, headers=headers, timeout=10)
    assert talk(server, lambda c: c.assets.get_asset_info(id)), "and cannot delete it"
    assert server.get("/api/server/statistics", headers=headers).status_code == 403
    assert len(talk(server, lambda c: c.server.get_server_statistics()).usage_by_user) == 2


def test_photos_and_accounts_outlive_a_kill(server: Server, tmp_path: Path) -> None:
    path = photo(tmp_path / "kept.jpg")
    id = send(server, path)
    server.end(signal.SIGKILL)
    server.start()
    asset = talk(server, lambda c: c.assets.get_asset_info(id))
    assert Path(asset.original_path).read_bytes() == path.read_bytes()
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    found = talk(server, lambda c: c.search.search_assets(dto.MetadataSearchDto(checksum=sha1)))
    assert [str(i.id) for i in found.assets.items] == [id]


def test_a_broken_upload_leaves_nothing(server: Server) -> None:
    session = requests.Session()
    session.post(f"{server.url}/api/auth/login", json=WHO, timeout=10)
    now = datetime.now(UTC).isoformat()
    data = {"fileCreatedAt": now, "fileModifiedAt": now}
    url = f"{server.url}/api/assets"
    before = set(Path(server.env["IMMICH_MEDIA_LOCATION"]).rglob("*"))
    assert (
        session.post(url, data=data, files={"assetData": ("a.txt", b"no photo")}, timeout=10).status_code
        == 400
    )
    assert session.post(url, data=data, timeout=10).status_code == 400
    sent = {"x-immich-checksum": "0" * 40}
    files = {"assetData": ("a.jpg", b"other bytes")}
    assert session.post(url, data=data, files=files, headers=sent, timeout=10).status_code == 400
    assert set(Path(server.env["IMMICH_MEDIA_LOCATION"]).rglob("*")) == before


@pytest.mark.parametrize("version", ["v3.0.0", "3.2.2", "v3.3.5"])
def test_each_tag_shows_its_version(immich: Path, postgres: Postgres, tmp_path: Path, version: str) -> None:
    server = server_of(immich, tmp_path, postgres.database(f"tag-{version}"))
    server.env["HOMELAB_VERSION"] = version
    with server:
        talk(server, lambda c: c.auth.sign_up_admin(dto.SignUpDto(name="Kupo", **WHO)), token="")
        assert talk(server, lambda c: c.server.get_about_info()).version == f"v{version.removeprefix('v')}"


def test_an_upgrade_migrates_and_has_no_way_back(immich: Path, postgres: Postgres, tmp_path: Path) -> None:
    server = server_of(immich, tmp_path, postgres.database("upgrade"))
    server.start(HOMELAB_VERSION="v2.7.0")
    talk(server, lambda c: c.auth.sign_up_admin(dto.SignUpDto(name="Kupo", **WHO)), token="")
    server.end()
    server.start(HOMELAB_VERSION="v3.2.2")
    seen = talk(server, lambda c: c.server.get_version_history())
    assert [entry.version for entry in seen] == ["3.2.2", "2.7.0"]
    server.end()
    assert "migration 2_v3 succeeded" in server.said()
    assert "there is no downgrade" in server.refuses(HOMELAB_VERSION="v2.7.0")
    postgres.sql("INSERT INTO migrations VALUES ('9_future')", "upgrade")
    assert "9_future" in server.refuses(HOMELAB_VERSION="v3.2.2")


def test_it_waits_for_database_and_redis_and_says_so(
    immich: Path, postgres: Postgres, tmp_path: Path
) -> None:
    class Redis(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if self.rfile.readline().strip() == b"PING":
                self.wfile.write(b"+PONG\r\n")

    server = server_of(immich, tmp_path, {"DB_HOSTNAME": str(postgres.folder), "DB_DATABASE_NAME": "late"})
    redis: Any = socketserver.TCPServer(("127.0.0.1", 0), Redis, bind_and_activate=False)
    redis.server_bind()  # there, and it does not listen yet
    server.env |= {"REDIS_HOSTNAME": "127.0.0.1", "REDIS_PORT": str(redis.server_address[1])}
    serving = threading.Thread(target=redis.serve_forever, daemon=True)
    server.spawn()
    try:
        until(lambda: "waiting for redis" in server.said(), bool, "it to miss Redis")
        assert not server.healthy()
        redis.server_activate()
        serving.start()
        until(lambda: 'database "late" does not exist' in server.said(), bool, "it to miss its database")
        assert not server.healthy()
        postgres.database("late")
        until(server.healthy, bool, "it to begin", 20, hint=server.said())
        assert server.end() == 0
    finally:
        server.end(signal.SIGKILL)
        if serving.is_alive():
            redis.shutdown()
        redis.server_close()


def test_go_has_no_complaint_either(postgres: Postgres) -> None:
    postgres.database("go")
    go_test("./immich/...", DB_URL=f"postgres://postgres@/go?host={postgres.folder}")
