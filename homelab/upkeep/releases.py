"""Which release of an image a Compose project runs, and which one its registry offers.

A release is told by its digest; its version, for people and for rules, by the image's own labels and
environment. Sources: the OCI image and distribution specifications, the labels of Compose.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab import web
from homelab.engine import registry, run
from homelab.errors import HomelabError, WaitTimeout
from homelab.machine import Machine
from homelab.wait import until

if TYPE_CHECKING:
    import requests

VERSION = "org.opencontainers.image.version"
SERVICE = "com.docker.compose.service"
FOLDER = "com.docker.compose.project.working_dir"
# Images of databases say their version in the environment only.
ENVIRONMENT = (
    "PG_VERSION",
    "PG_MAJOR",
    "VALKEY_VERSION",
    "REDIS_VERSION",
    "MARIADB_VERSION",
    "MYSQL_VERSION",
)
INDEX = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """A release: where it comes from, its digest (``sha256:…``), and the version that it says it is."""

    repository: str
    digest: str
    version: str = ""

    @property
    def pinned(self) -> str:
        """As docker takes it: ``jellyfin/jellyfin@sha256:…``."""
        return f"{self.repository}@{self.digest}" if self.digest else ""

    def word(self) -> str:
        """For people: the version, or the beginning of the digest."""
        return self.version or (f"…{self.digest[7:15]}" if self.digest else "a build of this machine's own")


@dataclass(frozen=True)
class Container:
    """One service of a project as it runs: the `reference` of its file, the image, and how it is."""

    service: str
    reference: str
    image: Image
    status: str = "running"
    health: str = ""

    @property
    def well(self) -> bool:
        """Whether it runs and does not say that it is ill."""
        return self.status == "running" and self.health in ("", "healthy")


def running(machine: Machine, folder: str) -> tuple[Container, ...]:
    """The containers of the project in `folder`, by the name of their service; also those that stand still.

    Where an `up` was cut off in the middle a service may have two: then it is the one that runs, else the newer.

    Raises:
        EngineError: Docker does not answer.
    """
    mine = ["docker", "ps", "-aq", "--filter", f"label={FOLDER}={folder}"]
    ids = run(machine, mine).out.split()
    if not ids:
        return ()
    found = json.loads(run(machine, ["docker", "inspect", *ids]).out)
    wanted = sorted({c["Image"] for c in found})
    images = {i["Id"]: i for i in _inspect(machine, wanted)}
    found.sort(key=lambda c: (c["State"]["Status"] == "running", c["Created"]))
    made = (_container(c, images.get(c["Image"], {})) for c in found)
    one_each = {c.service: c for c in made}
    return tuple(one_each[name] for name in sorted(one_each))


def settled(machine: Machine, folder: str, seconds: float = 60.0) -> tuple[Container, ...]:
    """The same, once none of them is only starting; after `seconds` as they are then.

    Raises:
        EngineError: Docker does not answer.
    """
    with suppress(WaitTimeout):
        return until(
            lambda: running(machine, folder),
            lambda found: not any(c.health == "starting" for c in found),
            "the services to be healthy or not",
            seconds,
            every=0.2,
        )
    return running(machine, folder)


def words(containers: Sequence[Container]) -> tuple[str, ...]:
    """Which release each service runs, as plain text: ``jellyfin=jellyfin/jellyfin@sha256:…``."""
    return tuple(sorted(f"{c.service}={c.image.pinned}" for c in containers if c.image.digest))


def _inspect(machine: Machine, ids: Sequence[str]) -> list[dict[str, Any]]:
    done = machine.run(["docker", "image", "inspect", *ids])  # an image may be gone under its container
    return list(json.loads(done.out or "[]"))


def _container(data: dict[str, Any], image: dict[str, Any]) -> Container:
    reference = str(data["Config"]["Image"])
    labels, state = data["Config"].get("Labels") or {}, data["State"]
    return Container(
        str(labels.get(SERVICE, data["Name"].lstrip("/"))), reference, of_local(reference, image),
        str(state["Status"]), str((state.get("Health") or {}).get("Status", "")),
    )  # fmt: skip


def of_local(reference: str, image: Mapping[str, Any]) -> Image:
    """The release that the engine's description of an `image` shows, pulled as `reference`."""
    digests = dict(d.split("@", 1) for d in image.get("RepoDigests") or [])
    name = name_of(reference)
    if digests and name not in digests:  # it was pulled under another name, and tagged
        name = next(iter(digests))
    return Image(name, digests.get(name, ""), version_of(reference, image.get("Config") or {}))


