"""What the lab's hub can offer: references, definitions, and the list that the cloud's search has."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from homelab.errors import LabRefused
from homelab.lab import build, hub
from homelab.lab.images import definition, packing
from homelab.lab.images.reference import familiar, parse

LISTED = {
    e["name"]: e for e in json.loads((build.CLOUD / "hub" / "catalogue.json").read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(
    ("typed", "name", "tag"),
    [
        ("busybox", "docker.io/library/busybox", None),
        ("jellyfin/jellyfin:12.3", "docker.io/jellyfin/jellyfin", "12.3"),
        ("docker.io/library/postgres:15", "docker.io/library/postgres", "15"),
        ("registry-1.docker.io/jellyfin/jellyfin", "docker.io/jellyfin/jellyfin", None),
        ("ghcr.io/immich-app/immich-server:release", "ghcr.io/immich-app/immich-server", "release"),
        ("localhost:5000/x:1", "localhost:5000/x", "1"),
    ],
)
def test_references_are_read_as_docker_reads_them(typed: str, name: str, tag: str | None) -> None:
    read = parse(typed)
    assert (read.name, read.tag) == (name, tag)


@pytest.mark.parametrize(
    "typed", ["", "Jellyfin", "a b", "busybox:", "busybox:-x", "a//b", "busybox@sha256:00"]
)
def test_what_is_no_reference_is_refused(typed: str) -> None:
    with pytest.raises(LabRefused, match="is not the name of an image"):
        parse(typed)


def test_names_are_shown_as_one_types_them() -> None:
    names = [familiar(name) for name in hub.CATALOGUE]
    assert {"busybox", "jellyfin/jellyfin", "ghcr.io/immich-app/immich-server"} <= set(names)
    assert [parse(name).name for name in names] == list(hub.CATALOGUE)


def test_the_clouds_list_and_the_catalogue_agree() -> None:
    assert {name for name, entry in LISTED.items() if entry.get("offered")} == set(hub.CATALOGUE)
    assert len(LISTED) > len(hub.CATALOGUE), "search finds more than the lab can offer, as on the real hub"
    for name, entry in LISTED.items():
        assert entry.get("about") or not name.startswith("docker.io/"), (
            f"{name} is searched, and says nothing"
        )


@pytest.mark.parametrize("name", hub.CATALOGUE)
def test_every_image_says_what_it_is(name: str) -> None:
    for image in hub.CATALOGUE[name].images:
        labels = image.config["Labels"]
        for key in ("title", "description", "version"):
            assert labels[f"org.opencontainers.image.{key}"]
        assert labels["homelab.stand-in"]


@pytest.mark.parametrize("name", hub.CATALOGUE)
def test_definitions_are_whole(name: str) -> None:
    repository = hub.CATALOGUE[name]
    assert len(set(repository.tags)) == len(repository.tags)
    assert all(re.fullmatch(r"\w[\w.-]*", tag) for tag in repository.tags)
    for layer in repository.layers:
        for entry in layer.entries:
            kinds = [entry.dir, entry.text is not None, bool(entry.link), bool(entry.file), bool(entry.tree)]
            assert kinds.count(True) == 1, (layer.name, entry)
            assert entry.path.startswith("/")


def test_what_compose_files_and_the_talk_name_is_offered() -> None:
    for ref in (
        "jellyfin/jellyfin:latest", "jellyfin/jellyfin:12.3", "jellyfin/jellyfin:10.9.11", "postgres:15",
        "ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0", "valkey/valkey:9", "postgres:17",
        "eclipse-mosquitto:2", "tailscale/tailscale:stable", "python:3.11-slim", "miniflux/miniflux:latest",
        "ghcr.io/home-assistant/home-assistant:stable", "itzg/minecraft-server:latest",
    ):  # fmt: skip
        asked = parse(ref)
        assert asked.tag in hub.CATALOGUE[asked.name].tags, ref


def test_releases_of_jellyfin_share_all_but_the_server() -> None:
    images = hub.CATALOGUE["docker.io/jellyfin/jellyfin"].images
    assert len({image.layers[:-1] for image in images}) == 1
    assert len({image.layers[-1] for image in images}) == len(images)
    assert "latest" in images[-1].tags


def test_the_key_follows_the_definition() -> None:
    def made(text: str, about: str = "a", tag: str = "1") -> definition.Repository:
        layer = definition.Layer("l", about, (definition.Entry("/x", text=text),))
        return definition.Repository(
            "docker.io/x/y", (definition.Image((tag,), (layer,), {"Labels": {"b": "2", "a": "1"}}),)
        )

    assert packing.key(made("one")) == packing.key(made("one"))
    others = {packing.key(made(*words)) for words in (("two",), ("one", "b"), ("one", "a", "2"))}
    assert len(others | {packing.key(made("one"))}) == 4
    assert packing.key(made("one")).startswith("x-y-")


def test_two_layers_of_a_name_are_refused() -> None:
    layers = [definition.Layer("l", "", (definition.Entry("/x", text=text),)) for text in "ab"]
    twice = definition.Repository("x", tuple(definition.Image((s.about,), (s,), {}) for s in layers))
    with pytest.raises(ValueError, match="two layers are named l"):
        _ = twice.layers


def test_the_recipe_names_folders_of_the_cache() -> None:
    of = definition.Made("program", lambda: "k", lambda folder: None)
    layer = definition.Layer(
        "l", "", (definition.Entry("/p", file="p", of=of), definition.Entry("/t", tree=".", of=of))
    )
    repository = definition.Repository("x", (definition.Image(("1",), (layer,), {}),))
    entries = definition.recipe(repository, lambda made: Path("/cache", made.kind, made.key()))["layers"][0][
        "entries"
    ]
    assert [entries[0]["file"], entries[1]["tree"]] == ["//cache/program/k/p", "//cache/program/k"]
    assert repository.made == [of]


@pytest.mark.parametrize(
    ("ref", "hint"), [("jellyfin/jelyfin", "jellyfin/jellyfin"), ("jellyfin/jellyfin:12.5", "12.")]
)
def test_what_is_not_in_the_catalogue_is_refused_with_the_nearest(ref: str, hint: str) -> None:
    with pytest.raises(LabRefused) as refused:
        hub.build([ref])
    assert hint in refused.value.hint


def test_builds_of_old_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMELAB_CACHE", str(tmp_path))
    images = tmp_path / "images"
    for age, name in enumerate(["x-y-5", "x-y-4", "x-y-3", "x-y-2", "x-y-z-1"]):
        (images / name).mkdir(parents=True)
        os.utime(images / name, (1000 - age, 1000 - age))
    packing._forget_old(images / "x-y-5")
    assert sorted(p.name for p in images.iterdir()) == ["x-y-3", "x-y-4", "x-y-5", "x-y-z-1"]
