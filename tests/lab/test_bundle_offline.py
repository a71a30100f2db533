"""The sentence of the bundle: on a seat that has nothing and no network, the first run works."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
INSIDE = """
ip link set lo up
cd "$SEAT" || exit 9
! getent hosts pypi.org || { echo "there is a network"; exit 9; }
./runbook bundle --use "$FILE" && ./runbook check --seat && ./runbook lab up && ./runbook run 00
rc=$?
./runbook lab down
exit $rc
"""


def _copy(seat: Path) -> None:
    """The checkout as it is now, without what git does not know."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (seat / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, seat / name)


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace without a network, and a lab in it: root's")
def test_a_seat_without_a_network_is_set_up_from_the_bundle(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar"
    made = subprocess.run(
        ["./runbook", "bundle", "--out", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert made.returncode == 0, made.stderr
    seat, home = tmp_path / "seat", tmp_path / "home"
    seat.mkdir()
    home.mkdir()
    _copy(seat)
    path = os.environ["PATH"]  # the same Python as here: a bundle fits one minor version
    env = {
        "HOME": str(home),
        "PATH": path,
        "HOMELAB_STATE": str(home / "s"),
        "SEAT": str(seat),
        "FILE": str(file),
    }
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", INSIDE], env=env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This seat is ready." in done.stdout
    assert "00_welcome" in done.stdout
    assert (home / ".cache" / "homelab-runbook" / "images").is_dir()
    assert (seat / "runs" / "latest" / "cheat_sheet.html").exists()
    for big in (seat, home):
        shutil.rmtree(big)
    file.unlink()
