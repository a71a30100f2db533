"""Chapter 01 against the lab's Windows: it stops, it is started, it stays, it brings Docker, and all is taken back."""

from __future__ import annotations

import pytest

from homelab.checks import engine
from homelab.checks import wsl as asks
from homelab.checks import wsl_start as starts
from homelab.resources import logon_task, startup_script, wsl_conf, wsl_config
from homelab.stages import wsl_setup as chapter
from homelab.stages import wsl_setup_lab as theirs
from homelab.wsl import facts, interop

WISH = chapter.Params()
QUICK = 30.0  # seconds of that Windows, which are 0.3 here: twice what an idle distribution has


def look(world) -> facts.Facts:
    found = chapter.look(world)
    assert found
    return found


def states(world) -> list[object]:
    place, who = world[chapter.ROLE], look(world).user
    assert isinstance(who, facts.User)
    home, startup = (interop.unix_path(place, path) for path in (who.profile, who.startup))
    return [
        logon_task.read(place, logon_task.TASK),
        startup_script.read(place, f"{startup}/{startup_script.FILE}"),
        wsl_config.read(place, f"{home}/.wslconfig"),
        wsl_conf.read(place),
    ]


def alone(world, question=asks.runs_on):
    with theirs.everybody_leaves(world) as speed:
        return question(world["windows"], "Ubuntu", QUICK, speed)


@pytest.fixture(scope="module")
def fresh(world):
    """The states before anything was done."""
    return states(world)


@pytest.fixture
def back(world, fresh):
    """Afterwards all is as it was, and nothing of it runs."""
    yield
    now = chapter.plan(world, WISH)
    done = [
        c
        for c in world.journal.way_back()
        if c.resource in ("logon_task", "startup_script", "wsl_config", "wsl_conf")
    ]
    world.apply(chapter.Plan(now.stage, tuple(done)))
    assert states(world) == fresh
    theirs.log_on(world)
    assert alone(world, asks.stops_alone).status == "ok"


def test_without_the_chapter_it_stops(world, fresh) -> None:
    assert alone(world, asks.stops_alone).status == "ok"
    assert alone(world).status == "fail"
    assert theirs.log_on(world) == []
    assert starts.was_started(world["windows"], theirs.log_on(world), "Homelab-WSL").status == "fail"


def test_the_task_starts_it_and_keeps_it(world, back) -> None:
    plan = chapter.plan(world, WISH)
    world.apply(plan.part("logon_task"))
    ran = theirs.log_on(world)
    assert starts.was_started(world["windows"], ran, "Homelab-WSL").status == "ok"
    assert alone(world).status == "ok"
    place = world[chapter.ROLE]
    assert place.run(["pgrep", "-f", "sleep infinity"])
    place.run(["pkill", "-f", "sleep infinity"]).ok()
    assert alone(world, asks.stops_alone).status == "ok", "the task is all that kept it"


def test_the_setting_alone_keeps_it_and_docker_comes_along(world, back) -> None:
    plan = chapter.plan(world, WISH)
    world.apply(plan.part("wsl_config", "wsl_conf"))
    assert not world[chapter.ROLE].run(["docker", "version"])
    windows = world["windows"]
    windows.run(["wsl.exe", "--shutdown"]).ok()
    windows.run(["wsl.exe", "-d", "Ubuntu", "-e", "true"]).ok()
    assert alone(world).status == "ok"
    assert engine.docker_answers(world[chapter.ROLE]).status in ("ok", "warn")
    assert starts.docker_comes_with_it(world[chapter.ROLE], look(world)).status == "ok"
    world[chapter.ROLE].run(["service", "docker", "stop"]).ok()


def test_the_talks_way_and_from_it_to_todays(world, back) -> None:
    talk = theirs.TalksScript(world, look(world))
    talk.drop(theirs.TALKS_NAME)
    assert "not established" in theirs.log_on(world)[0]["outcome"]
    assert alone(world, asks.stops_alone).status == "ok"
    talk.drop()
    ran = theirs.log_on(world)
    assert starts.was_started(world["windows"], ran, startup_script.FILE).status == "ok"
    assert alone(world).status == "ok"
    talk.remove()
    old = WISH.model_copy(update={"start": "script"})
    world.apply(chapter.plan(world, old))
    assert not chapter.plan(world, old)
    found = look(world)
    assert chapter.will_start(world[chapter.ROLE], old, found).status == "ok"
    moved = chapter.plan(world, WISH)
    assert [c.resource for c in moved] == ["logon_task", "startup_script"]
    world.apply(moved)
    assert [r["by"] for r in theirs.log_on(world)] == ["\\Homelab-WSL"]
    assert not chapter.plan(world, WISH)


@pytest.mark.nightly
def test_an_interop_that_is_off_is_one_answer_and_a_short_path_is_none(world, fresh) -> None:
    with theirs.with_interop(world, "enabled=false"):
        plan = chapter.plan(world, WISH)
        assert not plan
        assert "interop is off" in str(plan)
    with theirs.with_interop(world, "appendWindowsPath=false"):
        assert len(chapter.plan(world, WISH)) == 3
    assert states(world) == fresh
