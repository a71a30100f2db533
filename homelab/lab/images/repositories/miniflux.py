"""Miniflux, built from its source."""

from __future__ import annotations

from .. import goprogram
from ..base import BUSYBOX, PATH, SYSTEM
from ..definition import Entry, Image, Layer, Repository, labels

VERSION = "2.2.14"  # as miniflux/go.mod has it
_STAMP = f"-X miniflux.app/v2/internal/version.Version={VERSION}"
_PROGRAM = goprogram.pinned("miniflux", "miniflux.app/v2", "miniflux", _STAMP)
_LAYER = Layer(
    "miniflux",
    f"miniflux {VERSION}, built from its source",
    (Entry("/usr/bin/miniflux", file="miniflux", of=_PROGRAM),),
)

REPOSITORY = Repository(
    "docker.io/miniflux/miniflux",
    (
        Image(
            ("latest", VERSION, "2.2"),
            (SYSTEM, _LAYER),
            {
                "Env": [PATH, "LISTEN_ADDR=0.0.0.0:8080"],
                "Cmd": ["/usr/bin/miniflux"],
                "User": "65534",
                "ExposedPorts": {"8080/tcp": {}},
                "Labels": labels(
                    "Miniflux",
                    "a minimalist and opinionated feed reader",
                    VERSION,
                    "the real program, built from its source, in an image that the lab packed",
                ),
            },
        ),
    ),
    room=1200,
    packages=BUSYBOX,
)
