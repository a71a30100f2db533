"""WSL with a Windows behind it, for tests: small programs on PATH, and a JSON file that keeps what they are told.

What runs is the library's own shell and the real tools of this machine; only the Windows programs are played.
"""

from __future__ import annotations

import functools
import json
import marshal
import re
import socketserver
import stat
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result, Watch
from homelab.person import Reader

LANGUAGES = {
    "en": ("Listen on ipv4:             Connect to ipv4:", "Address         Port        Address         Port"),
    "es": ("Escuchar en ipv4:             Conectar a ipv4:", "Dirección       Puerto      Dirección       Puerto"),
    "fr": ("Écouter sur ipv4 :             Connecter à ipv4 :", "Adresse         Port        Adresse         Port"),
}  # fmt: skip
PROGRAMS = ("netsh.exe", "powershell.exe", "schtasks.exe", "wsl.exe")
# As little as starts quickly: what they do is done by `Played`, in the process of the test.
PROGRAM = """#!{python} -IS
import _socket, marshal, sys
s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
s.connect({address!r})
s.sendall(marshal.dumps([{state!r}, {name!r}, sys.argv[1:]]))
s.shutdown(1)
told = b""
while part := s.recv(65536):
    told += part
rc, out, err = marshal.loads(told)
sys.stdout.buffer.write(out)
sys.stderr.buffer.write(err)
sys.exit(rc)
"""


class Ended(Exception):
    """The program ends, with this status."""


class Played:
    """One call of a Windows program: it changes `state`, and leaves what it printed and its status."""

    def __init__(self, state: dict[str, Any], name: str, words: list[str]) -> None:
        self.state, self.out, self.err, self.rc = state, b"", b"", 0
        state["calls"].append([name, *words])
        try:
            getattr(self, name.removesuffix(".exe"))(words, state["elevated"])
        except Ended as end:
            self.rc = end.args[0]

    def say(self, text: str, code: str = "cp850") -> None:
        self.out += text.replace("\n", "\r\n").encode(code)

    def end(self, rc: int = 0) -> NoReturn:
        raise Ended(rc)

    def refuse(self) -> NoReturn:
        self.say(self.state["refusal"] + "\n")
        self.end(1)

    def netsh(self, words: list[str], admin: bool) -> None:
        told = dict(w.split("=") for w in words if "=" in w)
        key = told.get("listenaddress", "") + ":" + told.get("listenport", "")
        if words[2] == "show":
            head, columns = self.state["heads"]
            proxies = self.state["proxies"].items()
            rows = "".join("{:15} {:11} {:15} {}\n".format(*f"{k}:{v}".split(":")) for k, v in proxies)
            line = "--------------- ----------  --------------- ----------"
            self.say(f"\n{head}\n\n{columns}\n{line}\n{rows}" if rows else "\n\n")
            self.end()
        if not admin:
            self.refuse()
        if self.state.get("deaf"):
            self.end()
        if words[2] == "add":
            self.state["proxies"][key] = told["connectaddress"] + ":" + told["connectport"]
        elif self.state["proxies"].pop(key, None) is None:
            self.end(1)

    def rule(self, script: str, admin: bool) -> NoReturn:
        if not admin:
            self.refuse()
        who = found(r"-DisplayName '((?:[^']|'')*)'", script)
        if script.startswith("Remove"):
            self.state["rules"].pop(who, None)
            self.end()
        self.state["rules"][who] = {
            "Enabled": "True", "Direction": "Inbound", "Action": "Allow", "Protocol": "TCP",
            **{word: found(rf"-{word} (\S+)", script) for word in ("Profile", "LocalPort", "RemoteAddress")},
        }  # fmt: skip
        self.end()

    def powershell(self, words: list[str], admin: bool) -> None:
        assert words[:3] == ["-NoProfile", "-NonInteractive", "-Command"], words
        self.shell(words[3], admin)

    def shell(self, script: str, admin: bool) -> None:
        if "Verb RunAs" in script:
            if self.state["person"] == "no":
                self.err += b"The operation was canceled by the user.\n"
                self.end(77)
            asked = re.search("FilePath '([^']*)' -ArgumentList '((?:[^']|'')*)'", script)
            assert asked, script
            if asked[1] == "netsh.exe":
                self.netsh(asked[2].split(), True)
                self.end()
            self.shell(asked[2].replace("''", "'").split("-Command ", 1)[1], True)
        if script.startswith(("New-", "Remove-")):
            self.rule(script, admin)
        for mark, key in (
            ("Lxss", "disks"), ("CurrentVersion", "windows"), ("GetFolderPath", "user"), ("Get-Service", "service"),
            ("Get-NetIPInterface", "adapters"), ("Get-NetConnectionProfile", "networks"),
        ):  # fmt: skip
            if mark in script:
                self.say(json.dumps(self.state[key]) + "\n")
                self.end()
        rule = self.state["rules"].get(found("Get-NetFirewallRule -DisplayName '((?:[^']|'')*)'", script))
        self.say(json.dumps([rule] if rule else []) + "\n")
        self.end()

    def schtasks(self, words: list[str], admin: bool) -> None:
        tasks, task = self.state["tasks"], words[2]
        if words[0] == "/Query":
            missing = "FEHLER: Das System kann die angegebene Datei nicht finden.\n"
            self.say(tasks.get(task, missing))
            self.end(0 if task in tasks else 1)
        if words[0] == "/Create":
            tasks[task] = Path(words[4]).read_bytes().decode("utf-16")
        if words[0] == "/Delete" and tasks.pop(task, None) is None:
            self.end(1)

    def wsl(self, words: list[str], admin: bool) -> None:
        text = self.state["wsl"].get(" ".join(words))
        if text is None:
            self.say("Invalid command line option: " + words[0] + "\n", "utf-16-le")
            self.end(255)
        self.say(text, "utf-16-le")


