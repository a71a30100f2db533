"""The lab's cloud and images: Go's own vet and tests, where a Go that can build them is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.lab import build, golang
from homelab.lab.images import goprogram


@pytest.mark.parametrize("module", [build.CLOUD, goprogram.IMAGES], ids=lambda folder: folder.name)
@pytest.mark.parametrize("words", [("vet", "./..."), ("test", "./...")], ids=("vet", "test"))
def test_our_go(words: tuple[str, ...], module: Path) -> None:
    go = next((c for c in (shutil.which("go"), *golang._USUAL) if c and golang.version_of(c)), "")
    oldest = golang.wanted(module / "go.mod")
    if not go or golang.version_of(go) < oldest:
        pytest.skip(f"no Go {'.'.join(map(str, oldest))} or newer is installed")
    # With the real tailscaled, where a lab has been built: it then speaks to our control plane in go test.
    built = build.find()
    env = golang.environment() | ({"HOMELAB_TAILSCALE": str(built.tailscale / "tailscaled")} if built else {})
    done = subprocess.run([go, *words], cwd=module, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
