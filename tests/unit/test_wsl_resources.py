"""What is changed on Windows: shown and done lead to the same, both ways, and each bad start has one clear answer."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_windows import LANGUAGES, FakeWsl

from homelab.checks import wsl as checks
from homelab.errors import CommandFailed, HomelabError, PrerequisiteMissing, WaitTimeout
from homelab.plan import Change, matches
from homelab.resources import firewall_rule, logon_task, portproxy, startup_script, wsl_config
from homelab.wsl import elevation, taskxml, wslconfig
from homelab.wsl.parsers import Proxy
from homelab.wsl.releases import Windows

NAME = "Homelab mqtt 1883"
MQTT = portproxy.State("0.0.0.0:1883", "172.28.16.10:1883")
RULE = firewall_rule.State(NAME, 1883)
HEAD = "# mine\r\n[wsl2]\r\nmemory=4GB  # enough\r\n"


@pytest.fixture
def wsl(tmp_path: Path) -> FakeWsl:
    return FakeWsl(tmp_path)


def states(resource: str, wsl: FakeWsl) -> tuple[ModuleType, str, Any]:
    """The module, the name to read, and what is wanted from nothing."""
    folder, kept = str(wsl.startup), str(wsl.home / "kept")
    config = f"{wsl.home}/.wslconfig"
    return {
        "portproxy": (portproxy, MQTT.listen, MQTT),
        "firewall_rule": (firewall_rule, NAME, RULE),
        "startup_script": (
            startup_script, f"{folder}/wsl-init.vbs", startup_script.wanted(folder, "Ubuntu", kept),
        ),
        "wsl_config": (
            wsl_config, config, wsl_config.wanted(wsl_config.State(config, None), kept, wslconfig.ALIVE),
        ),
        "logon_task": (
            logon_task, logon_task.TASK, logon_task.wanted("Ubuntu", "TEQUILA\\ana", str(wsl.home)),
        ),
    }[resource]  # fmt: skip


@pytest.mark.parametrize(
    "resource", ["portproxy", "firewall_rule", "startup_script", "wsl_config", "logon_task"]
)
def test_done_and_typed_lead_to_the_same_both_ways(resource, tmp_path) -> None:
    seen = []
    for way in ("do", "typed"):
        folder = tmp_path / way
        folder.mkdir()
        wsl = FakeWsl(folder)
        module, name, wanted = states(resource, wsl)
        before = module.read(wsl, name)
        assert before != wanted
        path = []
        for old, new in ((before, wanted), (wanted, before)):
            if way == "do":
                module.do(wsl, old, new)
            else:
                wsl.run(["sh", "-c", "cd " + str(wsl.home)]).ok()
                wsl.typed(module.command(old, new))
            now = module.read(wsl, name)
            assert matches(now, new)
            path.append(str(now).replace(str(folder), ""))
        seen.append(path)
    assert seen[0] == seen[1]


def test_a_plan_of_them_is_plain_data(wsl) -> None:
    for resource in ("portproxy", "firewall_rule", "startup_script", "wsl_config", "logon_task"):
        module, name, wanted = states(resource, wsl)
        change = Change("tequila", resource, "why", module.read(wsl, name), wanted, name)
        assert Change.load(change.data()) == change
        assert change.command


# elevation


def test_the_administrator_is_asked_and_told_what_for(wsl, capsys) -> None:
    portproxy.do(wsl, portproxy.State(MQTT.listen), MQTT)
    assert portproxy.read(wsl, MQTT.listen) == MQTT
    said = capsys.readouterr().out
    assert "asked now" in said
    assert "netsh.exe interface portproxy add v4tov4 listenaddress=0.0.0.0 listenport=1883" in said


def test_an_administrator_is_not_asked(wsl, capsys) -> None:
    wsl.tell(elevated=True)
    portproxy.do(wsl, portproxy.State(MQTT.listen), MQTT)
    assert not capsys.readouterr().out
    assert not [c for c in wsl.state["calls"] if "RunAs" in c[-1]]


@pytest.mark.parametrize("resource", ["portproxy", "firewall_rule"])
def test_a_person_who_says_no_is_one_clear_answer_with_the_command_to_type(resource, wsl) -> None:
    wsl.tell(person="no")
    module, name, wanted = states(resource, wsl)
    with pytest.raises(HomelabError, match="takes an administrator, and it was not allowed") as error:
        module.do(wsl, module.read(wsl, name), wanted)
    assert "as administrator" in error.value.hint
    assert ("portproxy add" if resource == "portproxy" else "New-NetFirewallRule") in error.value.hint
    assert not matches(module.read(wsl, name), wanted)


def test_what_has_no_effect_though_allowed_is_said(wsl, monkeypatch) -> None:
    monkeypatch.setattr(elevation, "SETTLED", 0.1)
    wsl.tell(deaf=True)
    with pytest.raises(WaitTimeout, match="to lead to 172"):
        portproxy.do(wsl, portproxy.State(MQTT.listen), MQTT)


def test_an_administrator_who_is_refused_hears_windows_own_words(wsl) -> None:
    wsl.tell(user=[{**wsl.state["user"][0], "Elevated": True}])  # he is, and netsh refuses all the same
    with pytest.raises(CommandFailed, match="Ejecutar como administrador"):
        portproxy.do(wsl, portproxy.State(MQTT.listen), MQTT)


def test_without_interop_nothing_is_tried(wsl) -> None:
    wsl.put("netsh.exe", "MZ")
    with pytest.raises(PrerequisiteMissing, match="interop is off"):
        portproxy.do(wsl, portproxy.State(MQTT.listen), MQTT)


# portproxy


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_portproxy_is_read_in_any_language(language, wsl) -> None:
    wsl.tell(heads=LANGUAGES[language], proxies={MQTT.listen: MQTT.connect})
    assert portproxy.read(wsl, MQTT.listen) == MQTT


def test_an_older_address_of_wsl_is_drift_and_is_refreshed(wsl) -> None:
    wsl.tell(proxies={MQTT.listen: "172.28.16.77:1883"})
    now = portproxy.read(wsl, MQTT.listen)
    wanted = portproxy.wanted(portproxy.every(wsl), "172.28.16.10", 1883)
    assert portproxy.drifted(now, "172.28.16.10")
    assert wanted == MQTT
    portproxy.do(wsl, now, wanted)
    assert wsl.state["proxies"] == {MQTT.listen: MQTT.connect}
    assert not portproxy.drifted(wanted, "172.28.16.10")


@pytest.mark.parametrize(
    "there",
    [
        Proxy("0.0.0.0", 1883, "192.168.77.50", 1883),
        Proxy("0.0.0.0", 1883, "172.28.16.10", 8080),
        Proxy("192.168.77.20", 1883, "172.28.16.10", 1883),
        Proxy("*", 1883, "nas.local", 1883),
    ],
)
def test_a_port_that_is_proxied_elsewhere_is_left_alone(there) -> None:
    with pytest.raises(HomelabError, match="proxied elsewhere already") as error:
        portproxy.wanted([there], "172.28.16.10", 1883)
    assert str(there) in error.value.what
    assert f"delete v4tov4 listenaddress={there.listen_address} listenport=1883" in error.value.hint


def test_other_ports_do_not_matter() -> None:
    other = Proxy("0.0.0.0", 22, "192.168.77.50", 22)
    assert portproxy.wanted([other], "172.28.16.10", 1883) == MQTT


# firewall


def test_a_rule_of_that_name_that_is_somebodys_is_left_alone(wsl) -> None:
    rule = {"Enabled": "True", "Direction": "Inbound", "Action": "Block", "Profile": "Any", "Protocol": "TCP",
            "LocalPort": "1883", "RemoteAddress": "Any"}  # fmt: skip
    wsl.tell(rules={NAME: rule})
    with pytest.raises(HomelabError, match="not one that lets TCP in"):
        firewall_rule.read(wsl, NAME)


def test_a_rule_of_another_port_is_replaced(wsl) -> None:
    wsl.tell(elevated=True)
    firewall_rule.do(wsl, firewall_rule.State(NAME), firewall_rule.State(NAME, 1884))
    now = firewall_rule.read(wsl, NAME)
    firewall_rule.do(wsl, now, RULE)
    assert firewall_rule.read(wsl, NAME) == RULE


class Iot(FakeWsl):
    """A device of the home whose probe ends as told."""

    rc, err = 124, ""

    def run(self, argv, **more):
        assert argv[0] == "timeout"
        return self.local.run(["sh", "-c", f"printf '%s' '{self.err}' >&2; exit {self.rc}"])


@pytest.mark.parametrize(
    ("rc", "rule", "networks", "said", "hint"),
    [
        (0, RULE, (), "answers", ""),
        (1, RULE, (), "refuses", "nothing listens"),
        (124, firewall_rule.State(NAME), (), "does not answer", "no rule lets TCP 1883 in"),
        (124, firewall_rule.State(NAME, 1883, enabled=False), (), "does not answer", "disabled"),
        (124, RULE, ("Public",), "does not answer", "Windows takes this one for Public"),
        (124, RULE, ("Private",), "though the rule 'Homelab mqtt 1883' is there", "another firewall"),
    ],
)  # fmt: skip
def test_a_firewall_that_ignores_the_rule_is_said(rc, rule, networks, said, hint, tmp_path) -> None:
    iot = Iot(tmp_path)
    iot.rc = rc
    answer = checks.lets_in(iot, "192.168.77.20", 1883, rule, networks)
    assert answer.status == ("ok" if rc == 0 else "fail")
    assert said in answer.evidence
    assert hint in answer.hint


def test_what_windows_takes_the_network_for(wsl) -> None:
    wsl.tell(
        networks=[{"Alias": "a", "Category": "DomainAuthenticated"}, {"Alias": "b", "Category": "Public"}]
    )
    assert checks.categories(wsl) == ("Domain", "Public")


# the start-up script


def test_the_script_is_plain_ascii_with_crlf_and_says_that_it_hides(wsl) -> None:
    state = startup_script.wanted(str(wsl.startup), "Ubuntu-24.04", str(wsl.home / "kept"))
    startup_script.do(wsl, startup_script.read(wsl, state.path), state)
    raw = (wsl.startup / "wsl-init.vbs").read_bytes()
    assert raw == b'Set ws = CreateObject("WScript.Shell")\r\nws.Run "wsl -d Ubuntu-24.04", 0\r\n'
    assert not (wsl.home / "kept").exists()


@pytest.mark.parametrize("name", ["", "a b", 'x", 1', "é", "x\ny"])
def test_no_distribution_is_called_that(name) -> None:
    with pytest.raises(HomelabError, match="no name of a distribution"):
        startup_script.script(name)
    with pytest.raises(HomelabError, match="no name of a distribution"):
        logon_task.wanted(name, "me", "")


TALK = 'Set ws = CreateObject("Wscript.Shell")\nws.run "wsl -d Ubuntu", vbhide\n'


def test_a_script_with_other_content_is_shown_kept_and_comes_back(wsl) -> None:
    file = wsl.startup / "wsl-init.vbs"
    file.write_text(TALK)
    wanted = startup_script.wanted(str(wsl.startup), "Ubuntu", str(wsl.home / "kept"))
    before = startup_script.read(wsl, wanted.path)
    assert startup_script.foreign(before)
    assert '-ws.run "wsl -d Ubuntu", vbhide' in startup_script.difference(before, wanted)
    startup_script.do(wsl, before, wanted)
    (kept,) = (wsl.home / "kept").iterdir()
    assert kept.read_text() == TALK
    assert str(kept) in startup_script.difference(before, wanted)
    assert [f.name for f in wsl.startup.iterdir()] == ["wsl-init.vbs"]  # Windows opens whatever lies there
    startup_script.do(wsl, startup_script.read(wsl, wanted.path), before)
    assert file.read_text() == TALK


def test_a_script_with_other_content_has_to_have_a_place() -> None:
    with pytest.raises(HomelabError, match="no place to be kept"):
        startup_script.command(
            startup_script.State("/s/wsl-init.vbs", TALK),
            startup_script.State("/s/wsl-init.vbs", startup_script.script("Ubuntu")),
        )


# .wslconfig


def test_comments_line_ends_and_what_else_is_there_stay(wsl) -> None:
    file = wsl.home / ".wslconfig"
    file.write_bytes(HEAD.encode())
    before = wsl_config.read(wsl, str(file))
    wanted = wsl_config.wanted(before, str(wsl.home / "kept"), wslconfig.ALIVE, ("wsl2", "memory", "6GB"))
    wsl_config.do(wsl, before, wanted)
    text = file.read_bytes().decode()
    assert text == "# mine\r\n[wsl2]\r\nmemory=6GB  # enough\r\n\r\n[general]\r\ninstanceIdleTimeout=-1\r\n"
    assert wslconfig.lives_on(text)
    assert next((wsl.home / "kept").iterdir()).read_bytes() == HEAD.encode()
    wsl_config.do(wsl, wsl_config.read(wsl, str(file)), before)
    assert file.read_bytes() == HEAD.encode()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "[wsl2]\r\nk=v\r\n"),
        ("[wsl2]\n", "[wsl2]\nk=v\n"),
        ("[WSL2]\nK = x # y\n[b]\nk=1\n", "[WSL2]\nK = v # y\n[b]\nk=1\n"),
        ("[wsl2]\na=1\n\n[b]\nk=1\n", "[wsl2]\na=1\nk=v\n\n[b]\nk=1\n"),
        ("#[wsl2]\r\n# k=v\r\n", "#[wsl2]\r\n# k=v\r\n\r\n[wsl2]\r\nk=v\r\n"),
        ("\ufeff[wsl2]\r\nk=v\r\n", "\ufeff[wsl2]\r\nk=v\r\n"),
        ("[wsl2]\nk=C:\\\\a b\n", "[wsl2]\nk=v\n"),
        ("[wsl2]", "[wsl2]\r\nk=v"),
        ("[wsl2]\r\n# mine\nk=1\n[b]\r\n", "[wsl2]\r\n# mine\nk=v\n[b]\r\n"),  # edited on either side
        ("[wsl2]\n[b]\r\n", "[wsl2]\nk=v\r\n[b]\r\n"),
    ],
)
def test_a_setting_is_put_where_it_belongs(text, after) -> None:
    assert wslconfig.with_value(text, "wsl2", "k", "v") == after
    assert wslconfig.value(after, "wsl2", "k") == "v"
    assert wslconfig.with_value(after, "wsl2", "k", "v") == after


def test_mirrored_networking_and_windows_10() -> None:
    assert wsl_config.mirrored(Windows(22631, 1, "23H2", "Core"))[2] == "mirrored"
    with pytest.raises(HomelabError, match="Windows 10 22H2 has no mirrored networking") as error:
        wsl_config.mirrored(Windows(19045, 1, "22H2", "Core"))
    assert "portproxy" in error.value.hint


def test_the_mode_may_stand_under_its_old_heading() -> None:
    assert wslconfig.networking_mode("[experimental]\nnetworkingMode=Mirrored\n") == "mirrored"
    assert not wslconfig.lives_on("[wsl2]\nvmIdleTimeout=-1\n")
    assert wslconfig.lives_on(wslconfig.kept_alive(""))


def test_a_file_that_is_no_text_is_left_alone(wsl) -> None:
    (wsl.home / ".wslconfig").write_bytes("[wsl2]\r\n".encode("utf-16"))
    with pytest.raises(HomelabError, match="no plain text"):
        wsl_config.read(wsl, f"{wsl.home}/.wslconfig")


# the task


def test_the_task_runs_without_a_window_on_battery_and_for_ever(wsl) -> None:
    wanted = logon_task.wanted("Ubuntu", "TEQUILA\\josé & co", str(wsl.home))
    logon_task.do(wsl, logon_task.State(wanted.name), wanted)
    xml = wsl.state["tasks"][wanted.name]
    assert xml.isascii()
    assert "--headless %SystemRoot%\\System32\\wsl.exe -d Ubuntu -e sleep infinity" in xml
    task = taskxml.read(xml)
    assert (task.on_battery, task.limit, task.user) == (True, "PT0S", "TEQUILA\\josé & co")
    assert not list(wsl.home.glob("*.xml"))
    assert logon_task.read(wsl, wanted.name).ours


def test_a_task_of_that_name_comes_back_as_it_was(wsl) -> None:
    mine = taskxml.Task("notepad.exe", user="TEQUILA\\ana")
    other = taskxml.write(mine, "mine").replace("PT0S", "PT1H")
    wsl.tell(tasks={logon_task.TASK: other})
    before = logon_task.read(wsl, logon_task.TASK)
    assert not before.ours
    logon_task.do(wsl, before, logon_task.wanted("Ubuntu", "TEQUILA\\ana", str(wsl.home)))
    logon_task.do(wsl, logon_task.read(wsl, logon_task.TASK), before)
    assert matches(logon_task.read(wsl, logon_task.TASK), before)
    assert "PT1H" in wsl.state["tasks"][logon_task.TASK]


@pytest.mark.parametrize(("state", "status"), [("Running", "ok"), ("Stopped", "fail")])
def test_whether_it_runs_on(state, status, wsl) -> None:
    wsl.tell(
        wsl={"--list --verbose": f"  NAME      STATE           VERSION\n* Ubuntu    {state}         2\n"}
    )
    assert checks.runs_on(wsl, "Ubuntu", 0.1).status == status


def test_whether_it_runs_on_fails_where_windows_cannot_be_asked(wsl) -> None:
    (wsl.bin / "wsl.exe").unlink()
    assert checks.runs_on(wsl, "Ubuntu", 0.1).status == "fail"
