"""The lab's hub as the real engine finds it: search, pulls in layers, refusals, and images that run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Lab, Owned, wait_for
from dockers import docker, tell

from homelab import lab_supply
from homelab.lab import cache, hub
from homelab.lab.images import packing

LIGHT = (
    "jellyfin/jellyfin", "eclipse-mosquitto:2", "valkey/valkey:9", "python:3.11-slim", "tailscale/tailscale:stable",
    "ghcr.io/immich-app/immich-server", "ghcr.io/immich-app/postgres", "postgres:17", "busybox",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The default topology with Tequila's engine running, and a hub that offers the light images."""
    owned = Owned(state=tmp_path_factory.mktemp("h"))
    owned.lab.says("tequila", "sudo", "service", "docker", "start")
    start = time.monotonic()
    lab_supply.supply(owned.lab.socket, *LIGHT)
    tell("the light images supplied", time.monotonic() - start)
    yield owned.lab
    owned.end()
    assert not list(owned.state.iterdir()), "the lab left something in its state folder"


def healthy(lab: Lab, name: str, seconds: float = 30) -> None:
    wait_for(
        f"{name} to be healthy",
        lambda: (
            docker(lab, "tequila", "inspect", "-f", "{{.State.Health.Status}}", name).stdout == "healthy\n"
        ),
        seconds,
    )


def answers(lab: Lab, *argv: str, seconds: float = 30) -> str:
    """What a docker command prints as soon as it succeeds."""

    def once() -> str:
        done = docker(lab, "tequila", *argv)
        return done.stdout if done.returncode == 0 else ""

    return str(wait_for(" ".join(argv), once, seconds))


def test_search_as_the_talk_types_it(home: Lab) -> None:
    lines = docker(home, "tequila", "search", "jellyfin").stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "DESCRIPTION", "STARS"]
    assert lines[1].startswith("jellyfin/jellyfin ")
    assert any(line.startswith("linuxserver/jellyfin ") for line in lines)
    official = docker(
        home, "tequila", "search", "--filter", "is-official=true", "--format", "{{.Name}}", "mosquitto"
    )
    assert official.stdout == "eclipse-mosquitto\n"


def test_a_pull_in_layers_and_one_layer_for_the_next_release(home: Lab) -> None:
    first = docker(home, "tequila", "pull", "jellyfin/jellyfin:12.3")
    assert first.stdout.count("Pull complete") == 4, first
    lab_supply.supply(home.socket, "jellyfin/jellyfin")
    second = docker(home, "tequila", "pull", "jellyfin/jellyfin")
    assert second.stdout.startswith("Using default tag: latest\n")
    assert (second.stdout.count("Already exists"), second.stdout.count("Pull complete")) == (3, 1)
    assert "Image is up to date" in docker(home, "tequila", "pull", "jellyfin/jellyfin").stdout
    labels = docker(
        home, "tequila", "inspect", "-f", "{{json .Config.Labels}}", "jellyfin/jellyfin:12.3"
    ).stdout
    assert json.loads(labels)["org.opencontainers.image.version"] == "12.3"
    assert "Homelab Runbook" in json.loads(labels)["homelab.stand-in"]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (
            "no/such",
            "pull access denied for no/such, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied",
        ),
        (
            "jellyfin/jellyfin:99",
            "manifest for jellyfin/jellyfin:99 not found: manifest unknown: manifest unknown",
        ),
        ("ghcr.io/no/such", 'Head "https://ghcr.io/v2/no/such/manifests/latest": denied'),
        (
            "linuxserver/jellyfin",
            "manifest for linuxserver/jellyfin:latest not found: manifest unknown: "
            "the lab's hub lists linuxserver/jellyfin and cannot offer it",
        ),
        (
            "miniflux/miniflux",
            "manifest for miniflux/miniflux:latest not found: manifest unknown: the lab's hub was not asked to "
            "offer it yet: python -m homelab.lab supply miniflux/miniflux:latest",
        ),
    ],
)
def test_what_is_not_there_is_refused_as_the_real_one_does(home: Lab, ref: str, said: str) -> None:
    done = docker(home, "tequila", "pull", ref)
    assert (done.returncode, done.stderr.strip()) == (1, f"Error response from daemon: {said}")


def test_a_hub_that_does_not_run_is_no_unknown_image(home: Lab) -> None:
    home.says("cloud", "pkill", "docker-registry")
    try:
        done = docker(home, "tequila", "pull", "busybox:stable")
        assert done.returncode == 1
        assert "503 Service Unavailable" in done.stderr
    finally:
        home.ask("start_missing")
    assert docker(home, "tequila", "pull", "busybox:stable").returncode == 0


def test_a_release_is_published(home: Lab) -> None:
    lab_supply.supply(home.socket, "jellyfin/jellyfin")
    try:
        assert home.cli("hub", "tag", "jellyfin/jellyfin:12.3", "latest").returncode == 0
        older = docker(home, "tequila", "pull", "jellyfin/jellyfin").stdout
        assert home.cli("hub", "tag", "jellyfin/jellyfin:12.4", "latest").returncode == 0
        newer = docker(home, "tequila", "pull", "jellyfin/jellyfin").stdout
    finally:
        home.cli("hub", "tag", "jellyfin/jellyfin:12.4", "latest")
    digests = [line for text in (older, newer) for line in text.splitlines() if line.startswith("Digest: ")]
    assert len(set(digests)) == 2
    assert "Downloaded newer image" in newer