def found(pattern: str, script: str) -> str:
    """What `pattern` names in `script`, where it must be."""
    match = re.search(pattern, script)
    assert match, (pattern, script)
    return match[1]


class Call(socketserver.StreamRequestHandler):
    """A program calls: one at a time, as the state is one file."""

    def handle(self) -> None:
        file, name, words = marshal.loads(self.rfile.read())
        rc, out, err = 99, b"", b""
        try:
            with LOCK:
                state = json.loads(Path(file).read_text())
                played = Played(state, name, words)
                Path(file).write_text(json.dumps(state))
            rc, out, err = played.rc, played.out, played.err
        except Exception as error:
            err = f"{type(error).__name__}: {error}\n".encode()
        self.wfile.write(marshal.dumps((rc, out, err)))


LOCK = threading.Lock()


@functools.cache
def address() -> str:
    """Where the programs of this process's tests are played: a socket that has no file, and ends with us."""
    name = f"\0homelab-windows-{uuid.uuid4().hex}"
    server = socketserver.ThreadingUnixStreamServer(name, Call)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return name


WSLPATH = r"""#!/bin/sh
[ "$1" = -w ] && {{ printf '%s\n' "$2"; exit; }}
printf '%s\n' "$2" | sed 's|^C:|{drive}|' | tr '\\' /
"""


class FakeWsl:
    """A machine that is WSL: `state` is what its Windows holds, `calls` what was asked of it."""

    name, about = "tequila", "WSL, played"

    def __init__(self, folder: Path, **state: Any) -> None:
        self.folder, self.file = folder, folder / "windows.json"
        self.home = folder / "c" / "Users" / "ana"
        self.startup = self.home / "AppData" / "Startup"
        self.bin = folder / "bin"
        self.startup.mkdir(parents=True)
        self.bin.mkdir()
        self.person, self.pending = Reader(), Pending()
        self.local = LocalMachine(self.name, self.person, self.pending)
        self.file.write_text(json.dumps(self._fresh() | state))
        for program in PROGRAMS:
            said = {
                "python": str(Path(sys.executable).resolve()),
                "address": address(),
                "state": str(self.file),
                "name": program,
            }
            self.put(program, PROGRAM.format(**said))
        self.put("wslpath", WSLPATH.format(drive=folder / "c"))
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "WSL_INTEROP": "", "WSL_DISTRO_NAME": "Ubuntu"}

    def _fresh(self) -> dict[str, Any]:
        return {
            "calls": [],
            "elevated": False,
            "person": "yes",
            "refusal": "La operación solicitada requiere elevación (Ejecutar como administrador).",
            "heads": LANGUAGES["en"],
            "proxies": {},
            "rules": {},
            "tasks": {},
            "user": [
                {"Name": "TEQUILA\\ana", "Elevated": False, "Profile": "C:\\Users\\ana",
                 "Startup": "C:\\Users\\ana\\AppData\\Startup"}
            ],
            "windows": [{"ProductName": "Windows 10 Pro", "EditionID": "Professional", "DisplayVersion": "22H2",
                         "CurrentBuildNumber": "19045", "UBR": 6456}],
            "service": [{"Status": "Running", "StartType": "Automatic"}],
            "adapters": [{"Alias": "Ethernet", "Mtu": 1500}],
            "networks": [{"Alias": "Ethernet", "Category": "Private"}],
            "disks": [{"Name": "Ubuntu", "File": "C:\\wsl\\ext4.vhdx", "Size": 61_203_283_968}],
            "wsl": {},
        }  # fmt: skip

    def put(self, name: str, text: str) -> None:
        """A program on PATH."""
        file = self.bin / name
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def tell(self, **state: Any) -> None:
        """Change what Windows holds."""
        self.file.write_text(json.dumps(self.state | state))

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> Result:
        return self.local.run(
            argv, stdin=stdin, timeout=timeout, env={**self.env, **(env or {})}, watch=watch
        )

    def read_text(self, path: str) -> str | None:
        return self.local.read_text(path)

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        self.local.write_text(path, text, mode)

    def typed(self, argv: Sequence[str]) -> None:
        """What a learner does with the command that was shown: an administrator's terminal, here."""
        self.tell(elevated=True, user=[{**self.state["user"][0], "Elevated": True}])
        self.run(argv).ok()
