"""What Docker's texts mean, references as docker reads them, a pull's events, and what a project's change means."""

from __future__ import annotations

import pytest

from homelab.engine.faults import KINDS, explain
from homelab.engine.pull import Pull, split
from homelab.engine.registry import HUB, parts
from homelab.errors import EngineError
from homelab.plan import Change, difference, matches
from homelab.resources import container, project
from homelab.resources.project_words import words

# As the engines of several years print them; tests/component has each that a real one can be brought to print.
TEXTS = {
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock": "forbidden",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": "stopped",
    "failed to connect to the docker API at tcp://x:1; check if the path is correct": "stopped",
    "write /var/lib/docker/tmp/GetImageBlob1: no space left on device": "disk",
    "Bind for 0.0.0.0:8096 failed: port is already allocated": "port",
    "failed to bind host port for 0.0.0.0:8096:172.17.0.2:8096/tcp: address already in use": "port",
    "failed to bind host port 0.0.0.0:8096/tcp: address already in use": "port",
    "Error starting userland proxy: listen tcp4 0.0.0.0:8096: bind: address already in use": "port",
    'Conflict. The container name "/aa" is already in use by container "1f". You have to remove': "name",
    "invalid mount config for type \"bind\": bind source path does not exist: /srv/media": "mount",
    'could not select device driver "" with capabilities: [[gpu]]': "gpu",
    "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all": "gpu",
    "pull access denied for nobody/x, repository does not exist or may require 'docker login'": "image",
    "manifest for jellyfin/jellyfin:99.99 not found: manifest unknown: manifest unknown": "tag",
    "No such image: nope:latest": "image",
    'Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid: no such host': "registry",
    'Get "https://registry-1.docker.io/v2/": tls: failed to verify certificate: x509: unknown authority': "registry",
    "toomanyrequests: You have reached your unauthenticated pull rate limit.": "registry",
    'exec: "/nope": stat /nope: no such file or directory: unknown': "entrypoint",
    'exec: "nope": executable file not found in $PATH: unknown': "entrypoint",
    "yaml: line 3: mapping values are not allowed in this context": "compose",
    "validating /srv/x/compose.yaml: services.web additional properties 'imag' not allowed": "compose",
    'service "web" refers to undefined network other: invalid compose project': "compose",
    "dependency failed to start: container x-db-1 is unhealthy": "unhealthy",
    "something new": "other",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_text_means(text: str) -> None:
    error = explain(f"Error response from daemon: {text}", "tequila")
    assert error.kind == TEXTS[text]
    assert error.kind in KINDS
    assert error.where == "tequila"
    assert bool(error.hint) == (error.kind != "other")


def test_a_text_that_nobody_knows_is_passed_on() -> None:
    assert explain("something\n  new").what == "Docker refuses: something new"


@pytest.mark.parametrize(
    ("reference", "read"),
    [
        ("busybox", (HUB, "library/busybox", "latest")),
        ("jellyfin/jellyfin:12.3", (HUB, "jellyfin/jellyfin", "12.3")),
        ("docker.io/jellyfin/jellyfin", (HUB, "jellyfin/jellyfin", "latest")),
        ("ghcr.io/immich-app/immich-server:release", ("ghcr.io", "immich-app/immich-server", "release")),
        ("localhost:5000/a/b:1", ("localhost:5000", "a/b", "1")),
        ("localhost:5000/a", ("localhost:5000", "a", "latest")),
        ("busybox@sha256:12", (HUB, "library/busybox", "latest")),
    ],
)
def test_a_reference(reference: str, read: tuple[str, str, str]) -> None:
    assert parts(reference) == read


def test_name_and_tag_for_a_pull() -> None:
    assert split("localhost:5000/a") == ("localhost:5000/a", "latest")
    assert split("localhost:5000/a:1") == ("localhost:5000/a", "1")
    assert split("a/b@sha256:12") == ("a/b", "sha256:12")


def test_a_pull_as_it_goes() -> None:
    made = Pull("a/b")
    made.take({"status": "Pulling from a/b", "id": "latest"})
    for layer in ("one", "two"):
        made.take({"status": "Pulling fs layer", "id": layer, "progressDetail": {}})
    made.take({"status": "Downloading", "id": "two", "progressDetail": {"current": 5, "total": 20}})
    assert "width:25%" in made._repr_mimebundle_()["text/html"]
    assert made.take({"status": "Already exists", "id": "one"}) is made.layers["one"]
    assert made.take({"status": "Pull complete", "id": "two"}) is made.layers["two"]
    assert made.take({"status": "Pull complete", "id": "two"}) is None, "once"
    assert made.layers["two"].fetched == 20
    made.take({"status": "Digest: sha256:abc"})
    made.take({"status": "Status: Downloaded newer image for a/b:latest"})
    assert (made.digest, list(made.layers)) == ("sha256:abc", ["one", "two"])
    assert str(made) == "a/b: 2 of 2 layers; Downloaded newer image for a/b:latest"
    with pytest.raises(EngineError) as error:
        made.take({"errorDetail": {}, "error": "write /x: no space left on device"})
    assert error.value.kind == "disk"


def test_memory_has_one_way_to_be_written() -> None:
    assert container.State("x", "y", memory="64M") == container.State("x", "y", memory="65536k")
    assert container.State("x", "y", memory="1024m").memory == "1g"


COMPOSE = (
    "services:\n  ts: {image: a}\n  web: {image: 'b:${V}', network_mode: 'service:ts'}\n  db: {image: c}\n"
)
FILES = {"compose.yaml": COMPOSE, ".env": "V=1\n"}


def started(files: dict[str, str], images: dict[str, str] | None = None) -> project.State:
    return project.wanted("/srv/p", "p", ["ts", "web", "db"], files, shares={"web": "ts"}, images=images)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({".env": "V=2\n"}, "makes web anew (V changed)"),
        (
            {"compose.yaml": COMPOSE.replace("image: a", "image: z")},
            "makes ts anew (its part of compose.yaml changed); makes web anew (it lives in the network of ts)",
        ),
        ({"db.conf": "x\n"}, "makes db anew (db.conf changed)"),
        ({"compose.yaml": f"# only a word\n{COMPOSE}"}, "starts from the same files again"),
    ],
)
def test_what_a_changed_file_means(files: dict[str, str], said: str) -> None:
    assert words(started(FILES), started(FILES | files)).startswith(said)


