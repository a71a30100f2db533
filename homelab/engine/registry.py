"""A registry's own list of tags: what it offers where a tag is unknown.

Source: the OCI distribution specification (``GET /v2/<name>/tags/list``) and Docker's token authentication.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from homelab import web
from homelab.errors import EngineError, HomelabError
from homelab.machine import Machine

if TYPE_CHECKING:
    import requests

HUB = "registry-1.docker.io"
MOST = 5  # names offered in a hint


def parts(reference: str) -> tuple[str, str, str]:
    """Registry host, repository and tag of `reference`, as docker reads it: ``jellyfin/jellyfin:12.3``."""
    name, _, _ = reference.partition("@")
    host, _, path = name.partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        host, path = HUB, name
    last = path.rpartition("/")[2]
    tag = last.partition(":")[2]
    path = path.removesuffix(f":{tag}") if tag else path
    if host in ("docker.io", "index.docker.io"):
        host = HUB
    if host == HUB and "/" not in path:
        path = f"library/{path}"
    return host, path, tag or "latest"


def tags(machine: Machine, reference: str) -> list[str]:
    """The tags that the registry of `reference` offers for it, asked from `machine`; empty where it has none.

    Raises:
        NoAnswer: the registry cannot be reached.
        HomelabError: it refuses to say.
    """
    host, path, _ = parts(reference)
    with web.session(machine) as session:
        url = f"https://{host}/v2/{path}/tags/list"
        answer = session.get(url)
        if answer.status_code == 401:
            answer = session.get(url, headers=token(session, answer.headers.get("WWW-Authenticate", "")))
        if answer.status_code == 404:
            return []
        if answer.status_code != 200:
            raise HomelabError(f"{host} refuses to list the tags of {path}", f"status {answer.status_code}")
        return list(answer.json().get("tags") or [])


def token(session: requests.Session, challenge: str) -> dict[str, str]:
    """The header that `challenge` asks for: an anonymous token of the registry's own service."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = fields.pop("realm", "")
    if not realm.startswith("https://"):
        return {}
    said = session.get(realm, params=fields)
    token = said.json().get("token") or said.json().get("access_token") if said.ok else None
    return {"Authorization": f"Bearer {token}"} if token else {}


def suggestion(machine: Machine, error: EngineError, reference: str) -> EngineError:
    """`error` about an unknown tag, with the tags that are near; or that there is no such image at all."""
    host, path, tag = parts(reference)
    try:
        offered = tags(machine, reference)
    except HomelabError:
        return error
    name = reference.removesuffix(f":{tag}")
    if not offered:
        return EngineError(
            "image",
            f"{'Docker Hub' if host == HUB else host} has no image {path.removeprefix('library/')}",
            error.where,
            f"docker search {path.rpartition('/')[2]} shows what there is",
        )
    near = get_close_matches(tag, offered, MOST, 0.4) or sorted(offered)[-MOST:]
    return EngineError("tag", error.what, error.where, f"{name} offers {', '.join(near)}")
