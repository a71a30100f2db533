"""Lets a container that is about to be made trust the lab's authority, as its machine does; see runc.sh.

The machine's bundle is shown read-only in place of the image's own, and the variables by which programs
find one are set, unless the image or the caller set them: config.json for a new container, the file after
`--process` for a command in one.
"""

from __future__ import annotations

import json
import os
import sys

# ruff: noqa: PTH105, PTH118, PTH123  every container waits for this, and pathlib would take half of its time
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PLACES = (BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")  # Debian's, Fedora's, Alpine's
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")  # Go, OpenSSL; requests; Node
READ_ONLY = ("rbind", "ro", "nosuid", "nodev", "noexec")


def main(words: list[str]) -> None:
    """Change what `runc` with these words is about to read."""
    if "exec" in words:
        if path := _value(words, "--process", "-p"):
            _change(path, _tell)
    else:
        _change(os.path.join(_value(words, "--bundle", "-b") or ".", "config.json"), _trust)


def _trust(config: dict[str, Any]) -> None:
    _tell(config["process"])
    root, taken = config["root"]["path"], {m["destination"] for m in config["mounts"]}
    for place in PLACES:
        if place in taken or (place != BUNDLE and not os.path.lexists(root + place)):
            continue
        mount = {"destination": place, "type": "bind", "source": os.path.realpath(BUNDLE)}
        config["mounts"].append({**mount, "options": list(READ_ONLY)})


def _tell(process: dict[str, Any]) -> None:
    given = process.get("env") or []
    names = {line.partition("=")[0] for line in given}
    process["env"] = given + [f"{name}={BUNDLE}" for name in VARIABLES if name not in names]


def _value(words: list[str], *names: str) -> str:
    for n, word in enumerate(words[:-1]):
        if word in names:
            return words[n + 1]
    for word in words:
        name, _, value = word.partition("=")
        if name in names and value:
            return value
    return ""


def _change(path: str, how: Callable[[dict[str, Any]], None]) -> None:
    with open(path) as file:
        document = json.load(file)
    how(document)
    with open(path + ".lab", "w") as file:
        json.dump(document, file)
    os.replace(path + ".lab", path)


if __name__ == "__main__":
    main(sys.argv[1:])
