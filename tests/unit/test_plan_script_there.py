"""``plan.sh`` on other machines: what it types there survives every login shell, and finds what it copies from here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from test_plan_script import typed_by_hand

from homelab import saved_plan, services
from homelab.joined_plan import Joined, Step
from homelab.params import World, read
from homelab.plan import Change
from homelab.resources import consent, file, prefs, service_files
from homelab.runner.plan_script import script

ROUTES = prefs.State(advertise_routes=("10.0.0.0/8",))


@pytest.fixture
def home(tmp_path: Path) -> World:
    path = tmp_path / "home.yaml"
    path.write_text('world: attic\nmachines:\n  pi: {via: "ssh://alice@pi:2222"}\n')
    return read(str(path))


def made(home: World, *changes: Change) -> str:
    plan = Joined(tuple(Step("04_services", change) for change in changes))
    return script(plan, home, saved_plan.document(plan, home, "run-7", "home.yaml"), "runs/run-7/plan.json")


def _pi(folder: Path, does: str) -> str:
    """A PATH with an ssh that reaches pi, where `does` is done with the command line that it is given."""
    (folder / "bin").mkdir()
    (folder / "bin/ssh").write_text(f'#!/bin/sh\nwhile [ "$1" != alice@pi ]; do shift; done\nshift\n{does}\n')
    for name in ("sudo", "tailscale", "xdg-open"):
        (folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/called\n')
    for path in (folder / "bin").iterdir():
        path.chmod(0o755)
    return f"{folder}/bin:{os.environ['PATH']}"


def test_over_ssh_a_secret_goes_through_the_pipe_and_not_as_an_argument(home: World, tmp_path: Path) -> None:
    path = f"{tmp_path}/there"
    wanted = file.State(path, "key={{env:THE_KEY}}\nword={{file:~/word}}\n", 0o600)
    (tmp_path / "word").write_text("from-a-file\n")
    text = made(home, Change("pi", "file", "private", file.State(path, None), wanted, path))
    says = _pi(tmp_path, f'echo "$*" >>{tmp_path}/called; unset THE_KEY; HOME=/nonexistent exec sh -c "$*"')
    done = typed_by_hand(text, THE_KEY="a-key-for-there", HOME=str(tmp_path), PATH=says)
    assert done.returncode == 0, done.stderr
    assert Path(path).read_text() == "key=a-key-for-there\nword=from-a-file\n"
    called = (tmp_path / "called").read_text()
    assert "a-key-for-there" not in called
    assert "from-a-file" not in called


@pytest.mark.parametrize("shell", [s if shutil.which(s) else pytest.param(s, marks=pytest.mark.skip(f"no {s} here")) for s in ("sh", "bash", "fish", "zsh")])  # fmt: skip
def test_whatever_the_login_shell_there_is(home: World, tmp_path: Path, shell: str) -> None:
    """The text has all that shells read differently: quotes, backslashes, variables, assignments, lines."""
    path, text = f"{tmp_path}/there", "it's \\\\ \\' a \\n $HOME !x `id` \"q\"\\\n{{env:THE_KEY}}\n"
    routes = Change("pi", "prefs", "there", prefs.State(), ROUTES)
    made_up = Change("pi", "consent", "allow", consent.State(False), consent.State(True))
    wanted = file.State(path, text, 0o600)
    steps = made(home, Change("pi", "file", "f", file.State(path, None), wanted, path), routes, made_up)
    says = _pi(tmp_path, f'exec {shell} -c "$*"')
    done = typed_by_hand(steps, "n1\n", THE_KEY="the-key", PATH=says, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert Path(path).read_text() == text.replace("{{env:THE_KEY}}", "the-key")
    assert "set --advertise-routes=10.0.0.0/8" in (tmp_path / "called").read_text()


@pytest.mark.parametrize("name", services.names())
def test_what_is_copied_out_of_this_folder_is_sent_along(home: World, tmp_path: Path, name: str) -> None:
    there = tmp_path / "there"
    empty = service_files.State(name, str(there))
    wanted = service_files.wanted(services.load(name), empty)
    text = made(home, Change("pi", "service_files", "its files", empty, wanted, f"{name} {there}"))
    (tmp_path / "elsewhere").mkdir()
    says = _pi(tmp_path, f'cd {tmp_path}/elsewhere; export TMPDIR=$PWD; exec sh -c "$*"')
    done = typed_by_hand(text, PATH=says)
    assert done.returncode == 0, done.stderr
    found = {str(p.relative_to(there)): p.read_text() for p in there.rglob("*") if p.is_file() and p.suffix != ".pyc"}  # fmt: skip
    assert found == dict(wanted.files)
    assert list((tmp_path / "elsewhere").iterdir()) == [], "what was unpacked is gone"
