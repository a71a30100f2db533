"""busybox, the distribution's static one."""

from __future__ import annotations

from ..base import BUSYBOX, PATH, SYSTEM
from ..definition import Image, Repository, labels

REPOSITORY = Repository(
    "docker.io/library/busybox",
    (
        Image(
            ("latest", "stable", "1.35"),
            (SYSTEM,),
            {
                "Cmd": ["sh"],
                "Env": [PATH],
                "Labels": labels("busybox", "the distribution's static busybox", "1.35"),
            },
        ),
    ),
    packages=BUSYBOX,
)
