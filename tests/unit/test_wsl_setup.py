"""Chapter 01 against a played Windows: what is wanted, what is refused with one answer, and that it is all taken back."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_windows import FakeWsl
from pydantic import ValidationError

from homelab.check import Answer
from homelab.checks import wsl as asks
from homelab.checks import wsl_start as starts
from homelab.errors import ParamsError
from homelab.plan import resource
from homelab.resources import logon_task, startup_script, wsl_conf
from homelab.stages import wsl_setup as chapter
from homelab.stages.wsl_setup import Params
from homelab.vantage import Nobody
from homelab.wsl import wslconfig

VERSION = "WSL version: 2.6.1.0\nKernel version: 6.6.87.2-1\nWSLg version: 1.0.66\nWindows version: 10.0.19045.6456\n"
STATUS = "Default Distribution: Ubuntu\nDefault Version: 2\n"
LIST = "  NAME      STATE           VERSION\n* Ubuntu    Running         2\n  Debian    Stopped         2\n"
TALK = 'Set ws = CreateObject("Wscript.Shell")\r\nws.run "wsl -d Ubuntu", vbhide\r\n'
MADE = ["logon_task", "wsl_config", "wsl_conf"]


@pytest.fixture
def wsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWsl:
    """WSL without systemd, with an engine of its own that does not answer."""
    machine = FakeWsl(tmp_path, wsl={"--version": VERSION, "--status": STATUS, "--list --verbose": LIST})
    machine.put("wslinfo", "#!/bin/sh\necho nat\n")
    machine.put("pidof", "#!/bin/sh\nfalse\n")
    machine.put("docker", "#!/bin/sh\nfalse\n")
    machine.put("dockerd", "#!/bin/sh\nfalse\n")
    machine.put("sudo", '#!/bin/sh\nexec "$@"\n')
    monkeypatch.setattr(wsl_conf, "PATH", str(tmp_path / "wsl.conf"))
    monkeypatch.setattr(wsl_conf, "KEPT", str(tmp_path / "wsl.conf.kept"))
    return machine


class Home:
    """A home that has this machine, or none."""

    def __init__(self, machine: FakeWsl | None) -> None:
        self.machines = {chapter.ROLE: machine} if machine else {}
        self.params = SimpleNamespace(path=Path("home.yaml"))
        self.lab = None

    def __getitem__(self, role: str) -> FakeWsl:
        return self.machines[role]


def plan(wsl: FakeWsl | None, found=None, **wish: object) -> chapter.Plan:
    home = Home(wsl)
    found = found or chapter.look(home)
    if found:
        object.__setattr__(found, "systemd", False)  # the machine that the test runs on may have it
    return chapter.plan(home, Params(**wish), found)


def do(wsl: FakeWsl, wanted: chapter.Plan) -> None:
    for c in wanted:
        resource(c.resource).do(wsl, c.before, c.after)


def states(wsl: FakeWsl) -> dict[str, object]:
    files = {
        p.name: p.read_bytes()
        for p in wsl.folder.rglob("*")
        if p.is_file() and p.suffix in (".vbs", ".conf", "")
    }
    return {
        "tasks": wsl.state["tasks"],
        **{n: b for n, b in files.items() if n in (".wslconfig", "wsl.conf", startup_script.FILE)},
    }


def test_what_is_wanted_then_nothing_then_all_taken_back(wsl) -> None:
    before = states(wsl)
    wanted = plan(wsl)
    assert [c.resource for c in wanted] == MADE
    assert "wsl --shutdown" in str(wanted)
    do(wsl, wanted)
    assert not plan(wsl)
    assert str(plan(wsl)) == "No changes."
    found = chapter.look(Home(wsl))
    assert found
    answers = [chapter.will_start(wsl, Params(), found), starts.kept_alive(wsl, found)]
    object.__setattr__(found, "systemd", False)
    answers.append(starts.docker_comes_with_it(wsl, found))
    assert [a.status for a in answers] == ["ok"] * 3
    do(wsl, wanted.inverse())
    assert states(wsl) == before


def test_without_it_its_checks_fail(wsl) -> None:
    found = chapter.look(Home(wsl))
    assert found
    object.__setattr__(found, "systemd", False)
    script = chapter.will_start(wsl, Params(start="script"), found)
    answers = [starts.a_task_starts_it(wsl, "Ubuntu"), script, starts.kept_alive(wsl, found)]
    assert [a.status for a in answers] == ["fail"] * 3
    assert starts.docker_comes_with_it(wsl, found).status == "warn"


@pytest.mark.parametrize(
    ("wish", "made"),
    [
        ({"start": "none"}, MADE[1:]),
        ({"start": "script"}, ["startup_script", "wsl_config", "wsl_conf"]),
        ({"keep_alive": False, "docker_at_boot": False}, ["logon_task"]),
        ({"start": "none", "keep_alive": False, "docker_at_boot": False}, []),
    ],
)
def test_only_what_is_wished(wish, made, wsl) -> None:
    assert [c.resource for c in plan(wsl, **wish)] == made


def test_of_two_ways_the_one_that_was_ours_goes(wsl) -> None:
    do(wsl, plan(wsl, start="script"))
    moved = plan(wsl)
    assert [c.resource for c in moved] == ["logon_task", "startup_script"]
    do(wsl, moved)
    assert not (wsl.startup / startup_script.FILE).exists()
    do(wsl, plan(wsl, start="script"))
    assert wsl.state["tasks"] == {}
    assert not plan(wsl, start="script")


def test_a_script_that_is_somebodys_is_shown_kept_and_comes_back(wsl) -> None:
    script = wsl.startup / startup_script.FILE
    script.write_bytes(TALK.encode())
    assert "speaks of WSL: yours, so left alone" in str(plan(wsl))
    assert script.name not in [c.name for c in plan(wsl)]
    wanted = plan(wsl, start="script")
    assert '-ws.run "wsl -d Ubuntu", vbhide' in str(wanted)
    assert f"kept: {wsl.home / chapter.KEPT}" in str(wanted)
    do(wsl, wanted)
    assert [p.read_bytes() for p in (wsl.home / chapter.KEPT).glob("*.vbs.*")] == [TALK.encode()]
    do(wsl, wanted.inverse())
    assert script.read_bytes() == TALK.encode()


def test_the_talks_own_file_name_is_seen(wsl) -> None:
    (wsl.startup / "wsl-init.vbe").write_bytes(TALK.encode())
    (wsl.startup / "game.bat").write_text("start vampire\n")
    assert "also has wsl-init.vbe, which" in str(plan(wsl))
    assert "also has" not in str(plan(wsl, start="none"))


def test_settings_of_others_stay_and_are_kept(wsl) -> None:
    config = wsl.home / ".wslconfig"
    config.write_bytes(
        b"# mine\r\n[wsl2]\r\nmemory=8GB\r\n[general]\r\ninstanceIdleTimeout=600000 # ten minutes\r\n"
    )
    conf = Path(wsl_conf.PATH)
    conf.write_text("# ours\n[network]\nhostname=tequila\n")
    found = chapter.look(Home(wsl))
    assert found
    assert "600000 (milliseconds)" in starts.kept_alive(wsl, found).evidence
    wanted = plan(wsl)
    do(wsl, wanted)
    assert config.read_bytes().startswith(b"# mine\r\n[wsl2]\r\nmemory=8GB\r\n")
    assert b"instanceIdleTimeout=-1 # ten minutes" in config.read_bytes()
    assert wsl_conf.at_boot(wsl_conf.read(wsl)) == starts.DOCKER
    assert conf.read_text().startswith("# ours\n[network]\nhostname=tequila\n")
    assert Path(wsl_conf.KEPT).read_text() == "# ours\n[network]\nhostname=tequila\n"
    do(wsl, wanted.inverse())
    assert b"600000 # ten" in config.read_bytes()
    assert conf.read_text() == "# ours\n[network]\nhostname=tequila\n"
    assert Path(wsl_conf.KEPT).read_text() == "# ours\n[network]\nhostname=tequila\n"


def test_another_command_at_the_start_is_left_and_said(wsl) -> None:
    Path(wsl_conf.PATH).write_text("[boot]\ncommand=service ssh start\n")
    wanted = plan(wsl)
    assert "wsl_conf" not in [c.resource for c in wanted]
    assert "runs `service ssh start` at the start" in str(wanted)
    assert "service docker start" in str(wanted)
    found = chapter.look(Home(wsl))
    assert found
    object.__setattr__(found, "systemd", False)
    assert "`service ssh start`" in starts.docker_comes_with_it(wsl, found).evidence
    Path(wsl_conf.PATH).write_text("[boot]\ncommand=service ssh start; service docker start\n")
    assert "service ssh" not in str(plan(wsl))


def test_docker_is_let_be_where_it_is_not_ours_or_not_there(wsl) -> None:
    found = chapter.look(Home(wsl))
    assert found
    for kind in ("Docker Desktop", "Docker Desktop, which does not answer: is it started?"):
        object.__setattr__(found, "docker", kind)
        assert "wsl_conf" not in [c.resource for c in plan(wsl, found)]
        assert starts.docker_comes_with_it(wsl, found).status == "skip"
    object.__setattr__(found, "docker", "none")
    (wsl.bin / "dockerd").unlink()
    assert "wsl_conf" not in [c.resource for c in plan(wsl, found)]
    assert starts.docker_comes_with_it(wsl, found).status == "skip"


def test_an_old_wsl_is_not_given_what_it_does_not_know(wsl) -> None:
    wsl.tell(wsl={"--status": STATUS, "--list --verbose": LIST})
    wanted = plan(wsl)
    assert "wsl_config" not in [c.resource for c in wanted]
    assert "instanceIdleTimeout is left out" in str(wanted)
    assert "wsl --update" in str(wanted)


# One clear answer each


def nobody(wsl: FakeWsl | None) -> Nobody:
    home = Home(wsl)
    found = chapter.look(home)
    place = chapter.wsl(home, found)
    assert isinstance(place, Nobody)
    said = str(chapter.plan(home, Params(), found))
    assert len(said.splitlines()) == 2, "no changes, and why"
    assert place.why[1:] in said
    assert [asks.runs_on(place, "Ubuntu").status, chapter.will_start(place, Params(), found).status] == [
        "skip"
    ] * 2
    return place


def test_no_machine_plays_the_part() -> None:
    assert "home.yaml" in nobody(None).hint


def test_plain_linux_is_told_so_and_gets_the_files(wsl, tmp_path, monkeypatch) -> None:
    (wsl.bin / "wslinfo").unlink()
    assert nobody(wsl).why.startswith("this is not WSL: the kernel is ")
    assert wsl.state["calls"] == []
    monkeypatch.setenv("HOMELAB_RUN_FOLDER", str(tmp_path / "run"))
    home = Home(wsl)
    folder = chapter.carried(home, Params(distribution="Debian"), chapter.look(home))
    assert folder == tmp_path / "run" / "windows"
    assert {f.name for f in folder.iterdir()} == {"index.html", "homelab-wsl.ps1", "wsl-init.vbs"}
    assert b"wsl -d Debian" in (folder / "wsl-init.vbs").read_bytes()


def test_a_notebook_without_a_run_names_its_folder(wsl, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("HOMELAB_RUN_FOLDER", raising=False)
    monkeypatch.setattr(chapter, "RUNS", tmp_path / "checkout" / "runs")
    home = Home(wsl)
    folder = chapter.carried(home, Params(), chapter.look(home))
    assert chapter.shown(folder) == "runs/windows"
    assert chapter.shown(tmp_path) == str(tmp_path)


def test_wsl_1(wsl) -> None:
    wsl.put("wslinfo", "#!/bin/sh\necho wsl1\n")
    assert "WSL 1" in nobody(wsl).why


def test_interop_is_off(wsl) -> None:
    for program in ("powershell.exe", "wsl.exe", "schtasks.exe", "netsh.exe"):
        wsl.put(program, "#!/bin/sh\necho Exec format error >&2\nexit 126\n")
    place = nobody(wsl)
    assert "interop is off" in place.why
    assert "/etc/wsl.conf" in place.hint


def test_windows_programs_are_nowhere(wsl) -> None:
    for program in ("powershell.exe", "wsl.exe", "schtasks.exe", "netsh.exe"):
        (wsl.bin / program).unlink()
    assert "powershell.exe is not to be found" in nobody(wsl).why


def test_a_distribution_that_windows_does_not_know(wsl) -> None:
    with pytest.raises(ParamsError, match="Debain") as error:
        plan(wsl, distribution="Debain")
    assert "'Debian'" in str(error.value)
    assert "-d Debian " in str(plan(wsl, distribution="Debian"))


@pytest.mark.parametrize(
    "bad", [{"distribution": 'U" & calc'}, {"start": "always"}, {"gpu_image": ""}, {"stray": 1}]
)
def test_bad_parameters(bad) -> None:
    with pytest.raises(ValidationError):
        Params(**bad)


# Checks of the start


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (("-d Ubuntu -e", "-d Debian -e"), "it runs"),
        (("<LogonTrigger>\n      <Enabled>true", "<LogonTrigger>\n      <Enabled>false"), "disabled"),
        (("<DisallowStartIfOnBatteries>false", "<DisallowStartIfOnBatteries>true"), "mains power"),
        (("PT0S", "PT72H"), "PT72H"),
    ],
)
def test_a_task_that_will_fail_one_day(broken, word, wsl) -> None:
    do(wsl, plan(wsl))
    xml = wsl.state["tasks"][logon_task.TASK]
    assert broken[0] in xml
    wsl.tell(tasks={logon_task.TASK: xml.replace(*broken)})
    answer = starts.a_task_starts_it(wsl, "Ubuntu")
    assert (answer.status, word in answer.evidence) == ("fail", True)
    assert [c.resource for c in plan(wsl)] == ["logon_task"]


def ran(**more: object) -> list[dict[str, object]]:
    return [{"by": "\\Homelab-WSL", "command": "wsl", "hidden": True, "outcome": "running", **more}]


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (ran(), "ok"),
        (ran(outcome="running already"), "ok"),
        (ran(hidden=False), "fail"),
        (ran(outcome="ended with 1"), "fail"),
        (ran(by="\\Other"), "fail"),
        ([], "fail"),
    ],
)
def test_what_a_logon_started(report, status, wsl) -> None:
    assert starts.was_started(wsl, report, "homelab-wsl").status == status


def test_two_minutes_are_told_from_a_new_start(wsl, tmp_path, monkeypatch) -> None:
    wsl.env["HOME"] = str(tmp_path)
    mark = tmp_path / ".local/state/homelab-runbook/wsl-closed"

    def asked() -> Answer:
        return starts.lived_through(wsl)

    assert (asked().status, asked().status) == ("skip", "skip")
    when, *start = mark.read_text().split()
    mark.write_text(" ".join([str(int(when) - 130), *start]))
    answer = asked()
    assert (answer.status, "130 s ago" in answer.evidence or "131 s ago" in answer.evidence) == ("ok", True)
    assert not mark.exists()
    mark.write_text(" ".join([when, start[0], "1"]))
    assert asked().status == "fail"
    assert not mark.exists()


def test_it_stops_and_it_runs_on_are_two_sides(wsl) -> None:
    assert asks.stops_alone(wsl, "Ubuntu", 2, speed=20).status == "fail"
    assert "20 times as fast" in asks.runs_on(wsl, "Ubuntu", 2, speed=20).evidence
    assert asks.stops_alone(wsl, "Debian", 2, speed=20).status == "ok"
    assert asks.runs_on(wsl, "Debian", 2, speed=20).status == "fail"


def test_wsl_conf_is_shown_as_it_is_done(wsl) -> None:
    for before in (wsl_conf.State(None), wsl_conf.State("[boot]\nsystemd=false\n")):
        if before.text:
            Path(wsl_conf.PATH).write_text(before.text)
        after = wsl_conf.with_command(before, "service docker start")
        for old, new in ((before, after), (after, before)):
            wsl.typed(wsl_conf.command(old, new))
            assert wsl_conf.read(wsl) == new
    assert wsl_conf.with_command(after, "service docker start") == after


def test_the_plan_survives_being_saved(wsl) -> None:
    wanted = plan(wsl)
    assert chapter.Plan.load(json.loads(json.dumps(wanted.data()))) == chapter.Plan(
        wanted.stage, wanted.changes
    )
    assert wslconfig.lives_on(next(c.after.text for c in wanted if c.resource == "wsl_config"))
