"""Where TLS ends: the key that a visitor talks to is the node's own, and who carries the bytes reads nothing."""

from __future__ import annotations

import secrets

from homelab import web
from homelab.check import Answer, check
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.wait import until

SHORT = 16  # hexadecimal digits of a fingerprint that are shown
CERTS = "/var/lib/tailscale/certs"  # where tailscaled keeps what it made, on Linux
SEEN = ("/var/lib/relay/there.bytes", "/var/lib/relay/back.bytes")  # the lab's relay writes down a visit


@check
def ends_on(visitor: Machine, node: Machine, host: str, port: int = 443) -> Answer:
    """Is the public key that `visitor` is shown the one whose private half lies on `node`, and nowhere else?"""
    outside = _fingerprint(
        visitor,
        f"openssl s_client -connect {host}:{port} -servername {host} -verify_return_error </dev/null 2>/dev/null"
        " | openssl x509 -noout -pubkey",
    )
    inside = _fingerprint(node, f"sudo openssl pkey -in {CERTS}/{host}.key -pubout")
    good = outside == inside
    evidence = f"key {outside[:SHORT]}… seen outside, {inside[:SHORT]}… on {node.name}"
    return Answer(f"TLS ends on {node.name}", visitor.name, "ok" if good else "fail", evidence)


def _fingerprint(machine: Machine, key: str) -> str:
    """The SHA-256 of the public key that the command line `key` prints."""
    done = machine.run(["bash", "-o", "pipefail", "-c", f"{key} | openssl sha256 -r"], timeout=20)
    if not done:
        said = (done.err.strip().splitlines() or ["no certificate was shown"])[-1]
        raise HomelabError(f"there is no key to look at: {said}", machine.name)
    return done.out.split()[0]


@check
def is_noise_to(relay: Machine, visitor: Machine, url: str, host: str, *words: str) -> Answer:
    """Can `relay` read anything of a visit but the name `host`? It looks for `words`, and for a secret in the path."""
    before = _seen(relay)
    secret = secrets.token_hex(8)

    def look() -> tuple[str, str]:
        web.session(visitor).get(f"{url}/?{secret}")
        return _seen(relay)

    there, back = until(
        look,
        lambda seen: seen != before and host in seen[0],
        "the relay to see a visit",
        10.0,
        where=relay.name,
        every=0.15,
    )
    found = [w for w in ("GET /", secret, *words) if w in there or w in back]
    sizes = f"{len(there)} characters there, {len(back)} back"
    if found:
        return Answer("is noise to the relay", relay.name, "fail", f"{sizes}: it reads {', '.join(found)}")
    return Answer(
        "is noise to the relay",
        relay.name,
        "ok",
        f"{sizes}: the name {host} can be read, neither the request nor the page",
    )


def _seen(relay: Machine) -> tuple[str, str]:
    there, back = (relay.read_text(path) or "" for path in SEEN)
    return there, back
