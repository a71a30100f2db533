"""What is carried to a Windows machine: made from what is wanted, plain, and the same as what would be done there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from homelab.errors import HomelabError
from homelab.resources import logon_task
from homelab.wsl import carry, powershell, taskxml
from homelab.wsl.carry import Bridge, Carried

MQTT = Carried("Ubuntu", (Bridge(1883, 1883, "Homelab mqtt 1883"),))


def test_scripts_are_plain_ascii_with_crlf() -> None:
    made = carry.files(MQTT)
    assert set(made) == {"wsl-init.vbs", "homelab-wsl.ps1", "index.html"}
    for name in ("wsl-init.vbs", "homelab-wsl.ps1"):
        assert made[name].isascii()
        assert made[name].count(b"\n") == made[name].count(b"\r\n")


def test_the_task_in_the_script_is_the_one_that_would_be_made() -> None:
    text = carry.files(MQTT)["homelab-wsl.ps1"].decode()
    xml = text.split("@'\r\n")[1].split("\r\n'@")[0]
    task, wanted = taskxml.read(xml), logon_task.wanted("Ubuntu", carry.ANYBODY, "")
    assert (task.command, task.arguments, task.user) == (wanted.command, wanted.arguments, wanted.user)
    assert f"schtasks /Create /TN {wanted.name} /XML $file /F" in text
    assert xml.count(carry.ANYBODY) == 2  # what the script puts the user's name in for


def test_bridges_are_there_with_their_way_back_and_only_if_wanted() -> None:
    text = carry.files(MQTT)["homelab-wsl.ps1"].decode()
    assert powershell.new_firewall_rule("Homelab mqtt 1883", 1883) in text
    assert "netsh interface portproxy delete v4tov4 listenaddress=0.0.0.0 listenport=1883" in text
    assert "Not an administrator" in text
    without = carry.files(Carried("Ubuntu"))
    assert b"netsh" not in without["homelab-wsl.ps1"]
    assert b"portproxy" not in without["index.html"]
    assert b"Port 1883" in carry.files(MQTT)["index.html"]


def test_every_step_of_the_script_is_explained() -> None:
    text = carry.files(MQTT)["homelab-wsl.ps1"].decode()
    assert [int(n) for n in re.findall(r"^# (\d)\.", text, re.MULTILINE)] == [1, 2, 3]
    assert text.count("Take back:") == 2
    assert text.count("(") == text.count(")")
    assert text.count("{") == text.count("}")


def test_the_page_is_whole_and_names_the_files() -> None:
    page = carry.files(Carried("Ubuntu<24>"[:6], ()))["index.html"].decode()
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta",):
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    Reader().feed(page)
    assert not opened
    assert "homelab-wsl.ps1" in page
    assert "wsl-init.vbs" in page


def test_the_same_wanted_makes_the_same_files_and_they_are_written_whole(tmp_path: Path) -> None:
    made = carry.files(MQTT)
    assert made == carry.files(MQTT)
    carry.write(tmp_path / "windows", made)
    carry.write(tmp_path / "windows", made)
    assert {f.name: f.read_bytes() for f in (tmp_path / "windows").iterdir()} == made


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(HomelabError):
        carry.files(Carried('Ubuntu" & calc'))
