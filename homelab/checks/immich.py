"""Immich as somebody with a phone uses it."""

from __future__ import annotations

import hashlib

from homelab import web
from homelab.check import Answer, check
from homelab.clients.immich import Immich
from homelab.machine import Machine
from homelab.secret import Secret


def seen_from(machine: Machine, url: str, email: str = "", password: str = "", name: str = "Alice") -> Immich:
    """The server at `url` as `machine` sees it; with `email` logged in, as its first user where there is none.

    `password` is a reference.

    Raises:
        ApiError: address or password is wrong.
        NoAnswer: nobody answers.
    """
    found = Immich(web.session(machine), url)
    if email:
        secret = Secret.parse(password).reveal()
        found.sign_up(name, email, secret)
        found.log_in(email, secret)
    return found


@check
def photo_arrives(machine: Machine, url: str, email: str, password: str, name: str, data: bytes) -> Answer:
    """Is an uploaded photo in the library, and does it come back to the last byte?"""
    server = seen_from(machine, url, email, password)
    asset = server.upload(name, data)
    found = asset.id in server.find(name)
    back = server.original(asset.id)
    same = back == data and server.checksum(asset.id) == hashlib.sha1(data).hexdigest()
    word = "uploaded" if asset.first else "was there already"
    evidence = f"Immich {server.version()}: {name} {word}, {len(data)} bytes; {'found by its name' if found else 'NOT found by its name'}; {'the same' if same else 'OTHER'} bytes back"
    return Answer("keeps a photo", machine.name, "ok" if found and same else "fail", evidence)


@check
def has_photo(machine: Machine, url: str, email: str, password: str, name: str) -> Answer:
    """Is there a photo called `name`?"""
    found = seen_from(machine, url, email, password).find(name)
    evidence = f"{name}: {len(found) or 'none'} in the library"
    return Answer(f"shows {name}", machine.name, "ok" if found else "fail", evidence)
