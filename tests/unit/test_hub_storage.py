"""The registry's storage: what is offered, tags that move, files that are links into the cache."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from homelab.errors import LabRefused
from homelab.lab import hub
from homelab.lab.images import packing, storage

NAME = "docker.io/jellyfin/jellyfin"


def put(packed: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    blobs = packed / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(data)
    return f"sha256:{digest}"


def image(packed: Path, layers: list[str], says: str) -> str:
    config = put(packed, json.dumps({"says": says}).encode())
    manifest = {"config": {"digest": config}, "layers": [{"digest": d} for d in layers]}
    return put(packed, json.dumps(manifest).encode())


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Three releases that share a layer, as `pack` leaves them."""
    folder = tmp_path / "packed"
    shared = put(folder, b"shared")
    tags = {v: image(folder, [shared, put(folder, v.encode())], v) for v in ("12.3", "12.4")}
    (folder / "tags.json").write_text(json.dumps(tags | {"latest": tags["12.4"]}))
    return folder


@pytest.fixture
def store(tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packing, "find", lambda repository: packed if repository.name == NAME else None)
    return tmp_path / "store"


def test_one_tag_or_all_of_them(store: Path, packed: Path) -> None:
    assert hub.offer(store, ["jellyfin/jellyfin:12.3"]) == ["jellyfin/jellyfin:12.3"]
    assert storage.tags(store, NAME) == ["12.3"]
    assert len(hub.offer(store, ["jellyfin/jellyfin"])) == 3
    assert storage.tags(store, NAME) == ["12.3", "12.4", "latest"]
    assert storage.tag_digest(store, NAME, "latest") == packing.tags(packed)["12.4"]


def test_blobs_are_the_caches_own_files(store: Path, packed: Path) -> None:
    hub.offer(store, ["jellyfin/jellyfin"])
    datas = list((store / storage.TOP / "blobs").rglob("data"))
    assert len(datas) == len(list((packed / "blobs" / "sha256").iterdir()))
    for data in datas:
        assert data.samefile(packed / "blobs" / "sha256" / data.parent.name)


def test_every_blob_of_a_manifest_is_linked_in_its_repository(store: Path) -> None:
    hub.offer(store, ["jellyfin/jellyfin:12.3"])
    digest = storage.tag_digest(store, NAME, "12.3")
    assert digest
    repository = store / storage.TOP / "repositories" / NAME
    manifest = storage.manifest(store, digest)
    for blob in (manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])):
        number = blob.partition(":")[2]
        assert (repository / "_layers" / "sha256" / number / "link").read_text() == blob
    number = digest.partition(":")[2]
    assert (repository / "_manifests" / "revisions" / "sha256" / number / "link").read_text() == digest
    assert (repository / "_manifests/tags/12.3/index/sha256" / number / "link").read_text() == digest
    assert not list(store.rglob(".new-*")), "half-written files are left"


def test_a_release_is_published_and_stays_so(store: Path, packed: Path) -> None:
    old, new = (packing.tags(packed)[v] for v in ("12.3", "12.4"))
    hub.offer(store, ["jellyfin/jellyfin"])
    assert hub.tag(store, "jellyfin/jellyfin:12.3", "latest") == old
    assert storage.tag_digest(store, NAME, "latest") == old
    hub.offer(store, ["jellyfin/jellyfin"])  # supplying once more does not undo it
    assert storage.tag_digest(store, NAME, "latest") == old
    hub.tag(store, "jellyfin/jellyfin:12.4", "latest")
    assert storage.tag_digest(store, NAME, "latest") == new
    hub.tag(store, "jellyfin/jellyfin", "mine")
    assert "mine" in storage.tags(store, NAME)


def test_a_new_build_replaces_an_old_one(store: Path, packed: Path) -> None:
    hub.offer(store, ["jellyfin/jellyfin"])
    rebuilt = image(packed, [put(packed, b"other")], "rebuilt")
    (packed / "tags.json").write_text(json.dumps({"12.3": rebuilt}))
    hub.offer(store, ["jellyfin/jellyfin"])
    assert storage.tag_digest(store, NAME, "12.3") == rebuilt


def test_another_file_system_gets_copies(store: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    hub.offer(store, ["jellyfin/jellyfin:12.3"])
    for data in (store / storage.TOP / "blobs").rglob("data"):
        assert data.read_bytes() == (packed / "blobs" / "sha256" / data.parent.name).read_bytes()


def test_what_is_not_there_is_said(store: Path) -> None:
    with pytest.raises(LabRefused, match="busybox is not built") as refused:
        hub.offer(store, ["busybox"])
    assert refused.value.hint == "python -m homelab.lab supply busybox"
    with pytest.raises(
        LabRefused, match=r"does not offer jellyfin/jellyfin:12\.3; of jellyfin/jellyfin it has nothing"
    ):
        hub.tag(store, "jellyfin/jellyfin:12.3", "latest")
    hub.offer(store, ["jellyfin/jellyfin"])
    with pytest.raises(LabRefused, match="'-x' is no tag"):
        hub.tag(store, "jellyfin/jellyfin", "-x")
    with pytest.raises(LabRefused, match=r"it has 12\.3, 12\.4, latest"):
        hub.tag(store, "jellyfin/jellyfin:11", "latest")


def test_the_plugin_is_no_image(store: Path) -> None:
    assert hub.offer(store, [hub.COMPOSE]) == []
