"""Eclipse Mosquitto, the distribution's program in an image laid out like the project's own."""

from __future__ import annotations

from ..base import BUSYBOX, MULTIARCH, PATH, SYSTEM, accounts, folder, programs, script
from ..definition import PACKED, Entry, Image, Layer, Repository, labels

_USER = 1883
# As the project's entry point does: what is mounted there belongs to root, and mosquitto gives up being root.
_ENTRYPOINT = """#!/bin/sh
set -e
if [ "$(id -u)" = 0 ] && [ -d /mosquitto ]; then
    chown -R mosquitto:mosquitto /mosquitto || true # a mount may be read-only
fi
exec "$@"
"""
_LAYER = Layer(
    "mosquitto",
    "mosquitto of the distribution, and what it is linked to",
    (
        *accounts("mosquitto"),
        *programs(
            "/usr/sbin/mosquitto",
            "/usr/bin/mosquitto_pub",
            "/usr/bin/mosquitto_sub",
            "/usr/bin/mosquitto_rr",
            "/usr/bin/mosquitto_passwd",
            "/usr/bin/mosquitto_ctrl",
            f"{MULTIARCH}/mosquitto_dynamic_security.so",
        ),
        Entry("/usr/lib/mosquitto_dynamic_security.so", link=f"{MULTIARCH}/mosquitto_dynamic_security.so"),
        Entry(
            "/mosquitto/config/mosquitto.conf",
            text="# Without a listener in here only the container itself is served, on port 1883.\n",
            uid=_USER,
            gid=_USER,
        ),
        *(folder(f"/mosquitto{name}", owner=_USER) for name in ("", "/config", "/data", "/log")),
        script("/docker-entrypoint.sh", _ENTRYPOINT),
    ),
)

REPOSITORY = Repository(
    "docker.io/library/eclipse-mosquitto",
    (
        Image(
            ("2", "2.0", "latest"),
            (SYSTEM, _LAYER),
            {
                "Env": [PATH],
                "Entrypoint": ["/docker-entrypoint.sh"],
                "Cmd": ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"],
                "ExposedPorts": {"1883/tcp": {}},
                "Volumes": {"/mosquitto/data": {}, "/mosquitto/log": {}},
                "Labels": labels("Eclipse Mosquitto", "an MQTT broker", "2.0", PACKED),
            },
        ),
    ),
    packages=BUSYBOX,
)
