"""A bundle is proved as a whole before anything of it is used, and fits only where it was made for."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homelab.errors import PrerequisiteMissing
from homelab.lab import cache, paths
from homelab.lab.bundle import contents, file, make, use

PIECES = {"images/one": "the image one", "pkg/two": "programs"}


@pytest.fixture
def seat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine that needs two small pieces."""
    monkeypatch.setenv("HOMELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contents, "pieces", lambda: dict(PIECES))
    return tmp_path / "cache"


@pytest.fixture
def bundle(tmp_path: Path, seat: Path) -> Path:
    """A bundle of the two, made as `make` makes one."""
    return _bundle(tmp_path)


def _bundle(into: Path, **other: Any) -> Path:
    manifest: dict[str, Any] = {
        "schema": contents.SCHEMA,
        "made": "2026-11-27T20:00:00+00:00",
        "checkout": "abc1234",
        "platform": contents.platform(),
        "pieces": {},
    }
    packed = {}
    for number, (name, about) in enumerate(PIECES.items()):
        source = into / "source" / name
        (source / "usr").mkdir(parents=True, exist_ok=True)
        (source / "usr" / "thing").write_text(about * 500)
        (source / "usr" / "thing").chmod(0o755)
        (source / "link").unlink(missing_ok=True)
        (source / "link").symlink_to("/nowhere")
        member = f"pieces/{number:02}.tar.gz"
        packed[member] = into / f"{number}.tar.gz"
        facts = file.pack(source, packed[member])
        manifest["pieces"][name] = {"about": about, "member": member, **facts}
    out = into / "bundle.tar"
    file.write(out, manifest | other, packed)
    return out


def test_what_was_packed_comes_back(bundle: Path, seat: Path) -> None:
    assert set(contents.missing()) == set(PIECES)
    assert "2 of 2 pieces were new" in use.use(bundle)
    assert contents.missing() == {}
    thing = seat / "images/one/usr/thing"
    assert thing.read_text() == PIECES["images/one"] * 500
    assert os.access(thing, os.X_OK)
    assert (seat / "pkg/two/link").readlink() == Path("/nowhere")


def test_it_is_safe_to_repeat_and_keeps_what_is_there(bundle: Path, seat: Path) -> None:
    (seat / "pkg/two").mkdir(parents=True)
    assert "1 of 2 pieces were new" in use.use(bundle)
    assert list((seat / "pkg/two").iterdir()) == []
    assert "0 of 2 pieces were new" in use.use(bundle)


def _flip(path: Path) -> None:
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
    data = bytearray(path.read_bytes())
    data[last.offset_data + last.size // 2] ^= 0xFF
    path.write_bytes(data)


def _cut(path: Path) -> None:
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
    os.truncate(path, last.offset_data + last.size // 2)


def _not_one(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 something else")


@pytest.mark.parametrize("harm", [_flip, _cut, _not_one])
def test_what_is_damaged_changes_nothing(bundle: Path, seat: Path, harm: Callable[[Path], None]) -> None:
    harm(bundle)
    with pytest.raises(PrerequisiteMissing, match="damaged") as refused:
        use.use(bundle)
    assert "copy it again" in refused.value.hint
    assert set(contents.missing()) == set(PIECES)


def test_another_platform_is_refused(tmp_path: Path, seat: Path) -> None:
    other = _bundle(tmp_path, platform=contents.platform() | {"python": "3.99"})
    with pytest.raises(PrerequisiteMissing, match=r"made for python 3\.99 \(here: 3\."):
        use.use(other)
    assert not seat.exists()


def test_another_version_is_refused(bundle: Path, seat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "pieces", lambda: {**PIECES, "cloud/new": "the lab's cloud"})
    with pytest.raises(PrerequisiteMissing, match=r"another version \(abc1234\).*the lab's cloud"):
        use.use(bundle)
    assert not seat.exists()


def test_another_format_is_refused(tmp_path: Path, seat: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="its format is 99"):
        use.use(_bundle(tmp_path, schema=99))


def test_a_full_disk_is_said_before(bundle: Path, seat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "free", lambda: 10)
    with pytest.raises(PrerequisiteMissing, match="10 MiB are free"):
        use.use(bundle)
    assert not seat.exists()


def test_a_disk_that_fills_meanwhile_leaves_nothing(
    bundle: Path, seat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack, seen = file.unpack, []

    def full(tar: tarfile.TarFile, member: str, into: Path) -> None:
        if seen:
            raise OSError(28, "No space left on device")
        seen.append(member)
        unpack(tar, member, into)

    monkeypatch.setattr(file, "unpack", full)
    with pytest.raises(PrerequisiteMissing, match="No space left"):
        use.use(bundle)
    assert set(contents.missing()) == set(PIECES)
    assert [p.name for p in seat.iterdir()] == [".lock"]


def test_no_bundle_is_a_sentence(tmp_path: Path, seat: Path) -> None:
    with pytest.raises(PrerequisiteMissing, match="No such file"):
        use.use(tmp_path / "none.tar")


def test_a_manifest_comes_first(bundle: Path) -> None:
    with tarfile.open(bundle) as tar:
        first = tar.next()
        assert first
        assert first.name == contents.MANIFEST
        stream = tar.extractfile(first)
        assert stream
        assert set(json.load(stream)["pieces"]) == set(PIECES)


def test_the_pieces_are_all_that_is_built_and_none_with_a_private_key() -> None:
    kinds = {name.partition("/")[0] for name in contents.pieces()}
    assert kinds == {"tailscale", "cloud", "pkg", "compose", "images", "offline"}


def test_the_shell_script_counts_the_same_lists() -> None:
    script = (paths.CHECKOUT / "runbook").read_text()
    line = next(line for line in script.splitlines() if "offline=$cache/" in line)
    assert [name for name in contents.LISTS if f'"$here/{name}"' in line] == list(contents.LISTS)
    assert f"/{contents.OFFLINE}/" in line


def test_packages_are_worked_out_for_a_machine_that_has_hardly_anything() -> None:
    status = [
        "Package: base-files\nEssential: yes\nPre-Depends: awk | mawk",
        "Package: mawk\nDepends: libc6 (>= 2.36)",
        "Package: libc6\nPriority: optional",
        "Package: python3\nPriority: optional\nDepends: python3.11 (>= 3.11), libpython3-stdlib (= 3.11)",
        "Package: python3.11\nPriority: optional",
        "Package: curl\nPriority: optional",
    ]
    names = [p.split("\n")[0].removeprefix("Package: ") for p in make.needed(status)]
    assert names == ["base-files", "mawk", "libc6", "python3", "python3.11"]


def test_wheels_of_other_patch_releases_are_wanted() -> None:
    python = contents.platform()["python"]
    lists = f"a==1 ; python_full_version < '{python}.5'\nb==2 ; python_full_version >= '3.99'\nc==3\n"
    assert make.other_patches(lists) == ["a==1"]


def test_the_disk_of_the_bundle_may_be_full(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(PrerequisiteMissing, match="cannot be packed"):
        file.pack(tmp_path / "source", tmp_path / "nowhere" / "x.tar.gz")
    shutil.rmtree(tmp_path / "source")
