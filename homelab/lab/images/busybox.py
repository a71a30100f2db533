"""busybox, the distribution's static one."""

from __future__ import annotations

from .base import FOLDERS, accounts
from .definition import Entry, Image, Layer, Repository, labels

# The applets that scripts of ours and a person in a container use; `busybox` itself has more.
APPLETS = """[ awk base64 basename cat chmod chown cp cut date dd df dirname du echo env expr false find free
    grep gunzip gzip head hostname id ip kill ln ls md5sum mkdir mktemp mount mv nc nproc nslookup od ping
    ping6 printf ps pwd readlink realpath rm rmdir sed seq sh sha256sum sleep sort stat stty sync tail tar
    tee test top touch tr traceroute true tty umount uname uniq uptime vi watch wc wget which whoami xargs
    yes""".split()  # noqa: SIM905


PACKAGES = ("busybox-static",)


def entries() -> tuple[Entry, ...]:
    """busybox and its applets' names."""
    return (
        Entry("/usr/bin/busybox", file="/usr/bin/busybox"),
        *(Entry(f"/usr/bin/{name}", link="busybox") for name in APPLETS),
    )


_LAYER = Layer("busybox", "busybox-static of the distribution", (*FOLDERS, *accounts(), *entries()))

REPOSITORY = Repository(
    "docker.io/library/busybox",
    (
        Image(
            ("latest", "stable", "1.35"),
            (_LAYER,),
            {
                "Cmd": ["sh"],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Labels": labels(
                    "busybox",
                    "the distribution's static busybox, packed by Homelab Runbook",
                    "1.35",
                    "the real program, in an image that the lab packed",
                ),
            },
        ),
    ),
    packages=PACKAGES,
)
