"""The lab's Windows: stand-ins that answer like the real programs, and whose network effects are real."""

from __future__ import annotations

import base64
import json
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
def _as_it_was(own: Lab) -> Iterator[None]:
    """Every test finds Windows as it was laid, but for WSL's address, and leaves it so."""
    rules = own.says("windows", "iptables-save", "-t", "filter")
    files = own.says("windows", "find", "/mnt/c")
    yield
    own.ask("windows", machine="windows", set=DEFAULTS | {"admin": "elevated"})
    for entry in now(own)["portproxy"]:
        where = (f"listenaddress={entry['listen_address']}", f"listenport={entry['listen_port']}")
        own.says("windows", *PORTPROXY, "delete", "v4tov4", *where)
    for rule in now(own)["firewall_rules"]:
        own.says("windows", *powershell(f"Remove-NetFirewallRule -DisplayName '{rule['name']}'"))
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


# wsl.exe


def test_wsl_prints_utf16_unless_it_is_told_not_to_across_the_border(own: Lab) -> None:
    listed = raw(own, "tequila", "wsl.exe", "--list", "--verbose")
    assert (
        listed.decode("utf-16-le")
        == "  NAME      STATE           VERSION\r\n* Ubuntu    Running         2\r\n"
    )
    ask = ("wsl.exe", "--list", "--verbose")
    assert raw(own, "tequila", *ask, env={"WSL_UTF8": "1"}) == listed, "WSLENV does not name it"
    assert b"\0" not in raw(own, "tequila", *ask, env={"WSL_UTF8": "1", "WSLENV": "HOME/p:WSL_UTF8/u"})
    assert own.says("windows", *ask, env={"WSL_UTF8": "1"}).splitlines()[1].split() == [
        "*",
        "Ubuntu",
        "Running",
        "2",
    ]


def test_wsl_says_its_versions_in_the_language_of_windows(own: Lab) -> None:
    assert "Windows version: 10.0.19045." in raw(own, "tequila", "wsl.exe", "--version").decode("utf-16-le")
    put(own, locale="de-DE", build=26100)
    told = raw(own, "tequila", "wsl.exe", "--version").decode("utf-16-le")
    assert told.startswith("WSL-Version: 2.")
    assert "Windows-Version: 10.0.26100." in told
    put(own, locale="es-ES")
    told = raw(own, "tequila", "wsl.exe", "--status").decode("utf-16-le")
    assert told == "Distribución predeterminada: Ubuntu\r\nVersión predeterminada: 2\r\n"


def test_commands_run_in_the_distribution_with_their_streams_and_status(own: Lab) -> None:
    script = "cat; hostname; pwd; echo wrong >&2; exit 7"
    done = own.run("windows", "wsl.exe", "-d", "Ubuntu", "-e", "sh", "-c", script, stdin=b"in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\ntequila\n/root\n", "wrong\n")
    assert own.says("windows", "wsl.exe", "hostname", "-I").split()[0] == now(own)["address"]
    assert own.run("windows", "wsl.exe", "-d", "Ubuntu", stdin=b"hostname\n").stdout == "tequila\n"
    for verb in (("-d", "Debian"), ("--terminate", "Debian")):
        assert own.run("windows", "wsl.exe", *verb).returncode == 255
        assert "WSL_E_DISTRO_NOT_FOUND" in raw(own, "windows", "wsl.exe", *verb).decode("utf-16-le")


def test_a_command_ends_with_whoever_called_it(own: Lab) -> None:
    own.says("windows", "sh", "-c", "timeout 0.3 wsl.exe -d Ubuntu -e sleep 4321; true")
    wait_for("the command to be gone", lambda: not keepers(own))


def test_the_small_tools_of_wsl(own: Lab) -> None:
    assert own.says("tequila", "wslinfo", "--networking-mode") == "nat"
    assert own.says("tequila", "wslpath", "-u", r"C:\Users\alice\a b.txt") == "/mnt/c/Users/alice/a b.txt"
    assert own.says("tequila", "wslpath", "-u", "C:\\") == "/mnt/c"
    assert own.says("tequila", "wslpath", "-w", "/mnt/c/Users") == r"C:\Users"
    assert own.says("tequila", "wslpath", "-w", "/etc/hosts") == r"\\wsl.localhost\Ubuntu\etc\hosts"
    assert own.says("tequila", "wslpath", "-u", r"\\wsl$\Ubuntu\etc\hosts") == "/etc/hosts"


