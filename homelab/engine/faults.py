"""What Docker's error texts mean: the SDK's and the command line's are the same engine's words.

The texts are those of Docker 20.10 to 28 (each provoked by a test against a real engine, but the CDI one,
which needs an engine that knows CDI).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from homelab.errors import EngineError

KINDS = (
    "absent", "stopped", "forbidden", "lost", "port", "name", "image", "tag", "registry", "disk",
    "mount", "memory", "entrypoint", "gpu", "compose", "plugin", "unhealthy", "in_use", "gone", "other",
)  # fmt: skip

START = "sudo service docker start"
COMPOSE = (
    "sudo apt-get install docker-compose-plugin (Docker's own packages), docker-compose-v2 (Ubuntu's)"
    " or docker-compose (Debian's, from 13 on)"
)

Say = Callable[[re.Match[str]], tuple[str, str]]  # what, and the hint


def _said(what: str, hint: str) -> Say:
    return lambda found: (found.expand(what), found.expand(hint))


# In this order: the first that is found speaks.
_FAULTS: tuple[tuple[str, str, Say], ...] = (
    (
        "forbidden",
        r"permission denied while trying to connect to the (?:Docker daemon|docker API)",
        _said(
            "this user may not talk to Docker", "sudo usermod -aG docker $USER, then log out and in again"
        ),
    ),
    (
        "stopped",
        r"Cannot connect to the Docker daemon|failed to connect to the docker API|[Ii]s the docker daemon running",
        _said("Docker does not run", f"start it: {START}"),
    ),
    (
        "plugin",  # the docker command itself reads what was meant for Compose
        r"unknown (?:shorthand )?flag: [^\n]*\s+(?:See 'docker --help'|Usage:\s+docker \[OPTIONS\] COMMAND)"
        r"|'compose' is not a docker command|unknown command: docker compose",
        _said("Docker has no Compose here (its plugin is not installed)", COMPOSE),
    ),
    (
        "disk",
        r"no space left on device",
        _said(
            "the disk is full: Docker cannot write what it fetched",
            "look at docker system df; docker image prune removes images that nothing uses",
        ),
    ),
    (
        "port",
        r"(?:Bind for|listen tcp4?|listen tcp6) \S*?:(\d+)(?: failed)?: (?:port is already allocated|bind: address already in use)",
        _said(r"port \1 is taken", r"stop what listens on it, or publish another: -p <other>:\1"),
    ),
    (
        "port",
        r"failed to bind host port (?:for )?\S*?:(\d+)[:/]\S+: address already in use",
        _said(r"port \1 is taken", r"stop what listens on it, or publish another: -p <other>:\1"),
    ),
    (
        "name",
        r'container name "/?([^"]+)" is already in use',
        _said(r"a container called \1 is there already", r"remove it: docker rm -f \1"),
    ),
    (
        "mount",
        r"bind source path does not exist: (\S+)",
        _said(
            r"the folder \1 is not there, and --mount does not make one",
            r"mkdir -p \1, or check the spelling",
        ),
    ),
    (
        "gpu",
        r"could not select device driver|[Uu]nknown runtime specified nvidia|unresolvable CDI devices|unknown or invalid runtime name: nvidia",
        _said(
            "a GPU is asked for, and Docker has none to give",
            "is there one (nvidia-smi), and is the NVIDIA Container Toolkit installed? Else leave out --gpus",
        ),
    ),
    (
        "image",
        r"pull access denied for (\S+?),|repository (?:name )?(\S+) (?:not found|does not exist)",
        lambda found: (
            f"the registry has no image {found[1] or found[2]}, or it is not public",
            f"docker search {(found[1] or found[2]).rpartition('/')[2]} shows what there is",
        ),
    ),
    (
        "image",
        r'"https://([^/"\s]+)/v2/([^"\s]+)/manifests/[^"\s]+"?: (?:denied|unauthorized)',
        _said(r"\1 has no image \2, or it is not public", "check the spelling on the project's page"),
    ),
    (
        "tag",
        r"manifest for (\S+?):([^\s:@]+) not found",
        _said(r"\1 has no tag \2", r"look at the tags that the registry offers for \1"),
    ),
    ("image", r"[Nn]o such image: ([^\s:]+(?::[\w.-]+)?)", _said(r"the image \1 is not here", r"docker pull \1")),
    (
        "registry",
        r'(?:Get|Head|Post) "?(https?://[^/"\s]+)[^"\s]*"?: ([^\n]+)',
        lambda found: (
            f"the registry does not answer: {found[1]}: {_last(found[2])}",
            "is the network up, and does the name resolve? Images that are here already still run",
        ),
    ),
    (
        "registry",
        r"received unexpected HTTP status: (\d+ [\w ]+)",
        _said(r"the registry cannot serve now: \1", "try again later; images that are here already still run"),
    ),
    ("gone", r"[Nn]o such container: (\S+)", _said(r"there is no container \1", "docker ps -a shows all")),
    (
        "in_use",
        r"conflict: unable to (?:remove repository reference|delete) \"?(\S+?)\"? .*?container (\w+)",
        _said(r"the image \1 is used by container \2", r"remove that first: docker rm -f \2"),
    ),
    (
        "unhealthy",
        r"container (\S+) (is unhealthy|exited \(\d+\)|has no healthcheck configured)",
        _said(r"the container \1 \2", r"docker logs \1"),
    ),
    (
        "registry",
        r"toomanyrequests: ([^\n]+)",
        _said(r"the registry refuses for now: \1", "wait, or docker login: anonymous pulls are limited"),
    ),
    (
        "entrypoint",
        r'exec: "([^"]+)":[^\n]*?(stat \S+: no such file or directory|executable file not found in \$PATH|permission denied|no such file or directory)',
        _said(r"the container cannot start \1: \2", "check the command and the entry point that the image is given"),
    ),
    (
        "compose",
        r"(?:open|stat) (/\S+\.ya?ml): no such file or directory",
        _said(r"there is no Compose file \1", "is it called so on that machine?"),
    ),
    (
        "compose",
        r"((?:yaml: [^\n]+)|(?:validating [^\n]+)|(?:service \"[^\"]+\" [^\n]+)|(?:no configuration file provided[^\n]*))",
        _said(r"the Compose file is wrong: \1", "docker compose config says whether it is right"),
    ),
)  # fmt: skip


def explain(text: str, where: str = "") -> EngineError:
    """The error that Docker's `text` means; kind ``other``, in Docker's own words, where we know no better."""
    for kind, pattern, say in _FAULTS:
        if found := re.search(pattern, text):
            what, hint = say(found)
            return EngineError(kind, what, where, hint)
    line = " ".join(text.split()) or "Docker said nothing"
    return EngineError("other", f"Docker refuses: {line}", where)


def _last(chain: str) -> str:
    """The end of a chain of Go errors, which is what happened: ``dial tcp: lookup x: no such host``."""
    return chain.rstrip('"').rpartition(": ")[2] or chain
