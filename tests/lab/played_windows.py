"""Asking the lab's played Windows, for the tests of it; and leaving it as it was."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Lab, wait_for

FIRST = "172.28.16.10"
WINDOWS = "192.168.77.20"
PORTPROXY = ("netsh.exe", "interface", "portproxy")
LISTEN = ("listenaddress=0.0.0.0", "listenport=1883")
DEFAULTS = {
    "build": 19045, "locale": "en-US", "admin": "asked", "network": "Private", "firewall": "obeys", "delay_ms": 0,
    "idle_ms": 0,
}  # fmt: skip
STARTUP = "/mnt/c/Users/alice/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup"
TASK = """<?xml version="1.0" encoding="{encoding}"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled>{user}</LogonTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>TEQUILA\\alice</UserId></Principal></Principals>
  <Actions Context="Author"><Exec>
    <Command>%SystemRoot%\\System32\\conhost.exe</Command>
    <Arguments>--headless %SystemRoot%\\System32\\wsl.exe -d Ubuntu -e sleep 4321</Arguments>
  </Exec></Actions>
</Task>
"""


@pytest.fixture(autouse=True)
def as_it_was(own: Lab) -> Iterator[None]:
    """Every test finds Windows as it was laid, but for WSL's address, and leaves it so."""
    rules = own.says("windows", "iptables-save", "-t", "filter")
    files = own.says("windows", "find", "/mnt/c")
    yield
    own.ask("windows", machine="windows", set=DEFAULTS | {"admin": "elevated"})
    for entry in now(own)["portproxy"]:
        where = (f"listenaddress={entry['listen_address']}", f"listenport={entry['listen_port']}")
        own.says("windows", *PORTPROXY, "delete", "v4tov4", *where)
    for rule in now(own)["firewall_rules"]:
        name = rule["name"].replace("'", "''")
        own.says("windows", *powershell(f"Remove-NetFirewallRule -DisplayName '{name}'"))
    for task in now(own)["tasks"]:
        own.says("windows", "schtasks.exe", "/Delete", "/TN", task, "/F")
    own.says("tequila", "sh", "-c", "pkill -x sleep; rm -f /etc/wsl.conf /mnt/c/Users/alice/.wslconfig; true")
    own.says("tequila", "sh", "-c", f'rm -f "{STARTUP}"/* /mnt/c/*.xml')
    wait_for("what was launched to end", lambda: not now(own)["launched"])
    own.ask("windows", machine="windows", set=DEFAULTS)
    left = now(own)
    assert (left["portproxy"], left["firewall_rules"], left["tasks"]) == ([], [], [])
    assert _without_counts(own.says("windows", "iptables-save", "-t", "filter")) == _without_counts(rules)
    assert own.says("windows", "find", "/mnt/c") == files


def _without_counts(rules: str) -> list[str]:
    return [line for line in re.sub(r"\[\d+:\d+\]", "", rules).splitlines() if not line.startswith("#")]


def now(lab: Lab) -> dict[str, Any]:
    return dict(lab.ask("windows", machine="windows")["windows"])


def put(lab: Lab, **settings: Any) -> None:
    lab.ask("windows", machine="windows", set=settings)


def raw(lab: Lab, machine: str, *argv: str, **more: Any) -> bytes:
    """The bytes that a program prints, whatever its status."""
    return base64.b64decode(lab.says(machine, "sh", "-c", '"$@" | base64 -w0', "sh", *argv, **more))


def powershell(script: str) -> tuple[str, ...]:
    return ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script)


def allow_mqtt(lab: Lab, name: str = "MQTT", profile: str = "Private") -> None:
    script = (
        f"New-NetFirewallRule -DisplayName '{name}' -Direction Inbound -Action Allow -Protocol TCP "
        f"-LocalPort 1883 -Profile {profile} -RemoteAddress LocalSubnet"
    )
    lab.says("windows", *powershell(script))


def proxy_to(lab: Lab, address: str) -> None:
    lab.says("windows", *PORTPROXY, "add", "v4tov4", *LISTEN, f"connectaddress={address}", "connectport=1883")


def listen(lab: Lab) -> None:
    """Something in WSL that answers on 1883."""
    lab.says("tequila", "sh", "-c", "mkdir -p /srv/www && hostname >/srv/www/who")
    argv = ["python3", "-m", "http.server", "-d", "/srv/www", "1883"]
    lab.ask("start", machine="tequila", name="listener", argv=argv)
    wait_for(
        "the listener", lambda: not lab.run("tequila", "curl", "-sf", "http://127.0.0.1:1883/who").returncode
    )


def reached(lab: Lab) -> bool:
    """Whether the device on the home's network gets WSL's page from Windows' address."""
    done = lab.run("iot", "curl", "-sf", "-m", "1", f"http://{WINDOWS}:1883/who")
    return done.stdout == "tequila\n"


def keepers(lab: Lab) -> list[str]:
    return lab.says("tequila", "sh", "-c", "pgrep -af '[s]leep 4321|^bash$' || true").splitlines()


def write_task(lab: Lab, *, user: str = "TEQUILA\\alice", to: str = "UTF-16", says: str = "UTF-16") -> None:
    text = TASK.format(encoding=says, user=f"<UserId>{user}</UserId>" if user else "")
    into = f"iconv -f UTF-8 -t {to} >/mnt/c/task.xml"
    lab.says("tequila", "sh", "-c", into, stdin=text.encode())


def create_task(lab: Lab) -> Any:
    return lab.run("tequila", "schtasks.exe", "/Create", "/TN", "Keep", "/XML", r"C:\task.xml", "/F")
