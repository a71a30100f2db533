"""Kernels that are copies of one warm process: each is a process of its own in all that matters."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tiny import SHOW, Tiny, kernels, until

LOOKS = """
import json, os, random, secrets, signal, sys, threading, uuid
import numpy
found = {
    "random": [random.random(), numpy.random.rand(), secrets.token_hex(8), str(uuid.uuid4())],
    "id": [os.getpid(), os.environ["IPYTHONDIR"], os.environ["HOMELAB_SECRETS"]],
    "own": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), signal.getsignal(signal.SIGINT) is signal.default_int_handler],
    "descriptors": sorted(os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)),
    "main": sys.modules["__main__"].__dict__ is globals(),
    "loaded": "tailscale" in sys.modules,
    "parent": os.getppid(),
}
print(json.dumps(found))
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def _printed(tiny: Tiny, name: str) -> dict[str, Any]:
    notebook = json.loads((tiny.folder / f"out/{name}.ipynb").read_text())
    (text,) = ("".join(o["text"]) for c in notebook["cells"] for o in c.get("outputs", ()) if "text" in o)
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_copy_shares_modules_and_nothing_else(tiny: Tiny) -> None:
    for name in ("00_one", "01_two"):
        tiny.book(name, LOOKS)
    done = tiny.run()
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = (_printed(tiny, name) for name in ("00_one", "01_two"))
    for a, b in zip(one["random"] + one["id"], two["random"] + two["id"], strict=True):
        assert a != b
    for found in (one, two):
        assert found["own"] == [True, True, True]
        assert found["descriptors"][0] == "/dev/null"
        assert found["main"]
        assert found["loaded"]
    assert one["parent"] == two["parent"]


def test_where_the_warm_process_is_killed_the_next_stage_gets_another(tiny: Tiny) -> None:
    tiny.book("00_good", SHOW, "check('first')")
    tiny.book(
        "01_cut", SHOW, "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)"
    )
    tiny.book("02_next", SHOW, "check('third')")
    done = tiny.run("--apply")  # one after the other: it takes those at work beside it along
    assert done.returncode == 1
    assert [stage["status"] for stage in tiny.results()["stages"]] == ["ok", "failed", "ok"], done.stdout
    assert tiny.stage(1)["error"]["type"] == "KernelDied"


def test_a_notebook_that_does_not_import_fails_in_its_own_cell(tiny: Tiny) -> None:
    tiny.book("00_not", "import there_is_no_such_module")
    tiny.book("01_magic", "%%time\n1 + 1", "import os; os._exit")
    done = tiny.run()
    assert done.returncode == 1
    assert [stage["status"] for stage in tiny.results()["stages"]] == ["failed", "ok"]
    assert tiny.stage(0)["error"]["type"] == "ModuleNotFoundError"


def test_the_warm_process_ends_with_a_runner_that_is_killed_before_any_kernel(tiny: Tiny) -> None:
    tiny.book("00_one", "import time; time.sleep(60)")
    run = tiny.start()
    until(lambda: kernels(run.pid), "the warm process")
    mine = kernels(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    until(lambda: not any(Path("/proc", str(pid)).exists() for pid in mine), "its end", 5)


@pytest.mark.parametrize(("words", "knows"), [((), True), (("--apply",), False)])
def test_where_a_run_only_looks_a_stage_knows_what_those_that_are_done_have_asked(
    tiny: Tiny, words: tuple[str, ...], knows: bool
) -> None:
    looks = "from homelab.world import open_world\nworld = open_world(params)\nprint(world.here().run(['uname', '-r']).ok().out)"
    names = (
        "00_one",
        "01_two",
        "02_three",
        "03_four",
    )  # three begin at once, the fourth when one of them is done
    for name in names:
        tiny.book(name, looks)
    done = tiny.run(*words, env={"HOMELAB_COMMANDS": str(tiny.folder / "asked")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert ((tiny.folder / "asked").read_text().count("uname") < len(names)) == knows
    assert os.uname().release in (tiny.folder / "out/03_four.ipynb").read_text()
