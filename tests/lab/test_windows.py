"""The lab's Windows: stand-ins that answer like the real programs, and whose network effects are real."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import Lab, wait_for
from played_windows import (  # noqa: F401
    FIRST,
    LISTEN,
    PORTPROXY,
    WINDOWS,
    allow_mqtt,
    as_it_was,
    keepers,
    listen,
    now,
    powershell,
    proxy_to,
    put,
    raw,
    reached,
)

from homelab.errors import LabRefused

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
