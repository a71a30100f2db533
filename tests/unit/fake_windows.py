"""WSL with a Windows behind it, for tests: small programs on PATH that keep what they are told in a JSON file.

What runs is the library's own shell and the real tools of this machine; only the Windows programs are played.
"""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homelab.local_machine import LocalMachine
from homelab.machine import Pending, Result, Watch
from homelab.person import Reader

LANGUAGES = {
    "en": ("Listen on ipv4:             Connect to ipv4:", "Address         Port        Address         Port"),
    "es": ("Escuchar en ipv4:             Conectar a ipv4:", "Dirección       Puerto      Dirección       Puerto"),
    "fr": ("Écouter sur ipv4 :             Connecter à ipv4 :", "Adresse         Port        Adresse         Port"),
}  # fmt: skip
PROGRAM = """#!{python} -S
import fcntl, json, re, sys
from pathlib import Path
file = Path({state!r})
lock = open({state!r} + ".lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
state = json.loads(file.read_text())
name, words = Path(sys.argv[0]).name, sys.argv[1:]
state["calls"].append([name, *words])
file.write_text(json.dumps(state))
def say(text, code="cp850"):
    sys.stdout.buffer.write(text.replace("\\n", "\\r\\n").encode(code))
def end(rc=0):
    file.write_text(json.dumps(state)); sys.exit(rc)
def refuse():
    say(state["refusal"] + "\\n"); end(1)
def netsh(words, admin):
    told = dict(w.split("=") for w in words if "=" in w)
    key = told.get("listenaddress", "") + ":" + told.get("listenport", "")
    if words[2] == "show":
        head, columns = state["heads"]
        rows = "".join("%-15s %-11s %-15s %s\\n" % tuple((k + ":" + v).split(":")) for k, v in state["proxies"].items())
        say("\\n" + head + "\\n\\n" + columns + "\\n--------------- ----------  --------------- ----------\\n" + rows if rows else "\\n\\n"); end()
    if not admin: refuse()
    if state.get("deaf"): end()
    if words[2] == "add": state["proxies"][key] = told["connectaddress"] + ":" + told["connectport"]
    elif state["proxies"].pop(key, None) is None: end(1)
    end()
def rule(script, admin):
    who = re.search("-DisplayName '((?:[^']|'')*)'", script)[1]
    if script.startswith("Remove"):
        if not admin: refuse()
        state["rules"].pop(who, None); end()
    if not admin: refuse()
    get = lambda w: re.search("-" + w + r" (\\S+)", script)[1]
    state["rules"][who] = dict(Enabled="True", Direction="Inbound", Action="Allow", Profile=get("Profile"),
        Protocol="TCP", LocalPort=get("LocalPort"), RemoteAddress=get("RemoteAddress")); end()
def shell(script, admin):
    if "Verb RunAs" in script:
        if state["person"] == "no":
            print("The operation was canceled by the user.", file=sys.stderr); end(77)
        program, args = re.search("FilePath '([^']*)' -ArgumentList '((?:[^']|'')*)'", script).groups()
        if program == "netsh.exe": netsh(args.split(), True)
        shell(args.replace("''", "'").split("-Command ", 1)[1], True)
    if script.startswith(("New-", "Remove-")): rule(script, admin)
    for mark, key in (("CurrentVersion", "windows"), ("GetFolderPath", "user"), ("Get-Service", "service"),
                      ("Get-NetIPInterface", "adapters"), ("Get-NetConnectionProfile", "networks")):
        if mark in script: say(json.dumps(state[key]) + "\\n"); end()
    who = re.search("Get-NetFirewallRule -DisplayName '((?:[^']|'')*)'", script)[1]
    found = state["rules"].get(who)
    say(json.dumps([found] if found else []) + "\\n"); end()
if name == "netsh.exe": netsh(words, state["elevated"])
if name == "powershell.exe":
    assert words[:3] == ["-NoProfile", "-NonInteractive", "-Command"], words
    shell(words[3], state["elevated"])
if name == "schtasks.exe":
    task = words[2]
    if words[0] == "/Query":
        if task not in state["tasks"]: say("FEHLER: Das System kann die angegebene Datei nicht finden.\\n"); end(1)
        say(state["tasks"][task]); end()
    if words[0] == "/Create": state["tasks"][task] = Path(words[4]).read_bytes().decode("utf-16")
    if words[0] == "/Delete" and state["tasks"].pop(task, None) is None: end(1)
    end()
if name == "wsl.exe":
    text = state["wsl"].get(" ".join(words))
    if text is None: say("Invalid command line option: " + words[0] + "\\n", "utf-16-le"); end(255)
    say(text, "utf-16-le"); end()
"""

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
        for program in ("netsh.exe", "powershell.exe", "schtasks.exe", "wsl.exe"):
            self.put(program, PROGRAM.format(python=sys.executable, state=str(self.file)))
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
