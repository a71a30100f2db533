"""Python's slim image, played by the distribution's interpreter and library."""

from __future__ import annotations

from .. import pythonlib
from ..base import BUSYBOX, LOCALE, PATH, SYSTEM, ZONES, programs
from ..definition import Entry, Image, Layer, Repository, labels

VERSION = pythonlib.version()
_PROGRAM = f"/usr/bin/python{VERSION}"
LAYER = Layer(
    "python",
    f"Python {VERSION} of the distribution, its library, and what they are linked to",
    (
        *programs(_PROGRAM),
        Entry(f"/usr/lib/python{VERSION}", tree=".", needs=True, of=pythonlib.library()),
        *(
            Entry(f"/usr/local/bin/{name}", link=_PROGRAM)
            for name in ("python", "python3", f"python{VERSION}")
        ),
        Entry("/usr/bin/python3", link=f"python{VERSION}"),
        *LOCALE,
    ),
)

REPOSITORY = Repository(
    "docker.io/library/python",
    (
        Image(
            ("3.11-slim", "3.11-slim-bookworm"),
            (SYSTEM, LAYER),
            {
                "Env": [PATH, "LANG=C.UTF-8"],
                "Cmd": ["python3"],
                "Labels": labels(
                    "Python",
                    "an interpreted, interactive, object-oriented language",
                    VERSION,
                    f"Python {VERSION} as the distribution has it, without pip and tests, in an image that the lab packed",
                ),
            },
        ),
    ),
    packages=(*BUSYBOX, *ZONES),
)
