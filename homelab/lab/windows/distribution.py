"""WSL's distribution, which is a machine of the lab: its start, its end, its address, and what runs in it."""

from __future__ import annotations

import configparser
import json
import os
import select
import socket
import threading
import time
import zlib
from ipaddress import IPv4Network
from typing import Any

from .. import links
from ..lab import Lab
from ..services import Services
from ..wire import Refused
from . import disk
from .call import Call
from .settings import Settings
from .words import WSL

IDLE_MS = 15_000  # WSL's own default of instanceIdleTimeout (WslCoreConfig.h of github.com/microsoft/WSL)
CUT_OFF = 130  # the status of a command whose caller left
MIRRORS_FROM = 22621  # Windows 11 22H2


class Distribution:
    """The one distribution of a Windows. The lab comes up with it running."""

    def __init__(self, lab: Lab, services: Services, windows: str, settings: Settings) -> None:
        self._lab, self._services, self._windows, self._settings = lab, services, windows, settings
        said = lab.blueprint["machines"][windows]["windows"]
        self.name, self._user = said["distribution"], said["user"]
        self.machine = lab.machines[said["wsl"]]
        self.interop = True
        self._drawn = lab.blueprint["machines"][said["wsl"]]
        self._starts, self._idle_ms = 0, IDLE_MS
        self._lock = threading.RLock()
        self._had_docker = self._watched = False
        self._busy = 0.0  # when it was last seen doing something

    @property
    def is_running(self) -> bool:
        """Whether it is started."""
        return self.machine.name not in self._lab.stopped

    @property
    def address(self) -> str:
        """Its address behind Windows, or the one it had when it ran."""
        return str(self._drawn["interfaces"][0]["addresses"][0]).partition("/")[0]

    def stop(self) -> None:
        """End it: every process, and its network. Files stay.

        The virtual machine ends with it, for it is the only distribution; the real one waits a minute first.
        """
        with self._lock:
            if not self.is_running:
                return
            self._lab.stopped.add(self.machine.name)
            self._had_docker = self.machine.ask("alive", name="dockerd")["alive"]
            self.machine.ask("halt")
            self.machine.ask("quiz", argv=["ip", "link", "set", self._drawn["interfaces"][0]["name"], "down"])
            self._lab.note(f"{self.machine.name}: the distribution stopped")

    def start(self) -> str:
        """Start it, if it does not run, with another address; a warning, or nothing.

        What a distribution's init would start, starts: tailscaled, Docker if it ran, and wsl.conf's `[boot] command`.

        Raises:
            Refused: a daemon does not start.
        """
        with self._lock:
            if self.is_running:
                return ""
            self._starts += 1
            nic = self._drawn["interfaces"][0]
            nic["addresses"] = [self._next_address()]
            text = f"addr flush dev {nic['name']}\n{links.addresses(self._drawn)}"
            conf, config = self._ini(self.machine, "/etc/wsl.conf"), self._ini(*self._wslconfig())
            self.interop = self._says(conf, "enabled")
            path = self._says(conf, "appendWindowsPath")
            login = disk.in_wsl(self.name, interop=self.interop, windows_path=path and self.interop)
            files = {"/etc/environment": login}
            self.machine.ask("batch", commands=[[["ip", "-batch", "-"], text]], files=files)
            self._idle_ms = self._milliseconds(config)
            self._lab.stopped.discard(self.machine.name)
            self._services.start_those_of(self.machine.name)
            self._boot(conf.get("boot", "command", fallback=""))
            self._lab.note(f"{self.machine.name}: the distribution started, with {self.address}")
            self._busy = time.monotonic()
            return self._warning(config.get("wsl2", "networkingMode", fallback="nat").lower())

    def run(self, call: Call, command: list[str]) -> int:
        """Run `command` in it for `call`, in a terminal of its own where nobody looks; its status.

        Raises:
            Refused: it cannot be run.
        """
        ours, theirs = socket.socketpair()
        request = {"op": "run", "argv": command, "tty": not call.fds}
        if call.side == "wsl":
            request["cwd"] = call.cwd
        with ours:
            with theirs:
                self.machine.pass_on(theirs, request, call.fds)
            return _follow(ours, call)

    def watch(self) -> None:
        """Stop the distribution when it has been idle, if the settings want that, from now on."""
        with self._lock:
            if self._settings.idle_ms and not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Idle is a distribution without a terminal or a command that somebody waits for; daemons do not count."""
        pause, self._busy = threading.Event(), time.monotonic()
        while here := self._settings.idle_ms:
            pause.wait(min(here / 1000 / 5, 0.2))
            with self._lock:  # not while it starts
                patience = here / 1000 * self._idle_ms / IDLE_MS
                if not self.is_running or self._idle_ms < 0 or self.machine.ask("commands")["count"]:
                    self._busy = time.monotonic()
                elif time.monotonic() - self._busy >= patience:
                    self.stop()
        self._watched = False

    def _next_address(self) -> str:
        """Another of WSL's network, which follows from how often it was started."""
        before, drawn = self._drawn["interfaces"][0]["addresses"][0], self._lab.blueprint
        net = IPv4Network(drawn["networks"][self._drawn["interfaces"][0]["network"]]["prefix"])
        taken = {a for m in drawn["machines"].values() for nic in m["interfaces"] for a in nic["addresses"]}
        number = zlib.crc32(f"{self.machine.name} {self._starts}".encode())
        while True:
            address = f"{net[2 + number % (net.num_addresses - 3)]}/{net.prefixlen}"
            if address != before and address not in taken:
                return address
            number += 1

    def _boot(self, command: str) -> None:
        if self._had_docker:
            self.machine.ask("quiz", argv=["service", "docker", "start"], fine=[0, 1])
        if command:
            with open(os.devnull, "wb") as nothing:  # noqa: PTH123
                self.machine.ask("start", name="boot", argv=["sh", "-c", command], fds=[nothing.fileno()])

    def _wslconfig(self) -> tuple[Any, str]:
        return self._lab.machines[self._windows], f"{disk.C}/Users/{self._user}/.wslconfig"

    def _ini(self, machine: Any, path: str) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(strict=False, interpolation=None, inline_comment_prefixes=("#",))
        text = machine.ask("quiz", argv=["cat", path], fine=[0, 1])["out"]
        try:
            parser.read_string(text.lstrip("\ufeff"))
        except configparser.Error as error:
            self._lab.note(f"{machine.name}: {path} is let be: {error}")
        return parser

    def _says(self, conf: configparser.ConfigParser, key: str) -> bool:
        try:
            return conf.getboolean("interop", key, fallback=True)
        except ValueError as error:
            self._lab.note(f"{self.machine.name}: {key} in /etc/wsl.conf is let be: {error}")
            return True

    def _milliseconds(self, config: configparser.ConfigParser) -> int:
        try:
            return config.getint("general", "instanceIdleTimeout", fallback=IDLE_MS)
        except ValueError as error:
            self._lab.note(f"{self.machine.name}: instanceIdleTimeout in .wslconfig is let be: {error}")
            return IDLE_MS

    def _warning(self, mode: str) -> str:
        if mode == "nat":
            return ""
        if mode == "mirrored" and self._settings.build < MIRRORS_FROM:
            return WSL[self._settings.locale]["no_mirror"].format(f"{self._settings.build}.0")
        return f"stand-in: the lab plays no networkingMode={mode}; the distribution is behind NAT"


def _follow(ours: socket.socket, call: Call) -> int:
    """Wait for the end of the command that `ours` is about, or of its caller."""
    terminal, raw = -1, b""
    try:
        while True:
            watched: list[Any] = [ours, *([call.connection] if call.connection else [])]
            readable = select.select([*watched, *([terminal] if terminal >= 0 else [])], [], [])[0]
            if call.connection in readable:
                return CUT_OFF  # callers send nothing more: it hung up
            if terminal in readable and not _read(terminal):
                os.close(terminal)
                terminal = -1
            if ours not in readable:
                continue
            data, fds, _, _ = socket.recv_fds(ours, 1 << 16, 1)
            terminal = fds[0] if fds else terminal
            raw += data
            while b"\n" in raw:
                line, _, raw = raw.partition(b"\n")
                said = json.loads(line)
                if problem := said.get("error"):
                    raise Refused(problem["what"], problem["where"], problem["hint"])
                if "rc" in said:
                    return int(said["rc"])
                call.started.set()
            if not data:
                return CUT_OFF
    finally:
        if terminal >= 0:
            os.close(terminal)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: nobody has it open any more
        return b""
