"""Home Assistant: the real program from PyPI on the distribution's Python, with the integrations that the runbook uses."""

from __future__ import annotations

from pathlib import Path

from .. import pythonlib
from ..base import BUSYBOX, PATH, SYSTEM, ZONES, folder, script
from ..definition import Entry, Image, Layer, Repository, labels
from . import python

VERSION = "2024.3.3"  # the newest for Python 3.11, as home-assistant/requirements.in has it
_LOCK = Path(__file__).parents[1] / "home-assistant" / "requirements.txt"
_SITE = f"/usr/local/lib/python{python.VERSION}/dist-packages"
# `default_config` would load integrations whose packages are not in here.
_START = """#!/bin/sh
set -e
if [ ! -e /config/configuration.yaml ]; then
    cat >/config/configuration.yaml <<'END'
# Written at the first start. `default_config:` is left out: the lab's image has fewer integrations.
homeassistant:
http:
api:
onboarding:
frontend:
person:
mqtt:
recorder:
history:
logbook:
backup:
END
fi
exec python3 -m homeassistant --config /config --skip-pip "$@"
"""
_LAYER = Layer(
    "home-assistant",
    f"Home Assistant {VERSION} and the packages that it needs, from PyPI",
    (
        Entry(_SITE, tree=".", needs=True, of=pythonlib.site("home-assistant", _LOCK)),
        script("/usr/local/bin/start", _START),
        folder("/config"),
    ),
)

REPOSITORY = Repository(
    "ghcr.io/home-assistant/home-assistant",
    (
        Image(
            ("stable", VERSION, "2024.3"),
            (SYSTEM, python.LAYER, _LAYER),
            {
                "Env": [PATH, "LANG=C.UTF-8"],
                "Entrypoint": ["/usr/local/bin/start"],
                "ExposedPorts": {"8123/tcp": {}},
                "WorkingDir": "/config",
                "Labels": labels(
                    "Home Assistant",
                    "open source home automation",
                    VERSION,
                    f"the real program, release {VERSION} with few integrations, in an image that the lab packed",
                ),
            },
        ),
    ),
    room=2500,
    packages=(*BUSYBOX, *ZONES),
)