def name_of(reference: str) -> str:
    """`reference` without its tag and digest, as docker calls it: Docker Hub and its ``library`` go unsaid."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = f"{head}{slash}{last.partition(':')[0]}"
    return name.removeprefix("index.").removeprefix("docker.io/").removeprefix("library/")


def version_of(reference: str, config: Mapping[str, Any]) -> str:
    """The version that an image's configuration tells, else the tag if that is one; empty if nobody knows."""
    labels, env = (
        config.get("Labels") or {},
        dict(e.split("=", 1) for e in config.get("Env") or [] if "=" in e),
    )
    tag = reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    said = next((env[k] for k in ENVIRONMENT if k in env), "") or str(labels.get(VERSION) or "")
    said = said or (tag if re.match(r"v?\d", tag) else "")
    return said.removeprefix("v")


def offered(machine: Machine, reference: str) -> Image:
    """What the registry offers under `reference` now, asked from `machine`. Nothing is pulled.

    Raises:
        NoAnswer: the registry cannot be reached.
        HomelabError: it refuses, or has no such tag.
    """
    host, path, tag = registry.parts(reference)
    with web.session(machine) as session:
        asked = _Registry(session, f"https://{host}/v2/{path}", reference)
        document, digest = asked.manifest(tag)
        if "manifests" in document:
            document, _ = asked.manifest(_of_this_platform(machine, document["manifests"], reference))
        config = asked.get(f"blobs/{document['config']['digest']}", "application/json").json()
    return Image(name_of(reference), digest, version_of(reference, config.get("config") or {}))


def digest_offered(machine: Machine, reference: str) -> str:
    """Only the digest: a question that registries do not count as a pull.

    Raises:
        HomelabError: see `offered`.
    """
    host, path, tag = registry.parts(reference)
    with web.session(machine) as session:
        answer = _Registry(session, f"https://{host}/v2/{path}", reference).ask(
            "HEAD", f"manifests/{tag}", *INDEX, *MANIFEST
        )
    return str(answer.headers.get("Docker-Content-Digest", ""))


def _of_this_platform(machine: Machine, manifests: Sequence[dict[str, Any]], reference: str) -> str:
    kind = machine.run(["uname", "-m"]).out.strip() or platform.machine()
    wanted = ("linux", ARCHITECTURES.get(kind, kind))
    for one in manifests:
        told = one.get("platform") or {}
        if (told.get("os"), told.get("architecture")) == wanted:
            return str(one["digest"])
    raise HomelabError(f"{reference} is not offered for {'/'.join(wanted)}", machine.name)


class _Registry:
    """One repository of a registry; it gets its anonymous token when it is asked for one."""

    def __init__(self, session: requests.Session, url: str, reference: str) -> None:
        self.session, self.url, self.reference = session, url, reference
        self.token: dict[str, str] = {}

    def ask(self, method: str, path: str, *accept: str) -> requests.Response:
        said = {"Accept": ", ".join(accept)}
        answer = self.session.request(method, f"{self.url}/{path}", headers=said | self.token)
        if answer.status_code == 401 and not self.token:
            challenge = answer.headers.get("WWW-Authenticate", "")
            self.token = registry.token(self.session, challenge)
            answer = self.session.request(method, f"{self.url}/{path}", headers=said | self.token)
        if answer.status_code == 404:
            raise HomelabError(
                f"the registry does not offer {self.reference}", self.url, "was the tag taken away?"
            )
        if answer.status_code != 200:
            hint = "its limit of requests?" if answer.status_code == 429 else "does it want a login?"
            raise HomelabError(
                f"the registry answers {answer.status_code} for {self.reference}", self.url, hint
            )
        return answer

    def get(self, path: str, *accept: str) -> requests.Response:
        return self.ask("GET", path, *accept)

    def manifest(self, tag: str) -> tuple[dict[str, Any], str]:
        answer = self.get(f"manifests/{tag}", *INDEX, *MANIFEST)
        return answer.json(), str(answer.headers.get("Docker-Content-Digest", ""))
