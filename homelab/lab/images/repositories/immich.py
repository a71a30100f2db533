"""Immich's server, played by a server of ours (`immich/`, in Go): the same API, photos, PostgreSQL."""

from __future__ import annotations

from .. import goprogram
from ..base import BUSYBOX, PATH, SYSTEM, folder
from ..definition import Entry, Image, Layer, Repository, health, labels

VERSIONS = ("v2.7.0", "v3.0.0", "v3.2.2")
STAND_IN = "Homelab Runbook's immich plays the Immich server: the API that the runbook uses"
_SERVER = goprogram.ours("immich")


def _image(version: str) -> Image:
    newest = version == VERSIONS[-1]
    major = version.partition(".")[0]
    tags = (version, "release", major) if newest else (version,)
    server = Layer(
        f"server {version}",
        f"the server, as release {version}",
        (
            Entry("/usr/src/app/immich", file="immich", of=_SERVER),
            Entry("/usr/src/app/version", text=f"{version}\n"),
            folder("/data", 0o777),
        ),
    )
    return Image(
        tags,
        (SYSTEM, server),
        {
            "Env": [PATH, f"HOMELAB_VERSION={version.removeprefix('v')}", "IMMICH_MEDIA_LOCATION=/data"],
            "Entrypoint": ["/usr/src/app/immich"],
            "ExposedPorts": {"2283/tcp": {}},
            "WorkingDir": "/usr/src/app",
            "Healthcheck": health("/usr/src/app/immich", "--healthcheck", start=10),
            "Labels": labels("Immich", "photos and videos", version, STAND_IN),
        },
    )


REPOSITORY = Repository(
    "ghcr.io/immich-app/immich-server", tuple(_image(v) for v in VERSIONS), packages=BUSYBOX
)
