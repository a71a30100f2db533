"""Saved labs by what is written of them: whether one fits here, and what is said where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homelab.errors import LabError, LabRefused, PrerequisiteMissing
from homelab.lab import copying, launch, saved, still


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOMELAB_CACHE", str(tmp_path))
    return tmp_path


def put(cache: Path, name: str, **other: object) -> Path:
    document = {
        "schema": saved.SCHEMA, "name": name, "of": "", "at": 1.0, "version": "0.1", "tier": launch.tier(),
        "key": saved.key(), "topology": "t.yaml", "bytes": 3_000_000, **other,
    }  # fmt: skip
    folder = cache / saved.KIND / name
    folder.mkdir(parents=True)
    (folder / saved.META).write_text(json.dumps(document))
    return folder


def test_one_that_fits_is_found(cache) -> None:
    folder = put(cache, "tuesday")
    assert saved.require("tuesday") == folder
    assert "tuesday" in saved.listed()
    assert "3.0 MB" in saved.listed()
    assert "forgotten" in saved.forget("tuesday")
    assert "no lab is saved" in saved.listed()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"tier": "elsewhere"}, "tier elsewhere"),
        ({"key": "x", "version": "0.0.9"}, "another version (0.0.9)"),
    ],
)
def test_one_that_does_not_fit_says_why(cache, other, said) -> None:
    put(cache, "tuesday", **other)
    with pytest.raises(PrerequisiteMissing) as refused:
        saved.require("tuesday")
    assert said in refused.value.what
    assert "forget tuesday" in refused.value.hint
    assert said in saved.listed()


def test_what_another_schema_wrote_is_listed_and_can_go(cache) -> None:
    (put(cache, "tuesday") / saved.META).write_text('{"schema": 99}')
    assert "another version (unknown)" in saved.listed()
    saved.forget("tuesday")


def test_the_nearest_name_is_said(cache) -> None:
    put(cache, "tuesday")
    with pytest.raises(LabRefused) as refused:
        saved.require("tuseday")
    assert "did you mean 'tuesday'" in refused.value.hint


@pytest.mark.parametrize("word", ["No space left on device", "Disk quota exceeded"])
def test_a_full_cache_is_a_sentence_and_leaves_nothing(cache, monkeypatch, word) -> None:
    def request(socket: Path, **asked: str) -> dict[str, object]:
        if asked["op"] == "status":
            return {"state": str(cache), "tier": launch.tier(), "topology": "t.yaml"}
        (Path(asked["folder"]) / "half.tar").write_text("half")
        raise LabError(f"tar failed: zstd: {word}")

    monkeypatch.setattr(saved, "request", request)
    with pytest.raises(PrerequisiteMissing, match="the cache is full"):
        saved.save(cache / "lab.sock", "tuesday")
    assert list((cache / saved.KIND).iterdir()) == []


def test_what_a_killed_one_left_is_swept(cache, monkeypatch) -> None:
    left = cache / saved.KIND / ".new-999999999-x"
    left.mkdir(parents=True)
    monkeypatch.setattr(
        saved,
        "request",
        lambda socket, **asked: {"state": str(cache), "tier": "t", "topology": "", "still": 0.1},
    )
    saved.save(cache / "lab.sock", "tuesday")
    assert [p.name for p in (cache / saved.KIND).iterdir()] == ["tuesday"]
    assert (cache / saved.KIND).stat().st_mode & 0o077 == 0, "the nodes' keys are in it"


def test_a_file_is_linked_and_the_copy_outlives_its_change(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("old")
    copying._link_tree(tmp_path / "a", tmp_path / "b")
    new = tmp_path / "a/.new"
    new.write_text("new")
    new.replace(tmp_path / "a/x")  # as the hub writes
    assert (tmp_path / "b/x").read_text() == "old"


def test_a_pid_file_is_known_by_its_number(tmp_path) -> None:
    (tmp_path / "pid").write_text("12\n")
    (tmp_path / "other.pid").write_text("13\n")
    assert still._pid_files(tmp_path, "12") == [str(tmp_path / "pid")]
