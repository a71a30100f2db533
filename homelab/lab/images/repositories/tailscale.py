"""Tailscale's own image: the real containerboot, tailscaled and tailscale, built from its source."""

from __future__ import annotations

from ... import build
from .. import goprogram
from ..base import BUSYBOX, MULTIARCH, PATH, SYSTEM, folder, programs
from ..definition import Entry, Image, Layer, Made, Repository, labels

_CONTAINERBOOT = goprogram.pinned(
    "containerboot", "tailscale.com/cmd/containerboot", "containerboot", build.STAMP, "ts_omit_kube"
)
_TAILSCALED = Made("tailscale", build.tailscale_key, build.tailscale)
_TOOLS = Layer(
    "iptables",
    "iptables of the distribution, for a sidecar with a tunnel device",
    (
        *programs("/usr/sbin/xtables-nft-multi"),
        Entry(f"{MULTIARCH}/xtables", tree=f"{MULTIARCH}/xtables", needs=True),
        *(Entry(f"/usr/sbin/{name}", link="xtables-nft-multi") for name in ("iptables", "ip6tables")),
    ),
)
_PROGRAMS = Layer(
    "tailscale",
    f"containerboot, tailscaled and tailscale {build.TAILSCALE}, built from their source",
    (
        Entry("/usr/local/bin/tailscaled", file="tailscaled", of=_TAILSCALED),
        Entry("/usr/local/bin/tailscale", link="tailscaled"),
        Entry("/usr/local/bin/containerboot", file="containerboot", of=_CONTAINERBOOT),
        Entry("/tailscale/run.sh", link="/usr/local/bin/containerboot"),
        folder("/var/lib/tailscale", 0o700),
    ),
)

REPOSITORY = Repository(
    "docker.io/tailscale/tailscale",
    (
        Image(
            ("stable", "latest", f"v{build.TAILSCALE}", f"v{build.TAILSCALE.rpartition('.')[0]}"),
            (SYSTEM, _TOOLS, _PROGRAMS),
            {
                "Env": [PATH],
                "Cmd": ["/usr/local/bin/containerboot"],
                "Labels": labels(
                    "Tailscale",
                    "containerboot, tailscaled and tailscale",
                    build.TAILSCALE,
                    "the real programs, built from their source without some features",
                ),
            },
        ),
    ),
    room=600,
    packages=BUSYBOX,
)
