"""What Windows programs print, read without understanding a word of it: it comes in the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass

DISTRIBUTION = re.compile(r"^(?P<default>\*)?\s*(?P<name>\S.*?)\s+(?P<state>\S+)\s+(?P<version>[12])\s*$")
COLUMNS = re.compile(r"^(?P<default>[* ])\s(?P<name>\S.*?)\s{2,}(?P<state>\S.*?)\s{2,}(?P<version>[12])\s*$")
LABELLED = re.compile(r"^[^:：]+?\s*[:：]\s*(?P<value>\S.*?)\s*$")
NUMBER = re.compile(r"\d+(?:\.\d+)+")
PROXY = re.compile(r"^\s*(\S+)\s+(\d{1,5})\s+(\S+)\s+(\d{1,5})\s*$")


@dataclass(frozen=True)
class Distribution:
    """A line of ``wsl --list --verbose``; `state` is Windows' own word, `version` is WSL's generation."""

    name: str
    state: str
    version: int
    default: bool = False

    @property
    def running(self) -> bool:
        """Whether it runs; this word is not localised (WSL's source, WslClient.cpp)."""
        return self.state == "Running"


def distributions(text: str) -> list[Distribution]:
    """From ``wsl --list --verbose``."""
    found = []
    for line in text.splitlines():
        if match := COLUMNS.match(line) or DISTRIBUTION.match(line.strip()):
            found.append(
                Distribution(match["name"], match["state"], int(match["version"]), match["default"] == "*")
            )
    return found


@dataclass(frozen=True)
class Versions:
    """``wsl --version``: of WSL itself, its kernel, and Windows. WSL that came with Windows does not know the question."""

    wsl: str
    kernel: str
    windows: str


def versions(text: str) -> Versions | None:
    """From ``wsl --version``: its lines have one order in every language; None for what is no answer to it."""
    lines = [m["value"] for line in text.splitlines() if (m := LABELLED.match(line)) and NUMBER.search(line)]
    named = [line for line in text.splitlines() if "Windows" in line and NUMBER.search(line)]
    if len(lines) < 3 or not NUMBER.match(lines[0]):
        return None
    windows = NUMBER.search(named[-1] if named else lines[-1])
    return Versions(lines[0], lines[1], windows[0] if windows else "")


@dataclass(frozen=True)
class Status:
    """``wsl --status``: the distribution that ``wsl`` alone starts (empty: not said), and WSL's generation for new ones."""

    distribution: str
    version: int


def status(text: str) -> Status | None:
    """From ``wsl --status``; None where it does not say."""
    values = [m["value"] for line in text.splitlines() if (m := LABELLED.match(line))]
    at = next((n for n, value in enumerate(values) if value in ("1", "2")), None)
    if at is None:
        return None
    others = [v for v in values[:2] if v not in ("1", "2") and not v.startswith("http")]
    return Status(others[0] if others else "", int(values[at]))


@dataclass(frozen=True)
class Proxy:
    """A line of ``netsh interface portproxy show v4tov4``; a listen address of ``*`` is every one."""

    listen_address: str
    listen_port: int
    connect_address: str
    connect_port: int

    def listens(self, address: str, port: int) -> bool:
        """Whether it takes connections to `address` and `port`, or some of them."""
        every = ("*", "0.0.0.0")
        return self.listen_port == port and (
            self.listen_address == address or self.listen_address in every or address in every
        )

    def __str__(self) -> str:
        return f"{self.listen_address}:{self.listen_port} to {self.connect_address}:{self.connect_port}"


def portproxies(text: str) -> list[Proxy]:
    """From ``netsh interface portproxy show v4tov4``: the lines of address, port, address, port."""
    found = [PROXY.match(line) for line in text.splitlines()]
    return [Proxy(m[1], int(m[2]), m[3], int(m[4])) for m in found if m]
