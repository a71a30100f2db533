"""What the lab's stand-ins for Windows' programs understand, and that it is what our library says to them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from homelab.errors import ParamsError
from homelab.lab import topology
from homelab.lab.windows import logon, powershell, startup, tasks, words
from homelab.lab.windows.call import Call, Unplayed, plain
from homelab.lab.windows.settings import CHOICES, Settings
from homelab.lab.wire import Unfit

LAB = Path(__file__).resolve().parents[2] / "params" / "lab.yaml"
SHELL = 'Set ws = CreateObject("Wscript.Shell")'


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        (f'{SHELL}\nws.run "wsl -d Ubuntu", vbhide\n', [("wsl -d Ubuntu", True)]),
        (f'{SHELL}\r\nws.run "wsl -d Ubuntu", vbhide\r\n', [("wsl -d Ubuntu", True)]),
        (f'{SHELL} : ws.run "wsl -d Ubuntu", vbhide\n', [("wsl -d Ubuntu", True)]),
        ('set WS = createobject("WScript.Shell")\nWs.Run "wsl -d Ubuntu", 0\n', [("wsl -d Ubuntu", True)]),
        (f'{SHELL}\nws.run "wsl -d Ubuntu", 1\n', [("wsl -d Ubuntu", False)]),
        (f'{SHELL}\nws.run "wsl -d Ubuntu"\n', [("wsl -d Ubuntu", False)]),
        (f'Option Explicit\nDim ws\n{SHELL}\nws.Run "wsl -d Ubuntu", 0, False\n', [("wsl -d Ubuntu", True)]),
        (f"' a comment\nREM another\n\n{SHELL}\n", []),
        (f'{SHELL}\nws.Run """C:\\a b\\wsl.exe"" -d U", 0\n', [('"C:\\a b\\wsl.exe" -d U', True)]),
    ],
)
def test_start_up_scripts(script: str, commands: list[tuple[str, bool]]) -> None:
    """The same lines as in the tries with a real engine (Wine's script host), with the same outcome."""
    assert startup.read("wsl-init.vbs", script.encode()) == commands


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("wsl-init.vbe", SHELL.encode(), "not established"),
        ("wsl-init.vbs", SHELL.encode("utf-16"), "plain ASCII"),
        ("wsl-init.vbs", SHELL.encode("utf-8-sig"), "plain ASCII"),
        (
            "x.vbs",
            f'Option Explicit\n{SHELL}\nws.run "wsl", vbhide\n'.encode(),
            "Variable is undefined: 'vbhide'",
        ),
        ("x.vbs", b'ws.run "wsl", 0\n', "not `ws.run"),
        ("x.vbs", f"{SHELL}\nWScript.Sleep 10\n".encode(), "not `WScript.Sleep 10`"),
        ("x.lnk", b"", ".vbs"),
    ],
)
def test_scripts_that_are_not_played(name: str, raw: bytes, said: str) -> None:
    with pytest.raises(Unplayed, match=re.escape(said)):
        startup.read(name, raw)


def task(body: str, encoding: str = "UTF-8", declared: str = "UTF-8") -> bytes:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n<Task version="1.2" xmlns="{tasks.NAMESPACE}">'
    return f"{head}{body}</Task>".encode(encoding)


ACTION = "<Actions><Exec><Command>wsl.exe</Command><Arguments>-d Ubuntu</Arguments></Exec></Actions>"
AT_LOGON = "<Triggers><LogonTrigger><UserId>T\\a</UserId></LogonTrigger></Triggers>"


@pytest.mark.parametrize(
    ("encoding", "declared"), [("UTF-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("UTF-16", "UTF-16")]
)
def test_a_task(encoding: str, declared: str) -> None:
    found = tasks.parse("Keep", task(AT_LOGON + ACTION, encoding, declared))
    assert dataclasses.replace(found, xml="") == tasks.Task(
        "\\Keep", "", "wsl.exe -d Ubuntu", at_logon=True, anybody=False, enabled=True, highest=False
    )
    again = tasks.parse("Keep", found.xml.encode("utf-16"))
    assert again.xml == found.xml, "what Windows shows can be given to it again"


def test_what_a_task_says_of_itself() -> None:
    off = AT_LOGON.replace("<UserId>T\\a</UserId>", "<Enabled>false</Enabled>")
    assert not tasks.parse("Keep", task(off + ACTION)).at_logon
    assert tasks.parse("Keep", task(off + ACTION)).anybody
    assert not tasks.parse("Keep", task(f"<Settings><Enabled>false</Enabled></Settings>{ACTION}")).enabled
    high = "<Principals><Principal><RunLevel>HighestAvailable</RunLevel></Principal></Principals>"
    assert tasks.parse(r"\Home\Keep", task(high + ACTION)).highest


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<Task/>", task(""), task(ACTION, "UTF-8", "UTF-16"), task(ACTION)[:-3],
        task("<Triggers><BootTrigger/></Triggers>" + ACTION), task(ACTION + " " * tasks.MOST),
        b'<?xml version="1.0"?><!DOCTYPE Task [<!ENTITY a "b">]>' + task(ACTION).partition(b"\n")[2],
    ],
)  # fmt: skip
def test_what_is_no_task(raw: bytes) -> None:
    with pytest.raises(tasks.Malformed):
        tasks.parse("Keep", raw)