def test_jellyfin_becomes_healthy_and_has_the_real_ffmpeg(home: Lab) -> None:
    assert docker(home, "tequila", "run", "-d", "--name", "jellyfin", "jellyfin/jellyfin").returncode == 0
    healthy(home, "jellyfin")
    said = answers(home, "exec", "jellyfin", "/usr/lib/jellyfin-ffmpeg/ffprobe", "-version")
    assert said.startswith("ffprobe version")
    assert docker(home, "tequila", "rm", "-f", "jellyfin").returncode == 0


def test_immich_with_its_database_and_cache(home: Lab) -> None:
    docker(home, "tequila", "network", "create", "immich")
    run = ("run", "-d", "--network", "immich", "--name")
    database = (
        "-e",
        "POSTGRES_PASSWORD=s",
        "-e",
        "POSTGRES_DB=immich",
        "-e",
        "POSTGRES_INITDB_ARGS=--data-checksums",
    )
    image = "ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0"
    assert docker(home, "tequila", *run, "database", *database, image).returncode == 0
    assert docker(home, "tequila", *run, "redis", "valkey/valkey:9").returncode == 0
    # Over TCP: while the first start makes the database, only the socket answers.
    answers(home, "exec", "database", "pg_isready", "-h", "127.0.0.1", "-U", "postgres", "-d", "immich")
    variables = ("-e", "DB_HOSTNAME=database", "-e", "DB_PASSWORD=s", "-e", "REDIS_HOSTNAME=redis")
    server = docker(home, "tequila", *run, "immich", *variables, "ghcr.io/immich-app/immich-server:release")
    assert server.returncode == 0, server
    healthy(home, "immich")
    assert answers(home, "exec", "redis", "valkey-cli", "ping") == "PONG\n"
    dump = answers(home, "exec", "database", "pg_dump", "-U", "postgres", "--clean", "--if-exists", "immich")
    assert "PostgreSQL database dump" in dump
    for name in ("database", "redis"):  # not root any more
        assert answers(home, "exec", name, "stat", "-c", "%u", "/proc/1") == "999\n"
    docker(home, "tequila", "rm", "-f", "-v", "immich", "database", "redis")


def test_postgres_as_the_official_image_starts(home: Lab) -> None:
    refused = docker(home, "tequila", "run", "--rm", "postgres:17")
    assert refused.returncode == 1
    assert "superuser password is not specified" in refused.stderr
    init = "create table t (x int); insert into t values (7);"
    home.says("tequila", "sh", "-c", f"mkdir -p /srv/init && echo '{init}' >/srv/init/t.sql")
    home.says("tequila", "sh", "-c", "printf secret >/srv/pw")
    home.says(
        "tequila", "docker", "run", "-d", "--name", "pg", "-v", "/srv/init:/docker-entrypoint-initdb.d:ro",
        "-v", "/srv/pw:/run/pw:ro", "-v", "/srv/pg:/var/lib/postgresql/data", "-e", "POSTGRES_PASSWORD_FILE=/run/pw",
        "-e", "POSTGRES_USER=alice", "-e", "POSTGRES_DB=my db", "postgres:17",
    )  # fmt: skip
    url = "postgres://alice:{}@127.0.0.1/my%20db"
    assert answers(home, "exec", "pg", "psql", url.format("secret"), "-Atc", "select x from t") == "7\n"
    assert (
        docker(home, "tequila", "exec", "pg", "psql", url.format("wrong"), "-c", "select 1").returncode == 2
    )
    docker(home, "tequila", "restart", "pg")  # the second start makes nothing anew
    assert answers(home, "exec", "pg", "psql", url.format("secret"), "-Atc", "select x from t") == "7\n"
    docker(home, "tequila", "rm", "-f", "pg")


def test_mosquitto_with_a_password_file(home: Lab) -> None:
    home.says("tequila", "mkdir", "-p", "/srv/mq")
    files = ("-v", "/srv/mq:/mosquitto/config", "eclipse-mosquitto:2")
    made = docker(
        home,
        "tequila",
        "run",
        "--rm",
        *files,
        *["mosquitto_passwd", "-b", "-c", "/mosquitto/config/pw", "alice", "s"],
    )
    assert made.returncode == 0, made
    text = "listener 1883\nallow_anonymous false\npassword_file /mosquitto/config/pw\n"
    home.says("tequila", "sh", "-c", f"printf '{text}' >/srv/mq/mosquitto.conf")
    home.says("tequila", "docker", "run", "-d", "--name", "mqtt", *files)
    publish = ("exec", "mqtt", "mosquitto_pub", "-t", "home/x", "-m", "21", "-r")
    answers(home, *publish, "-u", "alice", "-P", "s", "-d")
    got = answers(home, "exec", "mqtt", "mosquitto_sub", "-t", "home/x", "-C", "1", "-u", "alice", "-P", "s")
    assert got == "21\n"
    assert docker(home, "tequila", *publish).returncode != 0, "anonymous"
    assert answers(home, "exec", "mqtt", "stat", "-c", "%u", "/proc/1") == "1883\n"
    docker(home, "tequila", "rm", "-f", "mqtt")


