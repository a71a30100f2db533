"""Building into a cache that is empty, full, or out of reach of the network."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CHECKOUT, LAB

from homelab.lab import paths

Call = Callable[..., subprocess.CompletedProcess[str]]
NOWHERE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "GOPROXY": "off"}


def test_what_is_built_is_found_at_once(call: Call) -> None:
    done = call("build")
    assert done.returncode == 0, done
    assert done.stdout == f"everything is built, in {paths.cache()}\n"
    again = call("build", env={**NOWHERE, "PATH": "/usr/bin:/bin"})
    assert (again.returncode, again.stderr) == (0, "")


def test_an_empty_cache_without_network_is_told_what_is_missing(call: Call, tmp_path: Path) -> None:
    done = call("up", env={**NOWHERE, "HOMELAB_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 3, done
    last = done.stderr.splitlines()[-2:]
    assert "what only the lab needs is not in the cache, and apt cannot fetch it" in last[0]
    assert last[1].startswith("Hint: connect to the network")
    assert list((tmp_path / "cache" / "pkg").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can make a small disk")
    script = 'mount -t tmpfs -o size=20m tmpfs "$HOMELAB_CACHE" && "$@"; echo "$?"; ls -A "$HOMELAB_CACHE"/*'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *LAB, "build"],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_CACHE": str(tmp_path)},
        check=False,
        timeout=60,
    )
    assert [w for w in done.stdout.split() if not w.endswith(":")] == ["3"], done  # folders without content
    assert "the cache cannot be written" in done.stderr
    assert "(20 MiB are free); nothing half-done is left" in done.stderr
    assert "Hint: make room, or set HOMELAB_CACHE" in done.stderr


def test_a_cache_that_cannot_be_written_is_said(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = call("build", env={"HOMELAB_CACHE": str(file / "cache")})
    assert done.returncode == 3, done
    assert "Hint: make room, or set HOMELAB_CACHE" in done.stderr


@pytest.mark.nightly
def test_two_builds_at_once_do_it_once(call: Call, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "go").symlink_to(
        paths.cache() / "go"
    )  # what the compiler keeps, or this takes minutes
    done: list[subprocess.CompletedProcess[str]] = []
    env = {"HOMELAB_CACHE": str(tmp_path / "cache")}
    both = [threading.Thread(target=lambda: done.append(_build(env))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [d.returncode for d in done] == [0, 0], done
    said = "".join(d.stderr for d in done)
    assert said.count("building the lab's cloud: done") == 1
    assert said.count("building tailscaled 1.102.5 (once; about two minutes on two cores): done") == 1
    assert said.count("another build holds the cache; waiting for it") == 1
    version = subprocess.run(
        [next((tmp_path / "cache" / "tailscale").glob("*/tailscale")), "version"],
        capture_output=True,
        text=True,
    )
    assert version.stdout.splitlines()[0] == "1.102.5"


def _build(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAB, "build"], capture_output=True, text=True, cwd=CHECKOUT, env={**os.environ, **env}, timeout=600
    )