def test_words_and_names_of_windows() -> None:
    assert logon.split('"C:\\a b\\wsl.exe" -d Ubuntu -e "sleep" infinity')[0] == "C:\\a b\\wsl.exe"
    assert plain(r"C:\Windows\System32\WSL.EXE") == plain("wsl") == plain("/mnt/c/x/wsl.exe") == "wsl.exe"
    for table in (words.NETSH, words.SCHTASKS, words.WSL):
        assert set(table) == set(CHOICES["locale"]) == set(words.CODE_PAGES)
        assert len({frozenset(entry) for entry in table.values()}) == 1
    for locale, page in words.CODE_PAGES.items():
        for table in (words.NETSH, words.SCHTASKS):
            assert "?" not in "".join(table[locale].values()).encode(page, errors="replace").decode(page)


def test_settings_are_refused_as_a_whole() -> None:
    settings = Settings()
    with pytest.raises(Unfit) as caught:
        settings.change({"locale": "es-ES", "buidl": 1})
    assert caught.value.hint == "did you mean 'build'?"
    assert settings == Settings()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wsl": "tekila"}, "there is no machine 'tekila'"),
        ({"wsl": "iot"}, "iot is not behind windows"),
        ({"build": 7601}, "build"),
        ({"wslx": "tequila"}, "wslx"),
    ],
)
def test_a_topology_with_a_windows_that_cannot_be(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    document = yaml.safe_load(LAB.read_text())["topology"]
    document["machines"]["windows"]["windows"] |= change
    file = tmp_path / "topology.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ParamsError) as caught:
        topology.read(file)
    assert any(said in str(problem) for problem in caught.value.problems), caught.value


def test_every_script_of_the_library_is_known() -> None:
    library = pytest.importorskip("homelab.wsl.powershell")
    asked: list[str] = []
    system: Any = SimpleNamespace(
        run=lambda call: asked.append(" ".join(call.argv)) or 0,
        is_elevated=lambda call: True,
        firewall=SimpleNamespace(rules=[], add=asked.append, remove=asked.append),
    )
    assert powershell._answer(system, Any, powershell._ASKS.fullmatch(library.VIRTUAL_DISKS)["what"]) == []  # type: ignore[arg-type,index]
    for script in (
        library.new_firewall_rule("It's MQTT", 1883),
        library.elevated("netsh.exe", "interface portproxy show v4tov4"),
        library.elevated_powershell(library.new_firewall_rule("It's MQTT", 1883)),
    ):
        assert powershell.main(system, Call("powershell.exe", library.argv(script)[1:])) == 0
    rule, netsh, inner = asked
    assert (rule.name, rule.port, rule.profile) == ("It's MQTT", 1883, "Private")
    assert netsh == "interface portproxy show v4tov4"
    assert inner == " ".join(library.argv(library.new_firewall_rule("It's MQTT", 1883))[1:])
    for start, status in (("Automatic", "Running"), ("Manual", "Stopped")):
        known = powershell._SET_SERVICE.fullmatch(library.set_service("Tailscale", start, status))
        assert known
        assert known.groups() == (start, status)
    assert powershell._REMOVE_RULE.fullmatch(library.remove_firewall_rule("It's MQTT"))
    for question in (
        library.WINDOWS_VERSION, library.USER, library.TAILSCALE, library.ADAPTERS, library.NETWORKS,
        library.firewall_rules("It's MQTT"),
    ):  # fmt: skip
        match = powershell._ASKS.fullmatch(question)
        assert match, question
        assert [k for k in powershell._QUESTIONS if re.fullmatch(k, match["what"])], question
