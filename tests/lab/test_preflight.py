"""What a machine lacks for a lab is found before anything starts, and named with its remedy (as root)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT, LAB


def without(script: str, state: Path) -> subprocess.CompletedProcess[str]:
    """`lab up` after `script` has changed what this machine seems to have, for nobody else."""
    if os.geteuid():
        pytest.skip("only root can pretend that something is missing")
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh", *LAB, "up"],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_STATE": str(state)},
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("mount --bind /dev/null /dev/net/tun", "/dev/net/tun cannot be used"),
        ("mount -t tmpfs tmpfs /dev/net", "/dev/net/tun cannot be used"),
        ("mount --bind /dev/null /usr/bin/unshare", "there is no `unshare`"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, script: str, said: str) -> None:
    done = without(script, tmp_path / "s")
    assert (done.returncode, done.stdout) == (3, ""), done
    assert said in done.stderr
    assert "\nHint: " in done.stderr
    assert not (tmp_path / "s").exists()


def test_preflight_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [*LAB, "preflight"],
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done
    assert "a lab can be built here" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_is_not_in_usr_is_shown_to_machines(tmp_path: Path) -> None:
    """Where the host has no /usr/bin/python3, as with a Python of uv's own."""
    base = str(Path(sys.base_prefix).resolve())
    if base.startswith("/usr"):
        pytest.skip("the Python that runs this is in /usr, where machines see it anyway")
    script = (
        "from homelab.lab import up; "
        f"up._python_of_ours = lambda: {base!r}; "
        "print(up.up(up.paths.DEFAULT_TOPOLOGY, enrolled=False))"
    )
    env = {**os.environ, "HOMELAB_STATE": str(tmp_path / "s")}

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)

    assert run(sys.executable, "-c", script).returncode == 0
    said = run(*LAB, "exec", "iot", "--", "python3", "-c", "import sys, ssl, json; print(sys.base_prefix)")
    written = run(*LAB, "exec", "iot", "--", "touch", f"{base}/lab-mark")
    assert run(*LAB, "down").returncode == 0
    assert said.stdout.strip() == base, said
    assert "Read-only file system" in written.stderr
    assert not Path(base, "lab-mark").exists()
