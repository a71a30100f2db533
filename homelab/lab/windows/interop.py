"""Where calls of Windows programs arrive: a socket for each side, in a folder that its machine sees."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

from .. import wire
from ..lab import Lab
from ..services import Services
from . import disk
from .call import Call
from .disk import SOCKET
from .system import System


def all_of(lab: Lab, services: Services) -> dict[str, System]:
    """Every Windows of a lab that is built, by its machine; its programs are answered from now on."""
    systems = {n: System(lab, services, n) for n, m in lab.blueprint["machines"].items() if m["windows"]}
    for name, system in systems.items():
        listen(system, disk.home(lab.folder / "ns", name))
    return systems


def listen(system: System, home: Path) -> None:
    """Answer what is called on Windows and in its distribution from now on, each call in a thread of its own."""
    for side in ("windows", "wsl"):
        listener, folder = socket.socket(socket.AF_UNIX), os.open(home / side, os.O_RDONLY | os.O_DIRECTORY)
        listener.bind(
            f"/proc/self/fd/{folder}/{SOCKET}"
        )  # the whole path may be longer than an address can be
        os.close(folder)
        (home / side / SOCKET).chmod(0o666)
        listener.listen(64)
        threading.Thread(target=_accept, args=(system, listener, side), daemon=True).start()


def _accept(system: System, listener: socket.socket, side: str) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_one, args=(system, connection, side), daemon=True).start()


def _one(system: System, connection: socket.socket, side: str) -> None:
    fds: list[int] = []
    with connection:
        try:
            request, fds = wire.read_request(connection)
            call = _understood(request, fds, connection, side)
            if side == "wsl" and system.settings.delay_ms:
                time.sleep(system.settings.delay_ms / 1000)
            wire.reply(connection, {"rc": system.run(call)})
        except EOFError:
            return
        except Exception as error:  # every failure is an answer
            system.lab.note(f"{system.name}: a call from {side} failed: {error!r}")
            wire.reply(connection, {"rc": 1})
        finally:
            wire.close(fds)


def _understood(request: dict[str, object], fds: list[int], connection: socket.socket, side: str) -> Call:
    argv, env = request.get("argv"), request.get("env")
    if len(fds) != 3 or not isinstance(argv, list) or not isinstance(env, dict):
        raise wire.Refused("no call of a program")
    words = [str(word) for word in argv]
    named = {str(name): str(value) for name, value in env.items()}
    cwd, program = str(request.get("cwd") or "/"), str(request.get("program") or "")
    return Call(program, words, fds, cwd, named, side, connection=connection)
