"""Services as this project keeps them: ``params/services/<name>/`` with a Compose file and what it mounts.

The Compose file is Docker's own format; what only we need to know of a service stands in its block
``x-homelab``, which Compose ignores. Both are checked here, with file and line.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from homelab import serve_config
from homelab.errors import ParamsError, Problem, nearest
from homelab.params import PARAMS, Strict
from homelab.yamldoc import Document, validate
from homelab.yamldoc import load as load_yaml

FOLDER = PARAMS / "services"
CHECKOUT = PARAMS.parent
COMPOSE, OURS, SIDECAR = "compose.yaml", "x-homelab", "tailscale"
SERVE = "serve/serve.json"
SIZE = re.compile(r"^([1-9][0-9]*)([MG])$")
MEGABYTE = 1 << 20


class Health(Strict):
    """What the device must answer when it is well: a path by HTTP on `port`, or a TCP port."""

    port: int | None = Field(None, ge=1, le=65535)
    path: str = Field("/", pattern=r"^/[^\s]*$")
    tcp: int | None = Field(None, ge=1, le=65535)

    @model_validator(mode="after")
    def _one_of_two(self) -> Health:
        if (self.port is None) == (self.tcp is None):
            raise ValueError("write either {port: …, path: …} or {tcp: …}")
        return self


class Dump(Strict):
    """A database that is dumped while it runs: commands inside the Compose service `service`, and the file."""

    service: str
    command: list[str] = Field(min_length=1)
    restore: list[str] = Field(min_length=1)
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Backup(Strict):
    """What must be kept: `folders` beside the Compose file, while the services in `stop` stand still; a `dump`."""

    folders: list[str] = Field(default_factory=list)
    stop: list[str] = Field(default_factory=list)
    dump: Dump | None = None

    @field_validator("folders")
    @classmethod
    def _inside(cls, value: list[str]) -> list[str]:
        for folder in value:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", folder):
                raise ValueError(f"{folder!r} is not a folder below the service's own")
        return value


class Upgrade(Strict):
    """The Compose service that has the version, and the lowest one from which an upgrade is documented."""

    service: str
    lowest: str = Field("", alias="from", pattern=r"^([0-9]+(\.[0-9]+)*)?$")


class Facts(Strict):
    """The block ``x-homelab``: `device` is the name in the tailnet, `memory` what to expect (512M, 2G).

    `listens` are the ports of the service's own network (that of `health` by default), `secrets` the
    variables of ``.env`` that are made up once, `app` a folder of ours that goes to ``./app``.
    """

    about: str = Field(min_length=1)
    device: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    health: Health
    memory: str = Field(pattern=SIZE.pattern)
    heavy: bool = False
    listens: list[int] = Field(default_factory=list)
    secrets: list[str] = Field(default_factory=list)
    app: str = ""
    backup: Backup
    upgrade: Upgrade | None = None


@dataclass(frozen=True)
class Service:
    """One service: its `name`, our `facts`, and its Compose `document`."""

    name: str
    facts: Facts
    document: Document

    @property
    def path(self) -> Path:
        """Where its files are in this checkout."""
        return Path(self.document.source).parent

    @property
    def device(self) -> str:
        """Its name in the tailnet."""
        return self.facts.device

    @property
    def project(self) -> str:
        """What Compose calls it: the first part of its containers' names."""
        return str(self.document.data.get("name") or self.name)

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """The Compose services, by name."""
        return dict(self.document.data["services"])

    @property
    def listens(self) -> tuple[int, ...]:
        """The ports on which something listens in its network."""
        health = self.facts.health
        return tuple(self.facts.listens or [p for p in (health.port, health.tcp) if p])

    @property
    def memory(self) -> int:
        """What to expect it to use, without its sidecar (bytes)."""
        return size(self.facts.memory)

    def images(self, variables: dict[str, str] | None = None) -> dict[str, str]:
        """The image of each Compose service as Docker is asked for it; `variables` are those of ``.env``."""
        given = variables or {}
        return {name: interpolated(str(part["image"]), given) for name, part in self.parts.items()}

    def files(self) -> dict[str, str]:
        """What Compose starts from: the text of its file, and of those that are mounted, by path in the folder."""
        return {path: text for path, text in self._kept().items() if not self._is_own(path)}

    def own(self) -> dict[str, str]:
        """What is put there once and then is the service's own: it lies in a folder that is backed up."""
        return {path: text for path, text in self._kept().items() if self._is_own(path)}

    def app(self) -> dict[str, str]:
        """The files of an application of ours, which go to ``app/``."""
        if not self.facts.app:
            return {}
        at = CHECKOUT / self.facts.app
        return {f"app/{p.relative_to(at)}": p.read_text() for p in _files(at)}

    def shares(self) -> dict[str, str]:
        """Who lives in whose network: a service's name, and the other's."""
        modes = {name: str(part.get("network_mode") or "") for name, part in self.parts.items()}
        return {name: mode.partition(":")[2] for name, mode in modes.items() if mode.startswith("service:")}

    def _kept(self) -> dict[str, str]:
        return {str(p.relative_to(self.path)): p.read_text() for p in _files(self.path)}

    def _is_own(self, path: str) -> bool:
        return path.startswith(tuple(f"{folder}/" for folder in self.facts.backup.folders))


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def size(text: str) -> int:
    """``512M`` or ``2G`` in bytes.

    Raises:
        ValueError: it is neither.
    """
    if not (found := SIZE.match(text)):
        raise ValueError(f"{text!r} is not a size such as 512M or 2G")
    return int(found[1]) * MEGABYTE * (1024 if found[2] == "G" else 1)


