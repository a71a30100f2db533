"""The cache: built once, never half, and its errors say what to do."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from homelab.errors import PrerequisiteMissing
from homelab.lab import build, cache, golang, packages, paths


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_there_is_not_made_again() -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "thing").touch()

    first = cache.keep("kind", "key", make)
    assert cache.keep("kind", "key", make) == first
    assert (len(made), (first / "thing").exists()) == (1, True)


@pytest.mark.parametrize("how", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing_half_done(own_cache: Path, how: type[BaseException]) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise how

    with pytest.raises(how):
        cache.keep("kind", "key", make)
    assert list((own_cache / "kind").iterdir()) == []


def test_what_a_killed_build_left_is_swept(own_cache: Path) -> None:
    left = own_cache / "kind" / ".new-abc"
    left.mkdir(parents=True)
    (left / "half").touch()
    cache.keep("kind", "key", lambda folder: None)
    assert [p.name for p in (own_cache / "kind").iterdir()] == ["key"]


def test_two_builders_take_turns() -> None:
    inside, most, waited = [0], [0], []

    def one() -> None:
        with cache.building(waiting=lambda: waited.append(1)):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            cache.keep("kind", "key", lambda folder: None)
            inside[0] -= 1

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_said_clearly(own_cache: Path, number: int) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(number, "no")

    with pytest.raises(PrerequisiteMissing) as caught:
        cache.keep("kind", "key", make)
    assert caught.value.where == str(own_cache)
    assert "nothing half-done is left" in caught.value.what
    assert "HOMELAB_CACHE" in caught.value.hint
    assert list((own_cache / "kind").iterdir()) == []


def test_other_failures_pass_as_they_are() -> None:
    def make(folder: Path) -> None:
        raise OSError(errno.ELOOP, "loop")

    with pytest.raises(OSError, match="loop"):
        cache.keep("kind", "key", make)


def test_nothing_is_built_and_nothing_made_by_asking(own_cache: Path) -> None:
    assert build.find() is None
    assert not own_cache.exists()


def test_keys_follow_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "cloud"
    sources.mkdir()
    for name in ("go.mod", "go.sum", "main.go", "main_test.go"):
        (sources / name).write_text(name)
    monkeypatch.setattr(build, "CLOUD", sources)
    before = build.cloud_key(), build.tailscale_key()
    (sources / "main_test.go").write_text("another test")
    assert (build.cloud_key(), build.tailscale_key()) == before
    (sources / "main.go").write_text("another cloud")
    assert build.cloud_key() != before[0]
    assert build.tailscale_key() == before[1]
    (sources / "go.sum").write_text("another pin")
    assert build.tailscale_key() != before[1]


def test_a_machine_without_apt_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_cache: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteMissing, match="apt-get, dpkg-deb") as caught, cache.building():
        packages.ensure()
    assert "Debian 12+" in caught.value.hint
    assert list((own_cache / "pkg").iterdir()) == []


def test_the_merge_of_an_old_layout(tmp_path: Path) -> None:
    for name in ("lib/x/a", "usr/lib/x/b", "sbin/tool", "usr/sbin/xtables-nft-multi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    packages._as_installed(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["usr"]
    assert sorted(p.name for p in (tmp_path / "usr/lib/x").iterdir()) == ["a", "b"]
    assert (tmp_path / "usr/sbin/iptables-restore").readlink() == Path("xtables-nft-multi")


def test_the_room_for_packages_is_what_apt_says() -> None:
    printed = (
        "Need to get 2,000 kB of archives.\n"
        "After this operation, {} of additional disk space will be used.\n"
        "'http://mirror/a.deb' a_1_amd64.deb 20971520 MD5Sum:0\n'http://mirror/b.deb' b_1_all.deb 1048576 \n"
    )
    assert packages._size(printed.format("1,138 MB")) == 21 + 1085
    assert packages._size(printed.format("1.5 GB")) == 21 + 1430
    assert packages._size("") == 0  # all of it is here


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "E: Unable to locate package tini\nE: Unable to locate package conntrack\n",
            "packages tini, conntrack cannot",
        ),
        ("E: Failed to fetch http://x/y.deb  Could not resolve 'x'\n", "Failed to fetch"),
    ],
)
def test_what_apt_cannot_fetch_is_named(said: str, what: str) -> None:
    error = packages._refused(said)
    assert isinstance(error, PrerequisiteMissing)
    assert what in error.what
    assert "connect to the network" in error.hint


def test_the_oldest_go_comes_from_go_mod(tmp_path: Path) -> None:
    mod = tmp_path / "go.mod"
    mod.write_text("module x\n\ngo 1.26.6\n")
    assert golang.wanted(mod) == (1, 26, 6)
    mod.write_text("module x\n")
    with pytest.raises(PrerequisiteMissing, match="no `go` line"):
        golang.wanted(mod)


def test_an_old_go_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go1.19.8\n")
    go.chmod(0o755)
    mod = tmp_path / "go.mod"
    mod.write_text("module x\n\ngo 1.26.6\n")
    assert golang.version_of(str(go)) == (1, 19, 8)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(golang, "_USUAL", ())

    def install(folder: Path) -> None:
        (folder / golang.PROGRAM).parent.mkdir(parents=True)
        (folder / golang.PROGRAM).touch()

    monkeypatch.setattr(golang, "_install", install)
    assert golang.find(mod) == str(paths.cache() / "go" / "toolchain-1.26.6" / golang.PROGRAM)
    go.write_text("#!/bin/sh\necho go1.26.10\n")
    assert golang.find(mod) == str(go)


def test_the_builds_environment_is_pinned(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOPROXY", "https://proxy.example.com")
    env = golang.environment()
    assert (env["GOFLAGS"], env["GOTOOLCHAIN"], env["CGO_ENABLED"]) == ("-modcacherw", "local", "0")
    assert env["GOCACHE"] == str(own_cache / "go" / "build")
    assert env["GOPROXY"] == "https://proxy.example.com"
