"""What starts the watch: the system that fits, shown, done and taken back; checked by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from datetime import date
from pathlib import Path

import pytest
from fake_windows import FakeWsl
from played_timers import Timers

from homelab.errors import CommandFailed, HomelabError, ParamsError, PrerequisiteMissing
from homelab.plan import Change, matches, resource
from homelab.resources import cron_line, user_timer, watch_task
from homelab.watch import schedule
from homelab.watch.when import When, odd_nights, parse

TODAY = date(2026, 11, 27)
HOME = schedule.Watch(
    "home", "/srv/run book", ("/srv/run book/runbook", "watch", "--params", "/srv/100 %/home.yaml")
)
PLAIN = schedule.Watch("home", "/srv/book", ("/srv/book/runbook", "watch", "--params", "/srv/home.yaml"))
NIGHT = When()
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")


def apply(machine, plan) -> None:
    """Every change, done and read back; and it is what the shown command would lead to: see the next test."""
    for one in plan:
        module = resource(one.resource)
        assert matches(module.read(machine, one.name), one.before)
        module.do(machine, one.before, one.after)
        assert matches(module.read(machine, one.name), one.after)


@pytest.fixture(params=["systemd", "cron", "Windows"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def machine_of(kind: str, folder: Path):
    if kind == "Windows":
        made = FakeWsl(folder)
        (made.bin / "ip").write_text("#!/bin/sh\n")
        made.put("wslinfo", "#!/bin/sh\necho nat\n")
        made.put("crontab", "#!/bin/sh\necho 'no crontab for ana' >&2; exit 1\n")
        return made
    return Timers(folder, systemd=kind == "systemd")


def test_what_fits_is_planned_applied_found_and_taken_back(kind: str, tmp_path: Path) -> None:
    machine = machine_of(kind, tmp_path)
    plan = schedule.plan(machine, PLAIN, NIGHT, TODAY)
    assert [(c.machine, c.why) for c in plan] == [("tequila", f"watch home every day at 03:30, by {kind}")]
    apply(machine, plan)
    assert not schedule.plan(machine, PLAIN, NIGHT, TODAY)  # No changes.
    assert [Change.load(c.data()) for c in plan] == list(plan)  # a saved plan, and the journal
    later = schedule.plan(machine, PLAIN, parse("week", "4:05"), TODAY)
    assert len(later) == 1
    apply(machine, later)
    assert not schedule.plan(machine, PLAIN, parse("week", "4:05"), TODAY)
    apply(machine, later.inverse())
    assert not schedule.plan(machine, PLAIN, NIGHT, TODAY)
    apply(machine, schedule.removal(machine, PLAIN))
    assert not schedule.removal(machine, PLAIN)
    apply(machine, plan)
    apply(machine, plan.inverse())
    assert not schedule.removal(machine, PLAIN)


def test_the_shown_command_leads_to_the_same(kind: str, tmp_path: Path) -> None:
    machine = machine_of(kind, tmp_path)
    plan = schedule.plan(machine, PLAIN, NIGHT, TODAY)
    for back in (False, True):
        for one in plan.inverse() if back else plan:
            module = resource(one.resource)
            machine.run(module.command(one.before, one.after)).ok()
            assert matches(module.read(machine, one.name), one.after)


def test_neither_systemd_nor_cron_is_said(tmp_path: Path) -> None:
    machine = Timers(tmp_path, systemd=False, cron=False)
    with pytest.raises(PrerequisiteMissing, match="neither a systemd of the user's, nor cron"):
        schedule.plan(machine, HOME, NIGHT, TODAY)


def test_what_no_longer_fits_goes_so_that_nothing_runs_twice(tmp_path: Path) -> None:
    machine = Timers(tmp_path, systemd=False)
    apply(machine, schedule.plan(machine, HOME, NIGHT, TODAY))
    (machine.played / "systemd").touch()
    plan = schedule.plan(machine, HOME, NIGHT, TODAY)
    assert [c.why for c in plan] == ["watch home every day at 03:30, by systemd", "no longer watch home by cron"]  # fmt: skip
    apply(machine, plan)
    assert not schedule.plan(machine, HOME, NIGHT, TODAY)


def test_linger_is_noted_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    notes = schedule.plan(Timers(tmp_path / "a"), HOME, NIGHT, TODAY).notes
    assert any("loginctl enable-linger" in n for n in notes)
    (tmp_path / "b").mkdir()
    notes = schedule.plan(Timers(tmp_path / "b", linger=True), HOME, NIGHT, TODAY).notes
    assert not any("linger" in n for n in notes)


@needs_systemd
@pytest.mark.parametrize("when", [NIGHT, When("week", 23, 59), When("hour", 0, 7)])
def test_systemd_itself_takes_the_units(when: When, tmp_path: Path) -> None:
    here = tmp_path / "run book 100%"
    here.mkdir()
    program = here / "runbook"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    words = (str(program), "watch", "--params", str(here / 'a "quoted" $HOME.yaml'))
    for name, text in zip(
        ("service", "timer"), user_timer.units("Watches home", str(here), words, when.calendar), strict=True
    ):
        (tmp_path / f"homelab-watch-home.{name}").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *map(str, tmp_path.glob("homelab-watch-home.*"))],
        capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    mine = [line for line in done.stderr.splitlines() if "homelab-watch" in line or "run book" in line]
    assert (done.returncode, mine) == (0, []), done.stderr
    said = subprocess.run(
        ["systemd-analyze", "calendar", when.calendar, "--base-time=2026-11-27 00:00:00"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    following = {"day": "Fri 2026-11-27 03:30:00", "week": "Mon 2026-11-30 23:59:00", "hour": "Fri 2026-11-27 00:07:00"}  # fmt: skip
    assert following[when.every] in said


@needs_systemd
def test_a_unit_with_a_mistake_is_not_taken(tmp_path: Path) -> None:
    """So that the test above can fail."""
    (tmp_path / "x.timer").write_text("[Timer]\nOnCalendar=every night\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "x.timer")], capture_output=True, text=True, check=False
    )
    assert "Failed to parse calendar specification" in done.stderr


def test_units_make_up_for_sleep_and_take_drift_for_no_failure() -> None:
    service, timer = user_timer.units("x", HOME.folder, HOME.command, NIGHT.calendar)
    assert "\nPersistent=true\n" in timer
    assert "\nSuccessExitStatus=2\n" in service
    assert '\nExecStart="/srv/run book/runbook" watch --params "/srv/100 %%/home.yaml"\n' in service
    assert "\nWorkingDirectory=/srv/run book\n" in service


OTHERS = "MAILTO=ana\n5 4 * * * backup  # BEGIN homelab-runbook home\n"


def test_the_lines_of_others_stay_letter_by_letter(tmp_path: Path) -> None:
    machine = Timers(tmp_path, systemd=False)
    (machine.played / "crontab").write_text(OTHERS)
    plan = schedule.plan(machine, HOME, NIGHT, TODAY)
    apply(machine, plan)
    more = machine.crontab + "@daily other\n"
    (machine.played / "crontab").write_text(more)
    assert more.startswith(OTHERS)
    line = more.removeprefix(OTHERS).splitlines()[1]
    assert line.startswith("30 3 * * * cd '/srv/run book' && ")
    assert r"'/srv/100 \%/home.yaml' >/dev/null" in line
    apply(machine, schedule.removal(machine, HOME))
    assert machine.crontab == f"{OTHERS}@daily other\n"


def test_two_homes_have_a_line_each(tmp_path: Path) -> None:
    machine = Timers(tmp_path, systemd=False)
    other = schedule.Watch("flat", PLAIN.folder, PLAIN.command)
    apply(machine, schedule.plan(machine, PLAIN, NIGHT, TODAY))
    apply(machine, schedule.plan(machine, other, NIGHT, TODAY))
    apply(machine, schedule.removal(machine, PLAIN))
    assert not schedule.plan(machine, other, NIGHT, TODAY)


def test_a_crontab_that_cannot_be_read_is_not_written(tmp_path: Path) -> None:
    machine = Timers(tmp_path, systemd=False)
    (machine.played / "crontab").write_text(OTHERS)
    (plan,) = schedule.plan(machine, HOME, NIGHT, TODAY)
    (machine.played / "cron-is-broken").touch()
    with pytest.raises(HomelabError, match="Permission denied"):
        cron_line.do(machine, plan.before, plan.after)
    assert machine.crontab == OTHERS


def test_a_timer_that_cannot_be_enabled_fails(tmp_path: Path) -> None:
    machine = Timers(tmp_path)
    (plan,) = schedule.plan(machine, HOME, NIGHT, TODAY)
    (machine.played / "systemd").unlink()
    with pytest.raises(CommandFailed):
        user_timer.do(machine, plan.before, plan.after)


def test_windows_wakes_wsl_without_a_window(tmp_path: Path) -> None:
    machine = machine_of("Windows", tmp_path)
    (plan,) = schedule.plan(machine, PLAIN, NIGHT, TODAY)
    apply(machine, [plan])
    xml = machine.state["tasks"]["Homelab-Watch-home"]
    assert (
        "<StartBoundary>2026-01-01T03:30:00</StartBoundary>" in xml
    )  # no offset: local time, also after a change
    assert "<DaysInterval>1</DaysInterval>" in xml
    assert "<StartWhenAvailable>true</StartWhenAvailable>" in xml
    assert "<UserId>TEQUILA\\ana</UserId>" in xml
    assert re.search(
        r"<Arguments>--headless %SystemRoot%\\System32\\wsl.exe -d Ubuntu -u \w+ --cd /srv/book "
        r"-e /srv/book/runbook watch --params /srv/home.yaml</Arguments>",
        xml,
    )
    with pytest.raises(HomelabError, match="does not reach WSL whole"):
        schedule.plan(machine, HOME, NIGHT, TODAY)


def test_the_task_of_every_hour_is_read_as_it_was_written(tmp_path: Path) -> None:
    machine = machine_of("Windows", tmp_path)
    when = When("hour", 3, 7)
    apply(machine, schedule.plan(machine, PLAIN, when, TODAY))
    assert watch_task.read(machine, "Homelab-Watch-home").when == "every hour at minute 07"
    assert not schedule.plan(machine, PLAIN, when, TODAY)


@pytest.mark.parametrize(("every", "at"), [("day", "24:00"), ("day", "3.30"), ("fortnight", "03:30")])
def test_what_is_no_time_is_refused(every: str, at: str) -> None:
    with pytest.raises(ParamsError):
        parse(every, at)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_the_nights_on_which_the_clock_is_changed() -> None:
    assert odd_nights(NIGHT, TODAY) == []
    assert odd_nights(When("day", 2, 30), TODAY) == [
        "On 28 March 2027 the clock skips 02:30: it is 03:30 then.",
        "On 31 October 2027 it is 02:30 twice; the watch runs once.",
    ]
    assert odd_nights(When("week", 2, 30), TODAY) == []  # they are Sundays