def interpolated(text: str, variables: dict[str, str]) -> str:
    """`text` with ``${NAME}`` and ``${NAME:-default}`` filled in, as Compose does it."""
    return re.sub(
        r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}", lambda m: variables.get(m[1]) or m[2] or "", text
    )


def names() -> list[str]:
    """The services that there are, in alphabetical order."""
    return sorted(p.parent.name for p in FOLDER.glob(f"*/{COMPOSE}"))


def chosen(words: str | list[str]) -> list[str]:
    """The services that `words` mean: ``light``, ``all``, or names.

    Raises:
        ParamsError: one of them is not a service; every such word, with the nearest name.
    """
    known = names()
    if words == "all":
        return known
    if words == "light":
        return [n for n in known if not load(n).facts.heavy]
    wanted = [words] if isinstance(words, str) else words
    problems = [
        Problem("services", f"{w!r} is not a service", nearest(w, [*known, "light", "all"]))
        for w in wanted
        if w not in known
    ]
    if problems:
        raise ParamsError(problems)
    return [n for n in known if n in wanted]


def load(name: str, folder: Path | None = None) -> Service:
    """The service `name`; `folder` holds the services (``params/services`` by default).

    Raises:
        ParamsError: there is no such service, or its files are wrong: every problem, with file and line.
    """
    at = (folder or FOLDER) / name / COMPOSE
    if folder is None and name not in names():
        raise ParamsError([Problem(name, "is not a service", nearest(name, names()))])
    return _loaded(name, at, tuple(_edition(p) for p in (at, at.parent / SERVE)))


def _edition(path: Path) -> tuple[int, int]:
    """When the file was written last, and its size; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=32)  # a plan asks for each service many times; `editions` notices an edited file
def _loaded(name: str, at: Path, editions: tuple[tuple[int, int], ...]) -> Service:
    document = load_yaml(at)
    parts = document.data.get("services")
    if not isinstance(parts, dict) or not parts:
        raise ParamsError(
            [_problem(document, ("services",), "a Compose file needs `services`", "name: {image: …}")]
        )
    if not isinstance(document.data.get(OURS), dict):
        raise ParamsError(
            [_problem(document, (), f"the block {OURS!r} is missing", "see params/services/quiz")]
        )
    facts = validate(Facts, document.under(OURS))
    problems = [*_broken(document, parts), *_strange(document, parts, facts)]
    if problems:
        raise ParamsError(problems)
    service = Service(name, facts, document)
    serve = at.parent / SERVE
    if serve.is_file():
        serve_config.read(serve.read_text(), str(serve), service.listens)
    return service


def _problem(document: Document, path: tuple[str | int, ...], what: str, hint: str = "") -> Problem:
    return Problem(document.where(path), what, hint)


def _broken(document: Document, parts: dict[str, Any]) -> list[Problem]:
    """What Compose itself would refuse, where we lean on it: images, and who shares whose network."""
    found = []
    for name, part in parts.items():
        where = ("services", name)
        if not isinstance(part, dict) or not isinstance(part.get("image"), str):
            found.append(_problem(document, where, f"the service {name!r} has no image", "image: name:tag"))
            continue
        mode = str(part.get("network_mode") or "")
        if mode.startswith("service:") and (other := mode.partition(":")[2]) not in parts:
            path = (*where, "network_mode")
            found.append(_problem(document, path, f"there is no service {other!r}", nearest(other, parts)))
        elif mode and "ports" in part:
            hint = f"move them to {mode.partition(':')[2]!r}, whose network it shares"
            found.append(
                _problem(document, (*where, "ports"), f"{name!r} cannot have ports of its own", hint)
            )
    return found


def _strange(document: Document, parts: dict[str, Any], facts: Facts) -> list[Problem]:
    """Names in our block that the Compose file does not know, and a sidecar that is not the device."""
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("backup", "stop", n), word) for n, word in enumerate(facts.backup.stop)
    ]
    if facts.backup.dump:
        named.append((("backup", "dump", "service"), facts.backup.dump.service))
    if facts.upgrade:
        named.append((("upgrade", "service"), facts.upgrade.service))
    found = [
        _problem(document, (OURS, *path), f"there is no service {word!r}", nearest(word, parts))
        for path, word in named
        if word not in parts
    ]
    side = parts.get(SIDECAR)
    host = side.get("hostname") if isinstance(side, dict) else None
    if side is None:
        found.append(_problem(document, ("services",), f"there is no sidecar: a service {SIDECAR!r}"))
    elif host != facts.device:
        hint = f"hostname: {facts.device}"
        found.append(
            _problem(document, ("services", SIDECAR, "hostname"), f"the sidecar is called {host!r}, the device {facts.device!r}", hint)
        )  # fmt: skip
    return found
