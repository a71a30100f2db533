"""netsh.exe: `interface portproxy` for IPv4."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from .call import Call, Unplayed
from .portproxy import Entry
from .words import CODE_PAGES, NETSH

if TYPE_CHECKING:
    from .system import System

KNOWN = (
    "netsh.exe interface portproxy show v4tov4 | add v4tov4 listenaddress=A listenport=N connectaddress=A "
    "connectport=N | delete v4tov4 listenaddress=A listenport=N"
)
_LISTEN, _CONNECT = ("listenaddress", "listenport"), ("connectaddress", "connectport")


def main(system: System, call: Call) -> int:
    """Run it; its exit status.

    Raises:
        Unplayed: any other command line.
    """
    words, page = NETSH[system.settings.locale], CODE_PAGES[system.settings.locale]
    if [word.lower() for word in call.argv[:2]] != ["interface", "portproxy"] or call.argv[3:4] != ["v4tov4"]:
        raise Unplayed(KNOWN)
    verb, given = call.argv[2], _named(call.argv[4:])
    if verb == "show" and not given:
        call.out(_table(system.proxy.entries, words), page)
        return 0
    wanted = {"add": {*_LISTEN, *_CONNECT}, "delete": set(_LISTEN)}.get(verb)
    if wanted is None or set(given) != wanted:
        raise Unplayed(KNOWN)
    if not system.is_elevated(call):
        call.out(words["elevation"], page)
        return 1
    listen = (_address(given["listenaddress"]), _port(given["listenport"]))
    if verb == "add":
        connect = (_address(given["connectaddress"]), _port(given["connectport"]))
        system.proxy.add(Entry(*listen, *connect))
    elif not system.proxy.delete(f"{listen[0]}:{listen[1]}"):
        call.out(words["missing"], page)
        return 1
    call.out("", page)
    return 0


def _named(arguments: Sequence[str]) -> dict[str, str]:
    pairs = [argument.partition("=") for argument in arguments]
    if not all(equals for _, equals, _ in pairs):
        raise Unplayed(KNOWN)
    return {name.lower(): value for name, _, value in pairs}


def _address(text: str) -> str:
    try:
        return text if text == "*" else str(IPv4Address(text))
    except AddressValueError:
        raise Unplayed(f"IPv4 addresses; {text!r} is none") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Unplayed(f"ports from 1 to 65535; {text!r} is none")
    return int(text)


def _table(entries: list[Entry], words: dict[str, str]) -> str:
    if not entries:
        return ""
    dashes = "--------------- ----------  --------------- ----------"
    rows = [
        f"{e.listen_address:<15} {e.listen_port:<10}  {e.connect_address:<15} {e.connect_port}"
        for e in entries
    ]
    return "\n".join(["", words["head"], "", words["columns"], dashes, *rows, ""])
