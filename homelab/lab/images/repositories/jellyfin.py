"""Jellyfin, played by a server of ours (`jellyfin/`, in Go), over the real ffmpeg; laid out like its own image."""

from __future__ import annotations

from .. import goprogram
from ..base import BUSYBOX, PATH, SYSTEM, folder
from ..definition import Entry, Image, Layer, Repository, health, labels

# The current release last. 10.9.11 is too old to be upgraded from, which the next one says.
VERSIONS = ("10.9.11", "10.11.6", "12.3", "12.4")
STAND_IN = "Homelab Runbook's jellyfin plays the Jellyfin server: the API that the runbook uses"
_FFMPEG = "/usr/lib/jellyfin-ffmpeg"
_SERVER = goprogram.ours("jellyfin")

_TOOLS = Layer(
    "ffmpeg",
    "ffmpeg and ffprobe of the distribution, and what they are linked to",
    tuple(Entry(f"{_FFMPEG}/{n}", file=f"/usr/bin/{n}", needs=True) for n in ("ffmpeg", "ffprobe")),
)
_WEB = Layer(
    "web",
    "the page",
    (Entry("/jellyfin/jellyfin-web", tree=".", of=goprogram.files("jellyfin/web/files")),),
)


def _server(version: str) -> Layer:
    return Layer(
        f"server {version}",
        f"the server, as release {version}",
        (
            Entry("/jellyfin/jellyfin", file="jellyfin", of=_SERVER),
            Entry("/jellyfin/version", text=f"{version}\n"),
            *(folder(path, 0o777) for path in ("/config", "/cache", "/media")),
        ),
    )


def _image(version: str) -> Image:
    tags = (version, "latest") if version == VERSIONS[-1] else (version,)
    variables = {
        "HOMELAB_VERSION": version,
        "JELLYFIN_DATA_DIR": "/config",
        "JELLYFIN_CACHE_DIR": "/cache",
        "JELLYFIN_CONFIG_DIR": "/config/config",
        "JELLYFIN_LOG_DIR": "/config/log",
        "JELLYFIN_WEB_DIR": "/jellyfin/jellyfin-web",
        "JELLYFIN_FFMPEG": f"{_FFMPEG}/ffmpeg",
        "HEALTHCHECK_URL": "http://localhost:8096/health",
    }
    return Image(
        tags,
        (SYSTEM, _TOOLS, _WEB, _server(version)),
        {
            "Env": [f"{PATH}:{_FFMPEG}", *(f"{k}={v}" for k, v in variables.items())],
            "Entrypoint": ["/jellyfin/jellyfin"],
            "ExposedPorts": {"8096/tcp": {}},
            "Volumes": {"/cache": {}, "/config": {}},
            "Healthcheck": health("/jellyfin/jellyfin", "--healthcheck", start=10),
            "Labels": labels("Jellyfin", "The Free Software Media System", version, STAND_IN),
        },
    )


REPOSITORY = Repository(
    "docker.io/jellyfin/jellyfin",
    tuple(_image(version) for version in VERSIONS),
    room=600,
    packages=BUSYBOX,
)
