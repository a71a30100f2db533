"""Fooocus and Ollama as planned changes: what is seen in, what would be done out, and why it is not done."""

from __future__ import annotations

import subprocess

import pytest

from homelab.errors import ParamsError, PrerequisiteMissing
from homelab.imaging import installation
from homelab.imaging.installation import Wish
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.plan import Plan
from homelab.resources import checkout, nvidia_driver, nvidia_loaded, old_python, ollama_model, venv_app

ALL = [
    "nvidia_driver", "nvidia_loaded", "old_python", "checkout", "venv_app", "systemd_unit", "ollama_server",
    "ollama_model",
]  # fmt: skip
NOBLE = "id ubuntu 24.04\n"
UNIT = installation.UNIT.format(user="ubuntu", folder="/home/ubuntu/Fooocus", port=7865)


class Seen:
    """A machine that answers what `answers` says of the first words that a command contains; all else fails."""

    def __init__(self, answers: dict[str, str], unit: str | None = None) -> None:
        self.name, self.about = "fooocus", ""
        self.person, self.pending = Reader(), Pending()
        self.answers, self.unit = answers, unit

    def run(self, argv, **more) -> Result:
        typed = " ".join(argv)
        out = next((out for part, out in self.answers.items() if part in typed), None)
        return Result(tuple(argv), 0 if out is not None else 1, out or "", "", 0.0, self.name)

    def read_text(self, path: str) -> str | None:
        return self.unit


BARE = {"/etc/os-release": "pci\n" + NOBLE}
DONE = {
    "/etc/os-release": "pci\n" + NOBLE,
    "nvidia-smi -L": "GPU 0: Tesla T4\n",
    "import ensurepip": "",
    "apt-cache": "",
    "config --local": installation.FOOOCUS + "\n",
    "sha256sum": "",
    "is-enabled": "enabled\n",
    "is-active": "active\n",
    "command -v ollama": "/usr/local/bin/ollama\n",
    "ollama list": "NAME ID\nphi3:latest 1\n",
}


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """No Ollama answers by HTTP, whatever runs on this machine."""
    monkeypatch.setattr(ollama_model, "read", lambda machine, name: ollama_model.State(name, False))


def world(machine: Seen, lab: bool = False):
    applied: list[Plan] = []

    class Here:
        def __init__(self) -> None:
            self.lab, self.applied = ({"tier": "root"} if lab else None), applied

        def __getitem__(self, role: str) -> Seen:
            return machine

        def apply(self, plan: Plan) -> bool:
            applied.append(plan)
            return True

    return Here()


def kinds(plan: Plan) -> list[str]:
    return [change.resource for change in plan]


def test_a_bare_server_with_a_card_gets_all_of_it_in_order() -> None:
    here = world(Seen(BARE))
    plan = installation.plan(here)
    assert kinds(plan) == ALL
    assert not any("Shown, not done" in note for note in plan.notes)
    assert installation.carry_out(here, plan, "fooocus")
    assert here.applied == [plan]


def test_a_server_that_has_all_of_it_needs_nothing(monkeypatch) -> None:
    monkeypatch.setattr(
        ollama_model, "read", lambda machine, name: ollama_model.State(name, True, "sha256:1")
    )
    plan = installation.plan(world(Seen(DONE, UNIT)))
    assert kinds(plan) == []
    assert "No changes." in str(plan)


@pytest.mark.parametrize(
    ("seen", "lab", "why"),
    [
        ({"/etc/os-release": NOBLE}, False, "has no NVIDIA card"),
        (BARE, True, "a machine of the lab"),
    ],
)
def test_without_a_card_it_is_shown_and_not_done_and_says_why(seen, lab, why, capsys) -> None:
    here = world(Seen(seen), lab)
    plan = installation.plan(here)
    assert kinds(plan) == ALL
    assert any(why in note for note in plan.notes)
    assert not installation.carry_out(here, plan, "fooocus")
    assert here.applied == []
    assert why in capsys.readouterr().out


def test_wsl_has_windows_driver_and_gets_none() -> None:
    plan = installation.plan(world(Seen({"/etc/os-release": "wsl\n" + NOBLE})))
    assert kinds(plan) == ALL[2:]
    assert installation.WINDOWS in plan.notes
    assert not any("Shown, not done" in note for note in plan.notes)


