"""PostgreSQL, the distribution's, in images laid out like the official one and like Immich's."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from ..base import BUSYBOX, LOCALE, PATH, SYSTEM, ZONES, accounts, folder, script, version_in
from ..definition import PACKED, Entry, Image, Layer, Repository, labels

_RELEASES = {"12": "15", "13": "17", "22.04": "14", "24.04": "16"}  # of Debian and Ubuntu
MAJOR = version_in(
    "usr/lib/postgresql/*", _RELEASES.get(platform.freedesktop_os_release().get("VERSION_ID", ""), "15")
)
_USER = 999
_HOME, _SHARE = f"/usr/lib/postgresql/{MAJOR}", f"/usr/share/postgresql/{MAJOR}"
_DATA = "/var/lib/postgresql/data"
# The just-in-time compiler alone is larger than all the rest; planners do without it.
_SKIPPED = ("bitcode", "llvmjit.so", "llvmjit_types.bc", "pgxs", "man", "test_decoding.so")

_LAYER = Layer(
    "postgres",
    f"PostgreSQL {MAJOR} of the distribution, and what it is linked to",
    (
        *accounts("postgres"),
        Entry(_HOME, tree=_HOME, skip=_SKIPPED, needs=True),
        Entry(_SHARE, tree=_SHARE, skip=("man",)),
        *LOCALE,
        folder("/var/lib/postgresql", owner=_USER),
        folder(_DATA, 0o1777, owner=_USER),
        folder("/run/postgresql", 0o3777, owner=_USER),
        folder("/docker-entrypoint-initdb.d"),
        script("/usr/local/bin/docker-entrypoint.sh", Path(__file__).with_name("postgres.sh").read_text()),
    ),
)


def _config(title: str, about: str, version: str, note: str) -> dict[str, Any]:
    return {
        "Env": [f"{PATH}:{_HOME}/bin", f"PGDATA={_DATA}", f"PG_MAJOR={MAJOR}", "LANG=C.UTF-8"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["postgres"],
        "ExposedPorts": {"5432/tcp": {}},
        "Volumes": {_DATA: {}},
        "StopSignal": "SIGINT",
        "Labels": labels(title, about, version, note),
    }


def _note(major: str, missing: str = "") -> str:
    plays = PACKED if major == MAJOR else f"PostgreSQL {MAJOR} of the distribution plays {major}"
    return f"{plays}{missing}"


def _image(tags: tuple[str, ...], title: str, about: str, major: str, missing: str = "") -> Image:
    layers = (SYSTEM, _LAYER)
    return Image(tags, layers, _config(title, about, tags[0], _note(major, missing)))


_VECTORS = "; without VectorChord, pgvector and pgvecto.rs"

POSTGRES = Repository(
    "docker.io/library/postgres",
    tuple(
        _image((major, f"{major}-bookworm", *more), "PostgreSQL", "the relational database", major)
        for major, more in (("15", ()), ("16", ()), ("17", ("latest",)))
    ),
    packages=(*BUSYBOX, *ZONES),
)
IMMICH_POSTGRES = Repository(
    "ghcr.io/immich-app/postgres",
    tuple(
        _image(tags, "Immich's PostgreSQL", "PostgreSQL with vector extensions", tags[0][:2], _VECTORS)
        for tags in (
            ("14-vectorchord0.4.3-pgvectors0.2.0", "14-vectorchord0.4.3"),
            ("15-vectorchord0.4.3",),
            ("16-vectorchord0.4.3",),
            ("17-vectorchord0.4.3",),
        )
    ),
    packages=(*BUSYBOX, *ZONES),
)
