"""The notebook notices: where the feature is broken, nbval fails at the cell that proves it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from homelab import labsocket
from homelab.lab_lease import Lease

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOK = "notebooks/03_enrollment.ipynb"


@pytest.mark.lab
@pytest.mark.nightly
def test_without_udp_the_path_is_not_direct_and_the_notebook_fails(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "s"))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    try:
        socket = lease.socket()
        labsocket.request(socket, op="link", machine="flat_router", network=None, set={"udp": "block"})
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "-p", "no:cacheprovider", NOTEBOOK],
            cwd=CHECKOUT,
            env={**os.environ, "HOMELAB_LAB": socket},
            capture_output=True,
            text=True,
            timeout=180,
        )
    finally:
        lease.close()
    assert done.returncode == 1, done.stdout
    assert "2 failed" in done.stdout, "the first path, and the one after the hard NAT was taken away"
