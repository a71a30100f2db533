"""An ordinary user who exists only in a mount namespace of ours, so that the host stays untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.lab import kernel, packages, paths

CHECKOUT = Path(__file__).resolve().parents[2]
NEWUSER = 0x10000000


def run(script: str, *, cover: str = "", lacking: str = "") -> subprocess.CompletedProcess[str]:
    """Run `script` as the rider; `$PY` in it is a Python that can run homelab.lab.

    `cover` is a folder of the host to mount something on, as WSL does; `lacking` is what the rider
    shall not have: newuidmap, subuid, tun or userns.
    """
    if os.geteuid():
        pytest.skip("only root can make up an ordinary user")
    if not shutil.which("newuidmap"):
        pytest.skip("there is no newuidmap here: apt install uidmap")
    python, site = _python()
    helper = Path(__file__).with_name("as_rider.sh")
    command = ["sh", str(helper), str(CHECKOUT), str(paths.cache()), python, site, script]
    # User namespaces can only be forbidden in one, or they would be for the whole host.
    outer = [sys.executable, __file__] if lacking == "userns" else ["unshare", "--mount"]
    return subprocess.run(
        [*outer, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "COVER": cover, "LACKING": lacking, "PKG": packages.key()},
        timeout=120,
        check=False,
    )


def in_a_user_namespace(command: list[str]) -> None:
    """Become `command` in a user and mount namespace where every id is itself."""
    ready, go = os.pipe(), os.pipe()
    helper = os.fork()
    if helper == 0:  # still outside, where ids may be mapped
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{os.getppid()}/{name}").write_text("0 0 100000\n")
        os.write(go[1], b"x")
        os._exit(0)
    kernel.unshare(NEWUSER | kernel.NEWNS)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.waitpid(helper, 0)
    os.execvp(command[0], command)


def _python() -> tuple[str, str]:
    """A Python that everybody can run, of our version, and where our packages are."""
    site = next(p for p in sys.path if p.endswith("site-packages") and Path(p, "pydantic").is_dir())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = Path(sys.executable).resolve()
    for candidate in (own, Path("/usr/bin", f"python{version}"), Path("/usr/local/bin", f"python{version}")):
        if candidate.exists() and all(p.stat().st_mode & 0o001 for p in (candidate, *candidate.parents)):
            return str(candidate), site
    pytest.skip(f"no Python {version} that an ordinary user can run")


if __name__ == "__main__":
    in_a_user_namespace(sys.argv[1:])
