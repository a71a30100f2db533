"""Servers of the lab that stand in for real ones, built and run on the loopback for tests; and what they need."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from homelab.errors import PrerequisiteMissing
from homelab.lab import golang, packages
from homelab.wait import until

SOURCES = Path(golang.__file__).parent / "images"


def go(*words: str, **env: str) -> None:
    """Run a go command in the module of our servers; skips where there is no Go."""
    try:
        command = golang.find(SOURCES / "go.mod")
    except PrerequisiteMissing as error:
        pytest.skip(f"no Go: {error}")
    done = subprocess.run(
        [command, *words], cwd=SOURCES, env=golang.environment() | env, capture_output=True, text=True, timeout=600
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def go_test(*packages: str, **env: str) -> None:
    """Go's own vet and tests of `packages`."""
    go("vet", *packages)
    go("test", *packages, **env)


def build(package: str, folder: Path) -> Path:
    """The server `package`, built from its sources; a second where Go's cache is warm."""
    go("build", "-trimpath", "-o", str(folder / package), f"./{package}")
    return folder / package


def program(name: str) -> tuple[str, dict[str, str]]:
    """The path of a program, installed here or unpacked for the lab, and the environment that it needs. Skips."""
    if here := shutil.which(name) or newest(Path("/usr/lib/postgresql"), name):
        return here, {}
    unpacked = packages.place()
    for folder in (unpacked / "usr/bin", unpacked / "usr/lib/postgresql"):
        if found := newest(folder, name):
            libraries = (unpacked / "usr/lib").glob("*-linux-gnu")
            parts = [
                p for lib in libraries for p in (lib, *(lib / n for n in ("pulseaudio", "blas", "lapack")))
            ]
            return found, {"LD_LIBRARY_PATH": ":".join(map(str, parts))}
    pytest.skip(f"no {name}: neither installed, nor unpacked by a lab (./runbook lab build)")


def newest(folder: Path, name: str) -> str:
    """A program in `folder` or in the bin folder of a version below it; empty where there is none."""
    found = [folder / name, *sorted(folder.glob(f"*/bin/{name}"), reverse=True)]
    return next((str(path) for path in found if path.is_file()), "")


def free_port() -> int:
    """A port of the loopback that nobody has at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """A stand-in as a process of its own at a port of the loopback; it logs to `log`."""

    def __init__(self, program: Path, folder: Path, ready: str, env: dict[str, str]) -> None:
        self.program, self.ready, self.env = program, ready, env
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def spawn(self, **env: str) -> subprocess.Popen[bytes]:
        """Run the program and wait for nothing; `env` is on top of its usual environment."""
        at = {"PATH": os.environ["PATH"], "HOMELAB_LISTEN": f"127.0.0.1:{self.port}"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program], env={**at, **self.env, **env}, stderr=log)
        return self.process

    def start(self, **env: str) -> None:
        """Run the program and wait until it says that it is healthy."""
        self.spawn(**env)
        until(self.healthy, bool, f"{self.program.name} to be healthy", hint=self.said())

    def refuses(self, **env: str) -> str:
        """Run the program, which must end by itself with a failure; what it logged meanwhile."""
        before = len(self.said())
        assert self.spawn(**env).wait(20) == 1
        return self.said()[before:]

    def healthy(self) -> bool:
        try:
            return requests.get(self.url + self.ready, timeout=5).ok
        except requests.ConnectionError:
            return False

    def healthcheck(self) -> int:
        """What the image's own health check says: its exit status."""
        env = {"HOMELAB_LISTEN": f"127.0.0.1:{self.port}"}
        return subprocess.run(
            [self.program, "--healthcheck"], env=env, capture_output=True, timeout=10
        ).returncode

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(15)

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def get(self, path: str, **more: Any) -> requests.Response:
        """A bare request, without any client library."""
        return requests.get(self.url + path, timeout=10, **more)


def film(path: Path, title: str, seconds: int = 4) -> None:
    """A small real film with picture and sound, in the folder that Jellyfin's naming rules want."""
    ffmpeg, env = program("ffmpeg")
    target = path / title / f"{title}.mp4"
    target.parent.mkdir(parents=True)
    subprocess.run(
        [
            ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=24", "-f", "lavfi",
            "-i", "sine=frequency=440", "-t", str(seconds), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(target),
        ],
        env=os.environ | env, check=True, timeout=120,
    )  # fmt: skip


def media_tools() -> dict[str, str]:
    """The environment that shows ffmpeg and ffprobe to the Jellyfin stand-in."""
    ffmpeg, env = program("ffmpeg")
    program("ffprobe")
    return {"JELLYFIN_FFMPEG": ffmpeg, **env}