def test_what_another_image_means() -> None:
    old = started(FILES, {"ts": "sha256:aa", "web": "sha256:bb"})
    new = started(FILES, {"ts": "sha256:cc", "web": "sha256:bb"})
    assert words(old, new) == (
        "makes ts anew (another image: aa → cc); makes web anew (it lives in the network of ts)"
    )
    assert not matches(old, new)
    assert matches(old, started(FILES)), "whichever the tags name here will do"


def test_a_project_as_a_change() -> None:
    none = project.State("/srv/p")
    made = Change("tequila", "project", "w", none, started(FILES), "/srv/p")
    assert Change.load(made.data()) == made
    assert difference(made).startswith("starts db, ts, web\n")
    assert "install -D -m 644 /dev/stdin /srv/p/compose.yaml <<'EOF'\nservices:" in made.command
    last = made.command.splitlines()[-1]
    assert last.startswith("cd /srv/p && docker compose up -d --wait")
    assert last.endswith("&& sha256sum .env compose.yaml > .started-from")
    assert made.inverse().command.splitlines() == [
        "cd /srv/p && docker compose down && rm -f .started-from",
        "rm -f /srv/p/.env",
        "rm -f /srv/p/compose.yaml",
    ]
    anew = Change("tequila", "project", "w", started(FILES), started(FILES | {"x.conf": "1\n"}), "/srv/p")
    assert "--force-recreate" in anew.command
    assert "-V=1" in difference(
        Change("t", "project", "w", started(FILES), started(FILES | {".env": "V=2\n"}))
    )