@pytest.mark.parametrize(
    "argv",
    [
        ("wsl.exe", "--unregister", "Ubuntu"),
        ("wsl.exe", "--install"),
        ("wsl.exe",),
        ("netsh.exe", "advfirewall", "show", "allprofiles"),
        (*PORTPROXY, "reset"),
        (*PORTPROXY, "add", "v4tov4", "listenport=80"),
        (*PORTPROXY, "add", "v4tov4", *LISTEN, "connectaddress=nas", "connectport=1883"),
        (*PORTPROXY, "delete", "v4tov4", "listenaddress=0.0.0.0", "listenport=99999"),
        ("schtasks.exe", "/Create", "/TN", "x", "/TR", "wsl.exe", "/SC", "ONLOGON"),
        powershell("Get-Process"),
        powershell("Remove-NetFirewallRule -DisplayName 'x'; Get-Process"),
        ("powershell.exe", "-File", "x.ps1"),
    ],
)
def test_what_is_not_played_fails_and_says_that_it_is_a_stand_in(own: Lab, argv: tuple[str, ...]) -> None:
    put(own, admin="elevated")
    done = own.run("tequila", *argv)
    assert done.returncode == 99
    assert "stand-in" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("argv", [("wslinfo", "--version"), ("wslpath", "-m", "/etc")])
def test_the_small_tools_too(own: Lab, argv: tuple[str, ...]) -> None:
    done = own.run("tequila", *argv)
    assert done.returncode == 99
    assert "stand-in" in done.stderr


# The bridge: port proxy and firewall


def test_a_device_reaches_wsl_through_the_port_proxy_and_the_rule_and_not_before(own: Lab) -> None:
    listen(own)
    put(own, admin="elevated")
    assert not reached(own)
    proxy_to(own, now(own)["address"])
    assert not reached(own), "the firewall drops it"
    allow_mqtt(own)
    assert reached(own)
    own.says("windows", *PORTPROXY, "delete", "v4tov4", *LISTEN)
    assert not reached(own)
    assert own.run("iot", "curl", "-m", "1", f"http://{WINDOWS}:1883/").returncode == 7, (
        "refused: nobody listens"
    )
    own.says("windows", *powershell("Remove-NetFirewallRule -DisplayName 'mqtt'"))
    assert own.run("iot", "curl", "-m", "1", f"http://{WINDOWS}:1883/").returncode == 28, "dropped again"


def test_a_rule_holds_on_the_networks_that_it_names_and_where_windows_obeys(own: Lab) -> None:
    listen(own)
    put(own, admin="elevated", network="Public")
    proxy_to(own, now(own)["address"])
    allow_mqtt(own)
    assert not reached(own)
    put(own, network="Private")
    assert reached(own)
    put(own, firewall="ignores")
    assert not reached(own)


def test_the_table_is_the_real_ones_in_the_code_page_of_the_language(own: Lab) -> None:
    show = (*PORTPROXY, "show", "v4tov4")
    assert raw(own, "tequila", *show) == b"\r\n"
    put(own, admin="elevated")
    proxy_to(own, FIRST)
    assert raw(own, "tequila", *show).decode().splitlines() == [
        "",
        "Listen on ipv4:             Connect to ipv4:",
        "",
        "Address         Port        Address         Port",
        "--------------- ----------  --------------- ----------",
        "0.0.0.0         1883        172.28.16.10    1883",
        "",
    ]
    put(own, locale="es-ES")
    spanish = raw(own, "tequila", *show)
    assert b"Direcci\xa2n" in spanish
    assert "Dirección       Puerto      Dirección       Puerto" in spanish.decode("cp850")
    proxy_to(own, "172.28.16.99")
    assert raw(own, "tequila", *show).count(b"1883        172.28.16.99"), "adding again is changing"
    missing = own.run("tequila", *PORTPROXY, "delete", "v4tov4", "listenaddress=0.0.0.0", "listenport=1")
    assert (missing.returncode, missing.stdout) == (
        1,
        "El sistema no puede encontrar el archivo especificado.\r\n",
    )


def test_a_taken_port_is_written_down_and_does_not_forward(own: Lab) -> None:
    own.ask("start", machine="windows", name="taken", argv=["python3", "-m", "http.server", "1883"])
    wait_for("it", lambda: not own.run("windows", "curl", "-sf", "http://127.0.0.1:1883/").returncode)
    put(own, admin="elevated")
    proxy_to(own, now(own)["address"])
    assert now(own)["portproxy"]
    own.ask("stop", machine="windows", name="taken")
    assert own.run("windows", "curl", "-s", "http://127.0.0.1:1883/").returncode == 7


# Administrator's rights


