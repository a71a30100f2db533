"""The lab's cloud: Go's own vet and tests, where a Go that can build it is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from homelab.lab import build, golang


@pytest.mark.parametrize("words", [("vet", "./..."), ("test", "./...")], ids=("vet", "test"))
def test_the_cloud(words: tuple[str, ...]) -> None:
    go = next((c for c in (shutil.which("go"), *golang._USUAL) if c and golang.version_of(c)), "")
    oldest = golang.wanted(build.CLOUD / "go.mod")
    if not go or golang.version_of(go) < oldest:
        pytest.skip(f"no Go {'.'.join(map(str, oldest))} or newer is installed")
    # With the real tailscaled, where a lab has been built: it then speaks to our control plane in go test.
    built = build.find()
    env = golang.environment() | ({"HOMELAB_TAILSCALE": str(built.tailscale / "tailscaled")} if built else {})
    done = subprocess.run([go, *words], cwd=build.CLOUD, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
