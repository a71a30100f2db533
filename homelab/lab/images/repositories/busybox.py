"""busybox, the distribution's static one."""

from __future__ import annotations

from ..base import BUSYBOX, PATH, SYSTEM
from ..definition import PACKED, Image, Repository, labels

REPOSITORY = Repository(
    "docker.io/library/busybox",
    (
        Image(
            ("latest", "stable", "1.35"),
            (SYSTEM,),
            {
                "Cmd": ["sh"],
                "Env": [PATH],
                "Labels": labels("busybox", "small versions of the usual commands", "1.35", PACKED),
            },
        ),
    ),
    packages=BUSYBOX,
)
