"""Docker's engine in machines: what is laid over its packages, and what machines without one do not see."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

RESOLVER = "169.254.53.53"  # on the machine's loopback, see names.py; no topology can have such a network
SOCKET, LOG = "/run/docker.sock", "/var/log/docker.log"
RUNTIME = "/usr/local/lib/homelab/runc"
DATA = "/var/lib/docker"
COMPOSE, PLUGIN = "/opt/compose", "/usr/local/lib/docker/cli-plugins/docker-compose"

_HERE = Path(__file__).parent
_SETTINGS = {
    "default-runtime": "lab",
    "runtimes": {"lab": {"path": RUNTIME}},
    # Looked up anew for every question: the engine's own copy would not learn of a tailnet joined later.
    "dns": [RESOLVER],
    # Without it, version 20.10 ends the containers that outlived a killed engine when it comes back, in
    # 12 s, and does not start them again whatever their restart policy; with it they run on.
    "live-restore": True,
}
# Without control groups of our own: no limits, and no groups of the host's in anybody's hands.
UNLIMITED = f"--rootless --data-root {DATA} --exec-root /run/docker --config-file /etc/docker/daemon.json"
LIMITED = "--exec-opt native.cgroupdriver=cgroupfs"

PROGRAMS = (
    "docker", "dockerd", "dockerd-rootless.sh", "docker-init", "docker-proxy", "containerd", "containerd-shim",
    "containerd-shim-runc-v1", "containerd-shim-runc-v2", "ctr", "runc", "docker-compose",
)  # fmt: skip
_ONLY_WITH_ENGINE = (
    *(f"usr/{folder}/{program}" for folder in ("bin", "sbin") for program in PROGRAMS),
    "etc/init.d/docker", "etc/default/docker", "etc/docker/daemon.json", "usr/local/lib/docker", RUNTIME[1:],
)  # fmt: skip
# The host's own, whatever its version: every lab is the same.
HIDDEN = (
    *(f"usr/local/{folder}/{program}" for folder in ("bin", "sbin") for program in PROGRAMS),
    "usr/local/lib/docker", "usr/local/libexec/docker", "usr/lib/docker/cli-plugins",
    "usr/libexec/docker/cli-plugins",
)  # fmt: skip


def install(layer: Path) -> None:
    """Lay our settings, init script and runtime over the packages' files, in `layer`."""
    _write(layer / "etc/docker/daemon.json", json.dumps(_SETTINGS, indent=2) + "\n")
    _write(layer / "etc/default/docker", "")
    for target, source in (
        ("etc/init.d/docker", "docker.init"), (RUNTIME[1:], "runc.sh"), (f"{RUNTIME[1:]}.py", "runc_trust.py"),
    ):  # fmt: skip
        _write(layer / target, (_HERE / source).read_text(), 0o755)


def not_elsewhere(layers: Iterable[Path]) -> list[str]:
    """What of `layers` only machines with an engine see, as paths below the root."""
    below = list(layers)
    return [name for name in _ONLY_WITH_ENGINE if any(os.path.lexists(layer / name) for layer in below)]


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
