"""The engine in the lab of an ordinary user: without control groups, and without anything left behind."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import dockers
import rider
from host import snapshot

WHOLE = """
set -e
lab="$PY -m homelab.lab"
$lab up
$lab exec tequila -- sudo service docker start
$lab exec tequila -- docker info -f '{{.Driver}} {{.CgroupDriver}}' 2>/dev/null
$lab exec tequila -- IMPORT <IMAGE >/dev/null
$lab exec tequila -- docker run -d --name web -p 8096:80 PAGE >/dev/null
$lab exec windows -- curl -sS --retry 5 --retry-connrefused -m 3 172.28.16.10:8096
$lab exec tequila -- docker exec web nslookup whatismyip.lab | grep -c 203.0.113.2
$lab exec tequila -- docker exec web env | grep ^SSL_CERT_FILE
$lab exec tequila -- sh -c 'kill -9 $(cat /run/docker.pid)'
$lab exec tequila -- sudo service docker start
$lab exec windows -- curl -sS -m 3 172.28.16.10:8096
$lab exec tequila -- docker run --rm -v kept:/v busybox sh -c 'mkdir /v/own; chown 33 /v/own; chmod 700 /v/own'
$lab exec tequila -- docker run --rm -u 33 -v kept:/v busybox sh -c 'echo x >/v/own/file'
$lab status | grep ^tequila
$lab down
ls -A ~/.local/state/homelab-runbook
"""


def test_an_engine_as_an_ordinary_user() -> None:
    before = snapshot()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        image = Path(folder) / "image.tar"
        image.write_bytes(dockers.image())
        Path(folder).chmod(0o755)
        words = {"IMPORT": shlex.join(dockers.IMPORT), "IMAGE": str(image), "PAGE": shlex.join(dockers.PAGE)}
        script = WHOLE
        for name, value in words.items():
            script = script.replace(name, value)
        done = rider.run(script)
    assert done.returncode == 0, done
    up, started, driver, page, lookup, trusts, again, after, status, *rest = done.stdout.splitlines()
    assert "tier rootless" in up
    assert started == again == "Starting Docker: it answers."
    assert driver == "overlay2 none"  # no limits: there are no control groups for ordinary users here
    assert page == after == "hello"
    assert int(lookup) >= 1
    assert trusts == "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
    assert status.endswith("Docker")
    assert rest == [rest[0]]  # nothing of the lab's is left, though not all of it was the user's
    assert "the lab is down" in rest[0]
    assert snapshot() == before
