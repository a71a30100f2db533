"""All that we want to know of a Windows machine with WSL, asked at once: each answer may take seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from homelab import own_process
from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.machine import Machine
from homelab.wsl import interop, parsers, powershell, releases, where, winfile, wslconfig
from homelab.wsl.interop import Unknown
from homelab.wsl.where import Networking, Verdict

Kind = TypeVar("Kind")
DESKTOP, ENGINE, NONE = "Docker Desktop", "dockerd in WSL", "none"
DOCKER = rf"""
info=$(timeout 5 docker info --format '{{{{.OperatingSystem}}}}' 2>/dev/null)
echo "info=$info"
[ -d /mnt/wsl/docker-desktop ] && echo desktop=yes
case $(readlink -f "$(command -v docker)" 2>/dev/null) in /mnt/wsl/docker-desktop/*) echo client=desktop;; /*) echo client=own;; esac
{own_process.question("dockerd")} && echo dockerd=yes
true
"""


@dataclass(frozen=True)
class User:
    """Who we are on Windows: `name` as ``DOMAIN\\name``; `profile` and `startup` are folders, as Windows names them."""

    name: str
    elevated: bool
    profile: str
    startup: str


@dataclass(frozen=True)
class Tailscaled:
    """Whether tailscaled runs on Windows and in WSL; None where that is not known."""

    windows: bool | None
    wsl: bool | None

    @property
    def both(self) -> bool:
        """Both at once: the talk's gotcha."""
        return bool(self.windows and self.wsl)

    def __str__(self) -> str:
        def word(runs: bool | None) -> str:
            return "that is unknown" if runs is None else "it runs" if runs else "it does not run"

        return f"on Windows {word(self.windows)}, in WSL {word(self.wsl)}"


@dataclass(frozen=True)
class Facts:
    """What was found; each is a value, or `Unknown` with its reason."""

    where: Verdict
    networking: Networking | Unknown
    systemd: bool
    address: str
    windows: releases.Windows | Unknown
    user: User | Unknown
    versions: parsers.Versions | Unknown
    distributions: tuple[parsers.Distribution, ...] | Unknown
    default: str | Unknown
    docker: str
    tailscaled: Tailscaled
    mtus: tuple[tuple[str, int], ...] | Unknown = ()
    here: str = ""  # the distribution that we run in; empty where nothing says so

    def rows(self, today: date) -> list[tuple[str, str]]:
        """Name and value of each, for a table; where this is not WSL, of those that there are."""
        if self.where.kind == where.ELSEWHERE:
            runs = {None: "unknown", True: "runs", False: "does not run"}[self.tailscaled.wsl]
            return [
                ("where we run", str(self.where)), ("address", self.address or "none"),
                ("systemd", "yes" if self.systemd else "no"), ("Docker", self.docker.replace(" in WSL", "")),
                ("tailscaled", runs),
            ]  # fmt: skip
        good = self.windows if not isinstance(self.windows, Unknown) else None
        listed = str(self.distributions)
        if not isinstance(self.distributions, Unknown):
            listed = ", ".join(f"{d.name} ({d.state}, WSL {d.version})" for d in self.distributions) or "none"
        return [
            ("where we run", str(self.where)),
            ("networking", str(self.networking)),
            ("address in WSL", self.address or "none"),
            ("systemd", "yes" if self.systemd else "no"),
            ("Windows", releases.supported(good, today)[1] if good else str(self.windows)),
            ("WSL", self.versions.wsl if isinstance(self.versions, parsers.Versions) else str(self.versions)),
            ("distributions", listed),
            ("Docker", self.docker),
            ("tailscaled", str(self.tailscaled)),
        ]


def gather(machine: Machine, timeout: float = interop.TIMEOUT) -> Facts:
    """Ask `machine`, which should be WSL, and Windows through it; all at once, `timeout` s at most each.

    On a machine that is not WSL nothing of Windows is asked.

    Raises:
        CommandFailed: there is no shell.
    """
    signals = where.look(machine)
    verdict = where.judge(signals)
    here: dict[str, Callable[[], object]] = {
        "docker": lambda: docker(machine.run(["sh", "-c", DOCKER]).out),
        "tailscaled": lambda: own_process.runs(machine, "tailscaled"),
    }
    if verdict.kind == where.ELSEWHERE:
        told = interop.together(here)
        nothing = Unknown("this is not WSL")
        return Facts(
            verdict, nothing, signals.systemd, signals.address, nothing, nothing, nothing, nothing, nothing,
            str(told["docker"]), Tailscaled(None, _flag(told["tailscaled"])), nothing, signals.distribution,
        )  # fmt: skip
    told = interop.together({**here, **_of_windows(machine, timeout)})
    who = _is(told["user"], User)
    return Facts(
        verdict,
        where.networking(signals, _wanted(machine, who)),
        signals.systemd,
        signals.address,
        _is(told["windows"], releases.Windows),
        who,
        _is(told["versions"], parsers.Versions),
        _is(told["distributions"], tuple),
        _is(told["default"], str),
        str(told["docker"]),
        Tailscaled(_flag(told["windows tailscaled"]), _flag(told["tailscaled"])),
        _is(told["mtus"], tuple),
        signals.distribution,
    )


def _of_windows(machine: Machine, timeout: float) -> dict[str, Callable[[], object]]:
    def say(*argv: str) -> interop.Said:
        return interop.call(machine, *argv, timeout=timeout)

    def ask(script: str) -> list[dict[str, object]]:
        return interop.ask(machine, script, timeout)

    return {
        "windows": lambda: releases.read(ask(powershell.WINDOWS_VERSION)),
        "user": lambda: user(ask(powershell.USER)),
        "versions": lambda: _versions(say("wsl.exe", "--version").ran()),
        "distributions": lambda: tuple(parsers.distributions(say("wsl.exe", "--list", "--verbose").ok().out)),
        "default": lambda: _default(say("wsl.exe", "--status").ran()),
        "windows tailscaled": lambda: running(ask(powershell.TAILSCALE)),
        "mtus": lambda: mtus(ask(powershell.ADAPTERS)),
    }


def _wanted(machine: Machine, who: User | Unknown) -> str:
    """The networking mode that .wslconfig asks for, as far as we know where that is."""
    if isinstance(who, Unknown):
        return ""
    try:
        return wslconfig.networking_mode(winfile.read(machine, wslconfig.place(machine, who.profile)) or "")
    except HomelabError:
        return ""


def _versions(said: interop.Said) -> parsers.Versions:
    found = parsers.versions(said.out)
    if found is None:
        raise PrerequisiteMissing("this wsl.exe came with Windows and is old", said.where, "wsl --update")
    return found


def _default(said: interop.Said) -> str:
    found = parsers.status(said.out)
    if found is None or not found.distribution:
        raise PrerequisiteMissing("wsl --status names no distribution", said.where, "wsl --set-default NAME")
    return found.distribution


def user(answer: list[dict[str, object]]) -> User:
    """From the answer to `homelab.wsl.powershell.USER`.

    Raises:
        PrerequisiteMissing: it holds no user.
    """
    if not answer:
        raise PrerequisiteMissing("Windows did not say who we are there", powershell.PROGRAM)
    found = answer[0]
    return User(
        str(found.get("Name") or ""),
        found.get("Elevated") is True,
        str(found.get("Profile") or ""),
        str(found.get("Startup") or ""),
    )


def running(answer: list[dict[str, object]]) -> bool:
    """Whether the service in the answer to `homelab.wsl.powershell.TAILSCALE` runs."""
    return any(service.get("Status") == "Running" for service in answer)


def mtus(answer: list[dict[str, object]]) -> tuple[tuple[str, int], ...]:
    """Name and MTU of Windows' network adapters, from the answer to `homelab.wsl.powershell.ADAPTERS`."""
    return tuple((str(a.get("Alias")), int(str(a.get("Mtu") or 0))) for a in answer)


def docker(text: str) -> str:
    """Which Docker answers in WSL, from what `DOCKER` printed."""
    found = dict(line.partition("=")[::2] for line in text.splitlines())
    if "Docker Desktop" in found.get("info", ""):
        return DESKTOP
    if found.get("dockerd"):
        more = ", and Docker Desktop's integration beside it" if found.get("desktop") else ""
        return ENGINE + more
    if found.get("client") == "desktop" or found.get("desktop"):
        return f"{DESKTOP}, which does not answer: is it started?"
    return f"{NONE} that answers; its client is installed" if found.get("client") else NONE


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _is(value: object, kind: type[Kind]) -> Kind | Unknown:
    if isinstance(value, kind | Unknown):
        return value
    return Unknown(f"{value!r} was no answer")
