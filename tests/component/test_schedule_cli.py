"""``./runbook schedule`` as a process: shown, done, nothing more to do, and taken back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from played_timers import Timers
from tiny import Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.book("00_light", "1")
    made.home.write_text("world: testhome\napi_key: env:NO_SUCH_KEY\n")
    return made


def test_a_schedule_is_a_change_like_any_other(tiny: Tiny) -> None:
    (tiny.folder / "timers").mkdir()
    machine = Timers(tiny.folder / "timers")
    env = machine.env | {"PATH": f"{machine.env['PATH']}:{os.environ['PATH']}"}

    def call(*words: str) -> tuple[int, str]:
        done = tiny.call("schedule", "--params", str(tiny.home), *words, env=env)
        return done.returncode, done.stdout + done.stderr

    units = machine.config / "systemd/user"
    status, said = call("--at", "4:15")
    assert status == 2
    assert "1. on tequila: watch testhome every day at 04:15, by systemd" in said
    assert "$ install -D" in said
    assert "systemctl --user enable --now homelab-watch-testhome.timer" in said
    assert "env:NO_SUCH_KEY will not be there" in said
    assert "loginctl enable-linger" in said
    assert not units.exists()

    status, said = call("--at", "4:15", "--apply")
    assert status == 0, said
    assert "OnCalendar=*-*-* 04:15:00" in (units / "homelab-watch-testhome.timer").read_text()
    assert f"watch --params {tiny.home}" in (units / "homelab-watch-testhome.service").read_text()
    assert (machine.played / "on/homelab-watch-testhome.timer").exists()
    journal_file = tiny.folder / "state/homelab-runbook/homes/testhome.jsonl"
    entry = json.loads(journal_file.read_text().splitlines()[0])
    assert (entry["resource"], entry["stage"]) == ("user_timer", "schedule")
    assert entry["run"].startswith("schedule-")

    status, said = call("--at", "4:15")
    assert (status, "No changes." in said) == (0, True)
    status, said = call("--remove")
    assert status == 2
    status, said = call("--remove", "--apply")
    assert status == 0, said
    assert list(units.iterdir()) == []
    assert call("--remove")[0] == 0

    assert call("--apply")[0] == 0
    run = json.loads(journal_file.read_text().splitlines()[-1])["run"]
    assert tiny.call("undo", run, env=env).returncode == 2
    back = tiny.call("undo", run, "--apply", env=env)
    assert back.returncode == 0, back.stderr
    assert list(units.iterdir()) == []


def test_wrong_words_change_nothing(tiny: Tiny) -> None:
    done = tiny.call("schedule", "--params", str(tiny.home), "--at", "noon")
    assert done.returncode == 3
    assert "--at: must be a time of day such as 03:30, not 'noon'" in done.stderr
    tiny.home.write_text("world: lab\n")
    done = tiny.call("schedule", "--params", str(tiny.home))
    assert (done.returncode, "the lab needs no watch" in done.stderr) == (3, True)