ELEVATE = (
    "try { $p = Start-Process -FilePath 'netsh.exe' -ArgumentList 'interface portproxy add v4tov4 "
    "listenaddress=0.0.0.0 listenport=1883 connectaddress=172.28.16.10 connectport=1883' -Verb RunAs "
    "-WindowStyle Hidden -Wait -PassThru } catch { [Console]::Error.WriteLine($_.Exception.Message); exit 77 }; "
    "exit $p.ExitCode"
)


def test_changing_takes_an_administrator_and_the_person_may_say_no(own: Lab) -> None:
    add = (*PORTPROXY, "add", "v4tov4", *LISTEN, f"connectaddress={FIRST}", "connectport=1883")
    done = own.run("tequila", *add)
    words = "The requested operation requires elevation (Run as administrator).\r\n"
    assert (done.returncode, done.stdout) == (1, words)
    put(own, locale="de-DE")
    assert "erhöhte Rechte" in raw(own, "tequila", *add).decode("cp850")
    put(own, admin="refused")
    refused = own.run("tequila", *powershell(ELEVATE))
    assert refused.returncode == 77
    assert "canceled by the user" in refused.stderr
    assert not now(own)["portproxy"]
    put(own, admin="asked")
    own.says("tequila", *powershell(ELEVATE))
    assert [e["connect_address"] for e in now(own)["portproxy"]] == [FIRST]


def test_a_firewall_rule_takes_one_too(own: Lab) -> None:
    rule = (
        "New-NetFirewallRule -DisplayName ''It''''s MQTT'' -Direction Inbound -Action Allow -Protocol TCP "
        "-LocalPort 1883 -Profile Private -RemoteAddress LocalSubnet"
    )
    plain = own.run("tequila", *powershell(rule.replace("''", "'")))
    assert plain.returncode == 1
    assert "Access is denied" in plain.stderr
    own.says(
        "tequila",
        *powershell(
            f"try {{ $p = Start-Process -FilePath 'powershell.exe' -ArgumentList '-NoProfile -NonInteractive "
            f"-Command {rule}' -Verb RunAs -WindowStyle Hidden -Wait -PassThru }} catch "
            "{ [Console]::Error.WriteLine($_.Exception.Message); exit 77 }; exit $p.ExitCode"
        ),
    )
    assert [r["name"] for r in now(own)["firewall_rules"]] == ["It's MQTT"]


# Tasks and the logon


def test_a_task_runs_at_logon_and_keeps_the_distribution(own: Lab) -> None:
    write_task(own)
    assert create_task(own).stdout == 'SUCCESS: The scheduled task "Keep" has successfully been created.\r\n'
    assert not keepers(own)
    ran = own.ask("logon", machine="windows", restart=True)["ran"]
    assert [(r["by"], r["outcome"]) for r in ran] == [("\\Keep", "running")]
    assert len(keepers(own)) == 1
    assert now(own)["address"] != FIRST, "Windows restarted, and WSL with it"
    again = own.ask("logon", machine="windows")["ran"]
    assert again[0]["outcome"] == "running already"
    assert len(keepers(own)) == 1
    own.says("tequila", "schtasks.exe", "/Delete", "/TN", "\\keep", "/F")
    assert own.ask("logon", machine="windows")["ran"] == []


def test_a_task_can_be_run_and_read(own: Lab) -> None:
    write_task(own)
    create_task(own)
    shown = raw(own, "tequila", "schtasks.exe", "/Query", "/TN", "Keep", "/XML").decode("cp437")
    assert "<URI>\\Keep</URI>" in shown
    assert "<UserId>TEQUILA\\alice</UserId>" in shown
    assert shown.count("S-1-5-21-") == 1, "whom it runs as is shown by number"
    own.says("tequila", "schtasks.exe", "/Run", "/TN", "Keep")
    assert len(keepers(own)) == 1
    put(own, locale="es-ES")
    missing = own.run("tequila", "schtasks.exe", "/Query", "/TN", "Other", "/XML")
    assert missing.returncode == 1
    assert "no puede encontrar el archivo" in missing.stderr


def test_tasks_that_windows_does_not_take(own: Lab) -> None:
    assert "cannot find the file" in create_task(own).stderr
    write_task(own, user="")
    assert create_task(own).stderr == "ERROR: Access is denied.\r\n", "at anybody's logon"
    put(own, admin="elevated")
    assert create_task(own).returncode == 0
    write_task(own, to="UTF-8")
    assert "unable to switch the encoding" in create_task(own).stderr
    own.says("tequila", "sh", "-c", "printf '<Task/>' >/mnt/c/task.xml")
    assert "malformed" in create_task(own).stderr


