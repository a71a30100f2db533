"""What a change of a Compose project means for its services, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from homelab.resources.project import State

VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def words(before: State, after: State) -> str:
    """Which services start, stop, and are made anew, with what else that takes along."""
    said = []
    if starts := [s for s in after.running if s not in before.running]:
        said.append(f"starts {', '.join(starts)}")
    if stops := [s for s in before.running if s not in after.running]:
        said.append(f"stops {', '.join(stops)}")
    anew = {s: why for s, why in _anew(before, after).items() if s in before.running and s in after.running}
    said += [f"makes {service} anew ({why})" for service, why in sorted(anew.items())]
    return "; ".join(said) or "starts from the same files again"


def _anew(before: State, after: State) -> dict[str, str]:
    found = {**_by_file(_texts(before), _texts(after)), **_by_image(before, after)}
    for shared in after.shares:
        service, _, sidecar = shared.partition("=")
        if sidecar in found and service not in found:
            found[service] = f"it lives in the network of {sidecar}"
    return found


def _texts(state: State) -> dict[str, str]:
    return {path: text for path, text, _ in state.files}


def _by_file(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    was, now = _services(old), _services(new)
    changed = _variables(old) ^ _variables(new)
    names = {line.partition("=")[0] for line in changed}
    mounted = sorted(
        path for path in {*old, *new} - {"compose.yaml", ".env"} if old.get(path) != new.get(path)
    )
    found = {}
    for service, part in now.items():
        if mounted:
            found[service] = f"{', '.join(mounted)} changed"
        elif part != was.get(service):
            found[service] = "its part of compose.yaml changed"
        elif used := sorted(names & set(VARIABLE.findall(str(part)))):
            found[service] = f"{', '.join(used)} changed"
    return found


def _services(texts: Mapping[str, str]) -> dict[str, Any]:
    try:
        document = yaml.safe_load(texts.get("compose.yaml", ""))
    except yaml.YAMLError:  # Compose says so, with the line
        return {}
    found = document.get("services") if isinstance(document, dict) else None
    return dict(found) if isinstance(found, dict) else {}


def _variables(texts: Mapping[str, str]) -> set[str]:
    return {line for line in texts.get(".env", "").splitlines() if line.strip() and line[0] != "#"}


def _by_image(before: State, after: State) -> dict[str, str]:
    if not isinstance(before.images, tuple) or not isinstance(after.images, tuple):
        return {}
    was = dict(i.split("=", 1) for i in before.images)
    now = dict(i.split("=", 1) for i in after.images)
    return {
        service: f"another image: {_short(was[service])} → {_short(digest)}"
        for service, digest in now.items()
        if service in was and was[service] != digest
    }


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
