"""Valkey, played by the distribution's Redis: the same protocol and commands."""

from __future__ import annotations

from ..base import BUSYBOX, PATH, SYSTEM, accounts, folder, programs, script
from ..definition import Entry, Image, Layer, Repository, labels

_USER = 999
_ENTRYPOINT = """#!/bin/sh
set -e
case "$1" in -* | *.conf) set -- valkey-server "$@" ;; esac
if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
    chown -R valkey:valkey . || true # a mount may be read-only
    exec su -s /bin/sh valkey -c 'exec "$0" "$@"' -- "$@"
fi
exec "$@"
"""
_LAYER = Layer(
    "redis",
    "redis-server of the distribution under valkey's names, and what it is linked to",
    (
        *accounts("valkey"),
        *programs("/usr/bin/redis-server", "/usr/bin/redis-cli"),
        *(Entry(f"/usr/bin/redis-check-{name}", link="redis-server") for name in ("aof", "rdb")),
        *(Entry(f"/usr/local/bin/valkey-{n}", link=f"/usr/bin/redis-{n}") for n in ("server", "cli")),
        folder("/data", owner=_USER),
        script("/usr/local/bin/docker-entrypoint.sh", _ENTRYPOINT),
    ),
)
_CONFIG = {
    "Env": [PATH],
    "Entrypoint": ["docker-entrypoint.sh"],
    "Cmd": ["valkey-server", "--protected-mode", "no"],
    "ExposedPorts": {"6379/tcp": {}},
    "Volumes": {"/data": {}},
    "WorkingDir": "/data",
}

REPOSITORY = Repository(
    "docker.io/valkey/valkey",
    tuple(
        Image(
            tags,
            (SYSTEM, _LAYER),
            _CONFIG
            | {
                "Labels": labels(
                    "Valkey", "a key/value store", tags[0], "the distribution's Redis plays Valkey"
                )
            },
        )
        for tags in (("9", "9-bookworm", "latest"), ("8", "8-bookworm"))
    ),
    packages=BUSYBOX,
)