def test_the_talks_script_runs_at_logon_without_a_window(own: Lab) -> None:
    talk = 'Set ws = CreateObject("Wscript.Shell")\r\nws.run "wsl -d Ubuntu", vbhide\r\n'
    own.says("tequila", "sh", "-c", f'cat >"{STARTUP}/wsl-init.vbs"', stdin=talk.encode())
    own.says("tequila", "sh", "-c", f'cat >"{STARTUP}/wsl-init.vbe"', stdin=talk.encode())
    ran = {r["by"]: r for r in own.ask("logon", machine="windows")["ran"]}
    assert ran["wsl-init.vbs"] == {
        "by": "wsl-init.vbs", "command": "wsl -d Ubuntu", "hidden": True, "outcome": "running",
    }  # fmt: skip
    assert "not established" in ran["wsl-init.vbe"]["outcome"]
    assert [line.split()[1] for line in keepers(own)] == ["bash"]
    own.ask("wsl", machine="windows", do="stop")
    wait_for("its shell to be gone", lambda: not now(own)["launched"])


# The distribution's own life


def test_a_restart_changes_the_address_and_the_port_proxy_leads_nowhere(own: Lab) -> None:
    listen(own)
    put(own, admin="elevated")
    before = now(own)["address"]
    proxy_to(own, before)
    allow_mqtt(own)
    assert reached(own)
    own.says("windows", "wsl.exe", "--shutdown")
    assert now(own)["state"] == "Stopped"
    assert own.machine("tequila")["stopped"]
    assert now(own)["state"] == "Stopped", "looking does not start it"
    listen(own)
    after = now(own)["address"]
    assert after != before
    assert own.says("tequila", "hostname", "-I").split()[0] == after
    assert own.machine("tequila")["addresses"] == {"wsl": f"{after}/20"}
    assert not reached(own)
    proxy_to(own, after)
    assert reached(own)
    assert own.says("tequila", "cat", "/srv/www/who") == "tequila", "files stay"
    phone = wait_for(
        "the tailnet", lambda: own.run("phone", "tailscale", "ping", "-c", "1", "tequila").stdout, 20
    )
    assert "pong from tequila" in phone


def test_shutting_down_from_inside_ends_the_caller_as_well(own: Lab) -> None:
    assert own.run("tequila", "wsl.exe", "--terminate", "Ubuntu").returncode in (130, 137, 143)
    assert now(own)["state"] == "Stopped"
    assert own.says("tequila", "hostname") == "tequila", "a terminal starts it"
    assert now(own)["state"] == "Running"


def test_what_wsl_conf_says_holds_from_the_next_start(own: Lab) -> None:
    conf = b"[boot]\ncommand = date >/srv/booted\n[interop]\nappendWindowsPath=false\n"
    own.says("tequila", "sh", "-c", "cat >/etc/wsl.conf; rm -f /srv/booted", stdin=conf)
    assert own.run("tequila", "wslpath", "-w", "/").returncode == 0
    own.ask("wsl", machine="windows", do="restart")
    wait_for("the boot command", lambda: not own.run("tequila", "test", "-s", "/srv/booted").returncode)
    assert own.run("tequila", "netsh.exe").returncode == 127
    assert own.says("tequila", "/mnt/c/Windows/System32/netsh.exe", *PORTPROXY[1:], "show", "v4tov4") == ""
    own.says("tequila", "sh", "-c", "printf '[interop]\nenabled=false\n' >/etc/wsl.conf")
    own.ask("wsl", machine="windows", do="restart")
    off = own.run("tequila", "/mnt/c/Windows/System32/netsh.exe", *PORTPROXY[1:], "show", "v4tov4")
    assert (off.returncode, "Exec format error" in off.stderr) == (126, True)
    assert own.says("tequila", "printenv", "WSL_DISTRO_NAME") == "Ubuntu"
    own.says("tequila", "rm", "/etc/wsl.conf")
    own.ask("wsl", machine="windows", do="restart")
    assert own.says("tequila", "printenv", "WSL_INTEROP") == "/run/WSL/1_interop"


def test_mirrored_networking_is_not_for_windows_10_and_not_played(own: Lab) -> None:
    own.says(
        "tequila", "sh", "-c", "printf '[wsl2]\nnetworkingMode=mirrored\n' >/mnt/c/Users/alice/.wslconfig"
    )
    for build, words in ((19045, "Falling back to NAT"), (26100, "stand-in")):
        put(own, build=build)
        own.says("windows", "wsl.exe", "--shutdown")
        warned = own.run("windows", "wsl.exe", "-d", "Ubuntu", "-e", "true", env={"WSL_UTF8": "1"}).stderr
        assert words in warned
        assert own.says("tequila", "wslinfo", "--networking-mode") == "nat"