def test_python_has_its_library_and_trusts_the_lab(home: Lab) -> None:
    code = (
        "import bz2, ctypes, curses, http.server, lzma, sqlite3, ssl, zoneinfo, urllib.request as u;"
        "print(zoneinfo.ZoneInfo('Europe/Paris'), u.urlopen('https://whatismyip.lab/').read().decode())"
    )
    done = docker(
        home, "tequila", "run", "--rm", "--read-only", "-u", "1000", "python:3.11-slim", "python3", "-c", code
    )
    assert done.stdout.split() == ["Europe/Paris", "203.0.113.10"], done


def test_tailscale_with_a_tunnel_device_and_without(home: Lab) -> None:
    image = "tailscale/tailscale:stable"
    assert docker(home, "tequila", "run", "--rm", image, "tailscale", "version").stdout.startswith(
        "1.102.5\n"
    )
    common = ("-e", "TS_AUTHKEY=tskey-auth-lab", "-e", "TS_TAILSCALED_EXTRA_ARGS=--no-logs-no-support")
    asks = ("-e", "TS_ENABLE_HEALTH_CHECK=true", "-e", "TS_LOCAL_ADDR_PORT=127.0.0.1:9002")
    tun = ("--device", "/dev/net/tun", "--cap-add", "NET_ADMIN", "-e", "TS_USERSPACE=false")
    for name, more in (("user", ()), ("tun", tun)):
        done = docker(
            home, "tequila", "run", "-d", "--name", name, "--hostname", name, *common, *asks, *more, image
        )
        assert done.returncode == 0, done
    for name in ("user", "tun"):
        assert answers(home, "exec", name, "wget", "-q", "-O", "-", "http://127.0.0.1:9002/healthz") == "ok"
    status = answers(home, "exec", "tun", "tailscale", "status")
    assert " user " in status
    assert "Health check" not in status, "its firewall could not be set"
    docker(home, "tequila", "rm", "-f", "user", "tun")


def test_the_same_image_again_is_the_same_bytes(home: Lab, tmp_path: Path) -> None:
    for name in ("docker.io/library/eclipse-mosquitto", "docker.io/jellyfin/jellyfin"):
        packed = packing.find(hub.CATALOGUE[name])
        assert packed
        again = tmp_path / name.replace("/", "-")
        again.mkdir()
        packing.pack(hub.CATALOGUE[name], again)
        assert packing.tags(again) == packing.tags(packed)
        assert sorted(p.name for p in (again / "blobs" / "sha256").iterdir()) == sorted(
            p.name for p in (packed / "blobs" / "sha256").iterdir()
        )


@pytest.mark.nightly
def test_the_heavy_images_run(home: Lab) -> None:
    lab_supply.supply(
        home.socket, "miniflux/miniflux", "ghcr.io/home-assistant/home-assistant", "itzg/minecraft-server"
    )
    run = ("run", "-d", "--name")
    assert (
        docker(
            home, "tequila", *run, "ha", "-p", "8123:8123", "ghcr.io/home-assistant/home-assistant:stable"
        ).returncode
        == 0
    )
    assert docker(home, "tequila", *run, "mc", "-e", "EULA=TRUE", "itzg/minecraft-server").returncode == 0
    docker(home, "tequila", "network", "create", "news")
    database = ("--network", "news", "-e", "POSTGRES_USER=miniflux", "-e", "POSTGRES_PASSWORD=s")
    docker(home, "tequila", *run, "news-database", *database, "postgres:17")
    answers(home, "exec", "news-database", "pg_isready", "-h", "127.0.0.1", "-U", "miniflux")
    news = (
        "-e",
        "DATABASE_URL=postgres://miniflux:s@news-database/miniflux?sslmode=disable",
        "-e",
        "RUN_MIGRATIONS=1",
    )
    docker(home, "tequila", *run, "news", "--network", "news", *news, "miniflux/miniflux")
    asks = ("exec", "news", "/usr/bin/miniflux", "-healthcheck", "auto")
    wait_for("Miniflux", lambda: docker(home, "tequila", *asks).returncode == 0, 60)
    healthy(home, "mc", 90)
    page = ("curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8123/manifest.json")
    wait_for("Home Assistant's page", lambda: home.run("tequila", *page).returncode == 0, 90)
    assert docker(home, "tequila", "run", "--rm", "itzg/minecraft-server").returncode == 1, (
        "the EULA is not accepted"
    )
    docker(home, "tequila", "rm", "-f", "-v", "ha", "mc", "news", "news-database")


def test_building_needs_no_lab_and_is_quick_the_second_time() -> None:
    start = time.monotonic()
    with cache.building():
        hub.build(LIGHT)
    assert hub.is_built(LIGHT)
    tell("the light images, all built", time.monotonic() - start)
    assert time.monotonic() - start < 2
