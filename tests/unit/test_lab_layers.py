"""What a machine's root is laid over, and what of the host's it hides."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from homelab.lab import base, hostview

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make overlayfs's marks outside a namespace"
)


@needs_root
def test_hiding_leaves_the_mark_that_overlayfs_reads(tmp_path: Path) -> None:
    base.hide(tmp_path / "etc" / "secret")
    info = (tmp_path / "etc" / "secret").stat()
    assert stat.S_ISCHR(info.st_mode)
    assert info.st_rdev == 0


@needs_root
def test_what_is_in_a_hidden_folder_needs_no_mark_of_its_own(tmp_path: Path) -> None:
    base.hide(tmp_path / "etc" / "NetworkManager" / "system-connections")
    base.hide(tmp_path / "etc" / "NetworkManager" / "system-connections" / "home.nmconnection")
    assert stat.S_ISCHR((tmp_path / "etc" / "NetworkManager" / "system-connections").stat().st_mode)


def test_what_was_copied_is_taken_out_without_a_mark(tmp_path: Path) -> None:
    (tmp_path / "etc" / "docker").mkdir(parents=True)
    (tmp_path / "etc" / "docker" / "key.json").touch()
    base.hide(tmp_path / "etc" / "docker", below=False)
    base.hide(tmp_path / "etc" / "docker" / "key.json", below=False)
    assert list((tmp_path / "etc").iterdir()) == []


def test_secrets_are_what_others_may_not_read(tmp_path: Path) -> None:
    for name, mode in (
        ("plain", 0o644),
        ("key", 0o600),
        ("group", 0o640),
        ("shadow", 0o640),
        ("passwd-", 0o600),
    ):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "inner").touch()
    (tmp_path / "open" / "inner").chmod(0o600)
    found = {str(p.relative_to(tmp_path)) for p in base._unreadable(tmp_path)}
    # shadow is made anew for every machine, so it is not hidden.
    assert found == {"key", "group", "passwd-", "closed", "open/inner"}


def test_where_nothing_is_mounted_below_two_overlays_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostview, "_mounts", lambda: [Path("/"), Path("/proc"), Path("/home")])
    assert hostview.parts(rootless=True) == [hostview.Part("usr"), hostview.Part("etc")]


def test_what_has_mounts_below_is_linked_or_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostview, "_mounts", lambda: [Path("/usr/lib/wsl/lib"), Path("/etc/hosts")])
    parts = {part.name: part for part in hostview.parts(rootless=True)}
    assert not parts["usr/lib"].host
    assert parts["usr/lib"].is_linked
    assert parts["usr/bin"].host
    assert not parts["etc"].host
    assert not parts["etc"].is_linked
    assert hostview.parts(rootless=False) == [hostview.Part("usr"), hostview.Part("etc")]


def test_links_lead_into_the_view_and_merge_with_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, packages, layer = tmp_path / "host", tmp_path / "packages", tmp_path / "layer"
    for name in ("gcc/a", "x86_64-linux-gnu/libc.so", "wsl/lib/d3d.so"):
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).touch()
    (host / "cpp").symlink_to("gcc")
    (packages / "x86_64-linux-gnu").mkdir(parents=True)
    hostview._link(host, packages, layer, [host / "wsl" / "lib"])
    assert (layer / "gcc").readlink() == Path(f"/.host{host}/gcc")
    assert (layer / "cpp").readlink() == Path("gcc")
    assert (layer / "x86_64-linux-gnu").is_dir()
    assert (layer / "x86_64-linux-gnu" / "libc.so").readlink() == Path(
        f"/.host{host}/x86_64-linux-gnu/libc.so"
    )
    assert list((layer / "wsl" / "lib").iterdir()) == []
