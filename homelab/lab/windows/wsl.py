"""wsl.exe: the distribution's list, its start and its end, and commands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import Call, Unplayed
from .words import WSL

if TYPE_CHECKING:
    from .system import System

KNOWN = (
    "wsl.exe --list --verbose | --version | --status | --shutdown | --terminate NAME | -d NAME | "
    "-d NAME -e COMMAND… | hostname -I"
)
PACKAGES = (
    "2.6.1.0",
    "6.6.87.2-1",
    "1.0.66",
    "1.2.6353",
    "1.611.1-81528511",
    "10.0.26100.1-240331-1435.ge-release",
)
UNKNOWN = "Wsl/Service/WSL_E_DISTRO_NOT_FOUND"
FAILED = 255  # -1, as Linux sees it


def main(system: System, call: Call) -> int:
    """Run it; its exit status.

    Raises:
        Unplayed: any other command line.
    """
    said = system.distribution
    match list(call.argv):
        case ["--list" | "-l", "--verbose" | "-v"]:
            return _say(call, _list(said.name, is_running=said.is_running))
        case ["--version"]:
            return _say(
                call, WSL[system.settings.locale]["versions"].format(*PACKAGES, system.settings.version)
            )
        case ["--status"]:
            words = WSL[system.settings.locale]
            return _say(call, f"{words['default'].format(said.name)}\n{words['version'].format(2)}")
        case ["--shutdown"]:
            said.stop()
            return 0
        case ["--terminate", name]:
            if name != said.name:
                return _unknown(system, call)
            said.stop()
            return _say(call, WSL[system.settings.locale]["done"])
        case ["-d", name]:
            return _run(system, call, name, ["bash"])
        case ["-d", name, "-e" | "--exec", *command] if command:
            return _run(system, call, name, command)
        case ["hostname", "-I"]:
            return _run(system, call, said.name, ["hostname", "-I"])
    raise Unplayed(KNOWN)


def _run(system: System, call: Call, name: str, command: list[str]) -> int:
    if name != system.distribution.name:
        return _unknown(system, call)
    if warning := system.distribution.start():
        call.err(f"wsl: {warning}", _encoding(call))
    return system.distribution.run(call, command)


def _unknown(system: System, call: Call) -> int:
    _say(call, WSL[system.settings.locale]["unknown"].format(UNKNOWN))
    return FAILED


def _say(call: Call, text: str) -> int:
    call.out(text, _encoding(call))
    return 0


def _encoding(call: Call) -> str:
    return "utf-8" if call.env.get("WSL_UTF8") == "1" else "utf-16-le"


def _list(name: str, *, is_running: bool) -> str:
    """As WslClient.cpp of github.com/microsoft/WSL prints it: these words are the same in all languages."""
    width = max(len(name), len("NAME")) + 4
    rows = [(" ", "NAME", "STATE", "VERSION"), ("*", name, "Running" if is_running else "Stopped", "2")]
    return "\n".join(f"{mark} {first:<{width}}{state:<16}{version}" for mark, first, state, version in rows)
