"""What is shown for a clone, an environment and a service is what is done, and both lead to the same state.

Real git and sh in folders of the test; ``systemctl``, ``sudo`` and a Python 9.9 are stand-ins of a few lines.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.errors import CommandFailed, HomelabError
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.resources import checkout, systemd_unit, venv_app

SYSTEMCTL = """#!/bin/sh
case $1 in
  enable) touch {0}/$2.enabled;;
  disable) rm -f {0}/$2.enabled;;
  start|restart) touch {0}/$2.active;;
  stop) rm -f {0}/$2.active;;
  is-enabled) [ -e {0}/$2.enabled ] && echo enabled || {{ echo disabled; exit 1; }};;
  is-active) [ -e {0}/$2.active ] && echo active || {{ echo inactive; exit 3; }};;
  daemon-reload) :;;
esac
"""


PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
for name in python pip; do printf '#!/bin/sh\\n' >"$3/bin/$name"; chmod +x "$3/bin/$name"; done
"""


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Path:
    """A folder of stand-ins, first in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    _program(folder / "sudo", '#!/bin/sh\nexec "$@"\n')
    _program(folder / "python9.9", PYTHON)
    monkeypatch.setenv("PATH", f"{folder}:/usr/local/bin:/usr/bin:/bin")
    return folder


@pytest.fixture
def here() -> LocalMachine:
    return LocalMachine("here", Reader(), Pending())


@pytest.fixture
def origin(tmp_path: Path) -> str:
    if not shutil.which("git"):
        pytest.skip("no git here")
    folder = tmp_path / "origin"
    folder.mkdir()
    (folder / "requirements_versions.txt").write_text("# nothing\n")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    return str(folder)


def typed(machine, resource, before, after) -> None:
    machine.run(resource.command(before, after)).ok()


def test_a_clone_is_made_and_removed(here, origin, tmp_path) -> None:
    folder = str(tmp_path / "a" / "program")
    none, there = checkout.State(folder, ""), checkout.State(folder, origin)
    assert checkout.read(here, folder) == none
    checkout.do(here, none, there)
    assert checkout.read(here, folder) == there
    typed(here, checkout, there, none)
    assert checkout.read(here, folder) == none
    typed(here, checkout, none, there)
    assert checkout.read(here, folder) == there
    checkout.do(here, there, none)
    assert not Path(folder).exists()


def test_somebody_elses_folder_is_left_alone(here, origin, tmp_path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "diary.txt").write_text("dear diary")
    with pytest.raises(HomelabError, match="no clone of anything"):
        checkout.read(here, str(folder))
    other = checkout.State(origin, "https://example.com/other.git")
    with pytest.raises(HomelabError, match="is a clone of"):
        checkout.do(here, other, checkout.State(origin, "https://example.com/wanted.git"))


def test_what_cannot_be_cloned_says_so(here, tmp_path) -> None:
    folder = str(tmp_path / "x")
    with pytest.raises(CommandFailed):
        checkout.do(here, checkout.State(folder, ""), checkout.State(folder, str(tmp_path / "nowhere")))


@pytest.mark.parametrize("release", ["9.9", pytest.param("3", marks=pytest.mark.nightly)])
def test_an_environment_is_made_goes_stale_and_is_removed(here, origin, programs, release) -> None:
    """Quick by a stand-in for Python 9.9, nightly by the real ``python3 -m venv`` and its pip."""
    name = f"{origin}/env"
    none = venv_app.State(origin, "env", False)
    ready = venv_app.State(origin, "env", True, release, "requirements_versions.txt")
    assert venv_app.read(here, name) == none
    here.run(["sh", "-ec", venv_app.command(none, ready)[2]], timeout=300).ok()  # as shown
    assert venv_app.read(here, name) == ready
    file = Path(origin) / "requirements_versions.txt"
    before = file.read_text()
    file.write_text("# other packages\n")
    assert venv_app.read(here, name) == none
    file.write_text(before)
    venv_app.do(here, ready, none)
    assert not Path(name).exists()


def test_an_environment_of_a_python_that_is_not_there_is_no_environment(here, origin) -> None:
    want = venv_app.State(origin, "env", True, "3.1", "requirements_versions.txt")
    with pytest.raises(CommandFailed):
        venv_app.do(here, venv_app.State(origin, "env", False), want)
    assert not venv_app.read(here, f"{origin}/env").ready


@pytest.fixture
def system(tmp_path, programs, monkeypatch) -> Path:
    """A folder of units, with a stand-in for systemctl that keeps what it is told in files."""
    folder = tmp_path / "units"
    folder.mkdir()
    _program(programs / "systemctl", SYSTEMCTL.format(folder))
    monkeypatch.setattr(systemd_unit, "FOLDER", str(folder))
    return folder


RUNS = systemd_unit.State("fooocus", "[Service]\nExecStart=/bin/true\n", True, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (systemd_unit.State("fooocus", None), RUNS),
        (RUNS, systemd_unit.State("fooocus", None)),
        (RUNS, systemd_unit.State("fooocus", "[Service]\nExecStart=/bin/false\n", True, True)),
        (RUNS, systemd_unit.State("fooocus", RUNS.text, False, True)),
        (systemd_unit.State("fooocus", RUNS.text), RUNS),
    ],
)
@pytest.mark.parametrize("way", ["shown", "done"])
def test_a_service_comes_changes_and_goes(here, system, before, after, way) -> None:
    systemd_unit.do(here, systemd_unit.State("fooocus", None), before)
    assert systemd_unit.read(here, "fooocus") == before
    if way == "shown":
        typed(here, systemd_unit, before, after)
    else:
        systemd_unit.do(here, before, after)
    assert systemd_unit.read(here, "fooocus") == after
    assert systemd_unit.difference(before, after)
