"""The scripts of backup and restore, by a real shell, cut off at every single step.

`docker`, `restic` and `sudo` are small stand-ins here, which keep their state in files: so that the shell can
be killed at each of their calls, which no real program waits for. tests/lab has the real ones.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from homelab.machine import Result
from homelab.resources import restored, snapshot
from homelab.upkeep.recipe import Recipe

PLACE = "/repo"
# Every call is counted; at the one that is to be the last, the shell that calls is killed as by a power cut:
# before the call, or after it.
COUNT = """#!/bin/sh
read -r n < {at}/calls; n=$((n + 1)); echo $n > {at}/calls
read -r cut when < {at}/cut
[ "$n $when" != "$cut before" ] || {{ kill -9 $PPID; exit 9; }}
{body}
rc=$?
[ "$n $when" != "$cut after" ] || {{ kill -9 $PPID; exit 9; }}
exit $rc
"""
PROGRAMS = {
    "sudo": '"$@"',
    "docker": """
case "$2" in
  start|up) echo up > {at}/service;;
  stop|down) echo down > {at}/service;;
  exec) shift 4; "$@";;
esac""",
    # backup ... WHAT  /  restore ID --target DIR --verify
    "restic": """
shift 4
case "$1" in
  backup)
    [ ! -e {at}/restic-fails ] || exit 1
    mkdir -p {at}/repo/new; for one; do [ ! -e "$one" ] || cp -a "$one" {at}/repo/new/; done
    read -r now < {at}/service; echo $now > {at}/at-backup; i=1; while [ -e {at}/repo/$i ]; do i=$((i + 1)); done
    mv {at}/repo/new {at}/repo/$i;;
  restore) [ -e {at}/repo/$2 ] || exit 1; mkdir -p "$4"; cp -a {at}/repo/$2/. "$4"/;;