def test_an_idle_distribution_stops_unless_something_keeps_it(own: Lab) -> None:
    put(own, idle_ms=300)
    wait_for("it to stop", lambda: now(own)["state"] == "Stopped")
    own.says("tequila", "sh", "-c", "setsid sleep 4321 >/dev/null 2>&1 </dev/null &")
    wait_for("it to stop, for a daemon keeps nothing", lambda: now(own)["state"] == "Stopped")
    with_task = own.background("windows", "wsl.exe", "-d", "Ubuntu", "-e", "sleep", "1.5")
    with_task.end()
    assert now(own)["state"] == "Running", "a command that somebody waits for keeps it"
    wait_for("it to stop", lambda: now(own)["state"] == "Stopped")
    own.says(
        "tequila", "sh", "-c", "printf '[general]\ninstanceIdleTimeout=-1\n' >/mnt/c/Users/alice/.wslconfig"
    )
    wait_for("it to stop: that setting holds from the next start", lambda: now(own)["state"] == "Stopped")
    own.says("tequila", "true")
    own.says("windows", "sleep", "1")  # much longer than it had
    assert now(own)["state"] == "Running"


# What else can be asked and set


def test_the_questions_are_answered_in_json(own: Lab) -> None:
    head = "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; "
    tail = (
        "; [regex]::Replace((ConvertTo-Json -Compress -InputObject $x), '[^ -~]', "
        "{ param($m) '\\u{0:x4}' -f [int][char]$m.Value })"
    )

    def ask(what: str) -> Any:
        return json.loads(own.says("tequila", *powershell(f"{head}$x = @({what}){tail}")))

    version = (
        "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | "
        "Select-Object ProductName, EditionID, DisplayVersion, CurrentBuildNumber, UBR"
    )
    assert ask(version)[0]["CurrentBuildNumber"] == "19045"
    put(own, build=26100)
    assert ask(version)[0] | {"UBR": 0} == {
        "ProductName": "Windows 10 Pro", "EditionID": "Professional", "DisplayVersion": "24H2",
        "CurrentBuildNumber": "26100", "UBR": 0,
    }  # fmt: skip
    mtu = (
        "Get-NetIPInterface -AddressFamily IPv4 -ConnectionState Connected | "
        "ForEach-Object { [ordered]@{ Alias = $_.InterfaceAlias; Mtu = $_.NlMtu } }"
    )
    own.ask("link", machine="windows", network="wsl", set={"mtu": 1280})
    assert {a["Alias"]: a["Mtu"] for a in ask(mtu)} == {
        "Loopback Pseudo-Interface 1": 65536, "Ethernet": 1500, "vEthernet (WSL)": 1280,
    }  # fmt: skip
    own.ask("link", machine="windows", network="wsl", set={"mtu": 1500})


def test_a_slow_windows_is_slow_from_wsl(own: Lab) -> None:
    put(own, delay_ms=700)
    said = own.says(
        "tequila", "bash", "-c", "TIMEFORMAT=%R; time wsl.exe --status >/dev/null", env={"LC_ALL": "C"}
    )
    assert not said
    took = own.run("tequila", "bash", "-c", "TIMEFORMAT=%R; time wsl.exe --status >/dev/null").stderr
    assert float(took) >= 0.7


@pytest.mark.parametrize(
    "wanted", [{"locale": "xx-XX"}, {"bild": 19045}, {"build": 1}, {"delay_ms": -1}, {"admin": True}]
)
def test_settings_that_cannot_be(own: Lab, wanted: dict[str, Any]) -> None:
    from homelab.errors import LabRefused

    with pytest.raises(LabRefused):
        own.ask("windows", machine="windows", set={"network": "Public", **wanted})
    assert now(own)["network"] == "Private"


def test_the_command_line_shows_and_sets(own: Lab) -> None:
    assert "locale: fr-FR" in own.cli("windows", "--locale", "fr-FR").stdout
    assert own.cli("logon").stdout == "nothing starts at logon\n"
    assert own.cli("wsl", "stop").stdout.startswith("Ubuntu: Stopped")
    assert re.search(r"tequila .* stopped", own.cli("status").stdout)
    assert own.cli("wsl", "start").stdout.startswith("Ubuntu: Running")
    wrong = own.cli("windows", "phone")
    assert (wrong.returncode, wrong.stderr) == (3, "phone has no Windows\nHint: Windows is on: windows\n")