def test_a_driver_that_came_another_way_is_left_alone() -> None:
    assert kinds(installation.plan(world(Seen(BARE | {"nvidia-smi -L": "GPU 0"}))))[0] == "old_python"


def test_other_systems_are_told_that_the_commands_are_ubuntus() -> None:
    plan = installation.plan(world(Seen({"/etc/os-release": "pci\nid debian 12\n"})))
    assert any("runs debian 12" in note for note in plan.notes)


def test_half_of_it_can_be_left_out() -> None:
    here = world(Seen(BARE | {"nvidia-smi -L": "GPU 0"}))
    assert kinds(installation.plan(here, Wish(model=""))) == ALL[2:6]
    assert kinds(installation.plan(here, Wish(folder=""))) == ALL[6:]


def test_the_commands_are_the_talks() -> None:
    typed = {c.resource: c.command for c in installation.plan(world(Seen(BARE)))}
    assert typed["nvidia_driver"].endswith("sudo ubuntu-drivers install")
    assert typed["nvidia_loaded"].startswith("sudo reboot\nnvidia-smi")
    assert "python3.10 -m venv fooocus_env" in typed["venv_app"]
    assert "pip install -r requirements_versions.txt" in typed["venv_app"]
    assert "ExecStart=/home/ubuntu/Fooocus/fooocus_env/bin/python entry_with_update.py --listen --port 7865" in typed["systemd_unit"]  # fmt: skip
    assert typed["ollama_server"] == "curl -fsSL https://ollama.com/install.sh | sh"
    assert typed["ollama_model"] == "ollama pull phi3"


def test_every_command_and_its_way_back_is_shell() -> None:
    plan = installation.plan(world(Seen(BARE)))
    for change in [*plan, *plan.inverse()]:
        done = subprocess.run(["sh", "-n", "-c", change.command], capture_output=True, text=True)
        assert done.returncode == 0, f"{change.command}\n{done.stderr}"


def test_the_way_back_is_the_same_backwards_without_the_reboot() -> None:
    plan = installation.plan(world(Seen(BARE)))
    back = plan.inverse()
    assert kinds(back) == [k for k in reversed(ALL) if k != "nvidia_loaded"]
    assert [(c.before, c.after) for c in back] == [
        (c.after, c.before) for c in reversed(list(plan)) if c.resource != "nvidia_loaded"
    ]
    assert any("Not taken back on fooocus: load it" in note for note in back.notes)
    assert Plan.load(plan.data()) == Plan(plan.stage, plan.changes)


def test_a_reboot_is_the_readers() -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        nvidia_loaded.do(Seen({}), nvidia_loaded.State(False), nvidia_loaded.State(True))
    assert "sudo reboot, then run this again" in caught.value.hint


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"folder": "Fooocus"}, "folder"),
        ({"folder": "/"}, "folder"),
        ({"folder": "/home"}, "folder"),
        ({"folder": "/home/a b/Fooocus"}, "folder"),
        ({"folder": "/home/ubuntu/../x"}, "folder"),
        ({"folder": "/home/$(reboot)/x"}, "folder"),
        ({"user": "root; rm"}, "user"),
        ({"user": ""}, "user"),
        ({"port": 80}, "port"),
        ({"port": 70000}, "port"),
        ({"model": "phi3 --insecure"}, "model"),
        ({"model": "-h"}, "model"),
    ],
)
def test_bad_wishes_are_refused_before_anything(wrong, where) -> None:
    with pytest.raises(ParamsError) as caught:
        Wish(**wrong)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_python_comes_from_the_distribution_where_it_has_it() -> None:
    seen = old_python.read(Seen({"apt-cache": "Package: python3.10-venv"}), "3.10")
    lines = old_python.command(seen, old_python.State("3.10", True))[2]
    assert lines == "sudo apt-get install -y python3.10-venv"


@pytest.mark.parametrize("out", ["ii nvidia-driver-550\n", None])
def test_the_driver_is_what_dpkg_says(out) -> None:
    seen = nvidia_driver.read(Seen({} if out is None else {"dpkg-query": out}))
    assert seen == nvidia_driver.State(out is not None)


def test_states_of_the_same_thing_are_equal_whatever_is_carried_along() -> None:
    assert venv_app.State("/f", "v", True, "3.10", "a.txt") == venv_app.State("/f", "v", True)
    assert old_python.State("3.10", True, own=True) == old_python.State("3.10", True)
    assert checkout.State("/f", "") != checkout.State("/f", "u")