esac""",
}


class Stage:
    """A project folder with data, and the programs."""

    def __init__(self, at: Path) -> None:
        self.at, self.project, self.programs = at, at / "project", at / "bin"
        for folder in (self.project / "config", self.programs, at / "repo"):
            folder.mkdir(parents=True)
        (self.project / "compose.yaml").write_text("services: {}")
        (self.project / "config" / "db").write_text("old")
        (at / "service").write_text("up\n")
        for name, body in PROGRAMS.items():
            path = self.programs / name
            path.write_text(COUNT.format(at=at, body=body.format(at=at)))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, script: str, cut: int = 0, when: str = "before") -> Result:
        (self.at / "calls").write_text("0\n")
        (self.at / "cut").write_text(f"{cut} {when}\n")
        env = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=env)
        return Result(("sh",), done.returncode, done.stdout, done.stderr, 0.0)

    @property
    def calls(self) -> int:
        return int((self.at / "calls").read_text())

    @property
    def data(self) -> str:
        return (self.project / "config" / "db").read_text()

    @property
    def serves(self) -> bool:
        return (self.at / "service").read_text().strip() == "up"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def recipe(stage: Stage, *, database: bool = False) -> Recipe:
    ours = ("compose.yaml",)
    if not database:
        return Recipe(str(stage.project), ("config",), ours, ("app",))
    (stage.project / "pg").mkdir()
    (stage.project / "pg" / "table").write_text("old rows")
    return Recipe(
        str(stage.project), ("config",), ours, ("app",), "database", ("cat", "pg/table"),
        ("sh", "-c", "mkdir -p pg; cat > pg/table"), "dump.sql", ("pg",),
    )  # fmt: skip


def back_up(how: Recipe, count: int = 0) -> str:
    before = snapshot.State("project", PLACE, count, host="tequila", how=how.word())
    return snapshot.command(before, before)[2]


def put_back(how: Recipe, times: int = 0) -> str:
    before = restored.State("project", PLACE, times, how=how.word())
    return restored.command(before, restored.State("project", PLACE, times + 1, "1", how=how.word()))[2]


def test_it_stands_still_while_it_is_copied_and_runs_again(stage: Stage) -> None:
    assert stage.run(back_up(recipe(stage)))
    assert (stage.at / "at-backup").read_text() == "down\n"
    assert stage.serves
    assert not (stage.project / ".backing-up").exists()


def test_it_runs_again_when_the_backup_fails(stage: Stage) -> None:
    (stage.at / "restic-fails").touch()
    assert not stage.run(back_up(recipe(stage)))
    assert stage.serves
    assert not (stage.project / ".backing-up").exists()


def test_a_backup_of_less_than_all_is_none(stage: Stage) -> None:
    (stage.project / "config").rename(stage.project / "elsewhere")
    assert not stage.run(back_up(recipe(stage)))
    assert list((stage.at / "repo").iterdir()) == []
    assert stage.serves, "it was not even stopped"


def test_half_restored_data_is_not_backed_up(stage: Stage) -> None:
    (stage.project / ".putting-back").write_text("1")
    assert not stage.run(back_up(recipe(stage)))
    assert list((stage.at / "repo").iterdir()) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_backup_may_be_cut_off_anywhere(
    stage: Stage, when: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stage.run(back_up(recipe(stage)))
    steps = stage.calls
    assert steps >= 5
    for cut in range(1, steps + 1):
        again = Stage(tmp_path_factory.mktemp("cut"))
        assert not again.run(back_up(recipe(again)), cut, when) or cut == steps
        assert again.data == "old"
        mark = (again.project / ".backing-up").exists()
        assert again.serves or mark, f"cut {when} call {cut}: it stands still, and nobody would know why"
        assert again.run(back_up(recipe(again), 1))
        assert again.serves
        assert not (again.project / ".backing-up").exists()


@pytest.mark.parametrize("database", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_restore_may_be_cut_off_anywhere(
    stage: Stage, when: str, database: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def prepared(one: Stage) -> Recipe:
        how = recipe(one, database=database)
        assert one.run(back_up(how))
        (one.project / "config" / "db").write_text("new")
        if database:
            (one.project / "pg" / "table").write_text("new rows")
        return how

    how = prepared(stage)
    assert stage.run(put_back(how))
    steps = stage.calls
    assert steps >= 8
    for cut in range(1, steps + 1):
        again = Stage(tmp_path_factory.mktemp("cut"))
        how = prepared(again)
        again.run(put_back(how), cut, when)
        # Nothing that was there is lost at any moment.
        aside = again.project / ".aside" / "1"
        assert "new" in [
            p.read_text() for p in (again.project / "config" / "db", aside / "config" / "db") if p.exists()
        ]
        done = (again.project / ".restored").exists()
        begun = (again.project / ".putting-back").exists()
        if not done:
            assert begun or (again.data == "new" and again.serves), f"cut {when} call {cut}"
            assert again.run(put_back(how))
        assert again.data == "old"
        assert (aside / "config" / "db").read_text() == "new"
        if database:
            assert (again.project / "pg" / "table").read_text() == "old rows"
            assert (aside / "pg" / "table").read_text() == "new rows"
        assert again.serves or done  # cut before the very last start: the project's own plan starts it


def test_a_restore_can_be_taken_back(stage: Stage) -> None:
    how = recipe(stage, database=True)
    assert stage.run(back_up(how))
    (stage.project / "config" / "db").write_text("new")
    (stage.project / "pg" / "table").write_text("new rows")
    assert stage.run(put_back(how))
    assert stage.data == "old"
    one, none = restored.State("project", PLACE, 1, "1", how=how.word()), restored.State("project", PLACE, 0)
    assert stage.run(restored.command(one, none)[2])
    assert stage.data == "new"
    assert (stage.project / "pg" / "table").read_text() == "new rows"
    assert (stage.project / ".aside" / "undone-1" / "config" / "db").read_text() == "old"
    assert (stage.project / ".restored").read_text() == ""
    assert stage.serves


def test_a_lost_project_gets_its_own_files_back_too(stage: Stage) -> None:
    how = recipe(stage)
    (stage.project / ".env").write_text("A=1")
    how = Recipe(how.folder, how.folders, ("compose.yaml", ".env"), how.stop)
    assert stage.run(back_up(how))
    (stage.project / ".env").unlink()
    (stage.project / "compose.yaml").write_text("changed since")
    assert stage.run(put_back(how))
    assert (stage.project / ".env").read_text() == "A=1"
    assert (stage.project / "compose.yaml").read_text() == "changed since"
