"""Taking back a run, and looking before one: a home whose only resource is a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import Tiny

TOY = '''
"""A file's text, as a resource."""
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class State:
    text: str

def read(place, name):
    path = Path(name)
    return State(path.read_text() if path.exists() else "")

def command(before, after):
    return ["write", after.text]

def do(place, before, after):
    Path("/").joinpath(_name).write_text(after.text)
'''


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    (tmp_path / "resources").mkdir()
    target = tmp_path / "target"
    toy = TOY.replace("_name", repr(str(target)))
    (tmp_path / "resources/toy.py").write_text(toy)
    insert = (
        f"import homelab.resources; homelab.resources.__path__.insert(0, {str(tmp_path / 'resources')!r})\n"
    )
    driver = tmp_path / "drive.py"
    driver.write_text(insert + driver.read_text())
    made.book(
        "00_write",
        insert,
        f"""
        from homelab import world, plan
        from homelab.resources import toy
        here = world.open_world(params, apply)
        now = toy.read(None, {str(target)!r})
        wanted = plan.plan("00_write", plan.change("tequila", "toy", now, toy.State(word), "write it", name={str(target)!r}))
        wanted
        """,
        "here.apply(wanted)",
    )
    return made


def test_a_run_is_taken_back(tiny: Tiny) -> None:
    target, env = tiny.folder / "target", {"XDG_STATE_HOME": str(tiny.folder / "state")}
    target.write_text("old")
    assert tiny.run("-p", "word=new", env=env).returncode == 2  # a home only plans
    assert target.read_text() == "old"
    (tiny.folder / "out").rename(tiny.folder / "planned")
    nothing = tiny.call("undo", "planned", env=env)
    assert (nothing.returncode, nothing.stderr) == (0, "")
    assert "No changes." in nothing.stdout

    done = tiny.run("-p", "word=new", "--apply", env=env)
    assert done.returncode == 0, done.stdout
    assert target.read_text() == "new"
    assert [c["outcome"] for c in tiny.stage()["changes"]] == ["applied"]

    shown = tiny.call("undo", "out", env=env)
    assert shown.returncode == 2, shown.stderr
    assert "$ write old" in shown.stdout
    assert target.read_text() == "new"

    target.write_text("somebody else's")
    refused = tiny.call("undo", "out", "--apply", env=env)
    assert refused.returncode == 1
    assert "no longer" in refused.stderr
    assert target.read_text() == "somebody else's"

    target.write_text("new")
    back = tiny.call("undo", "out", "--apply", env=env)
    assert back.returncode == 0, back.stderr
    assert target.read_text() == "old"
    twice = tiny.call("undo", "out", "--apply", env=env)
    assert (twice.returncode, "No changes." in twice.stdout) == (0, True)


def test_a_lab_that_is_gone_cannot_be_taken_back(tiny: Tiny) -> None:
    out = tiny.folder / "out"
    out.mkdir()
    (out / "results.json").write_text('{"schema": 1, "lab": "own", "params": "lab", "run": "r7"}')
    done = tiny.call("undo", "out")
    assert done.returncode == 3
    assert "r7: the lab of that run is gone" in done.stderr


def test_check_says_what_is_missing_and_starts_nothing(tiny: Tiny) -> None:
    closed = "https://127.0.0.1:1"
    tiny.home.write_text(f"world: testhome\nlogin_server: {closed}\nheartbeat: env:NO_SUCH_KEY\n")
    bad = tiny.call("check", "--params", str(tiny.home))
    assert bad.returncode == 3
    assert (
        "✗ fail the secret for heartbeat is there (from this machine): NO_SUCH_KEY is not set" in bad.stdout
    )
    assert "✓ ok   the params are good" in bad.stdout
    good = tiny.call(
        "check", "--params", str(tiny.home), env={"NO_SUCH_KEY": "https://127.0.0.1:1/value-of-the-key"}
    )
    assert good.returncode == 0, good.stdout
    assert "value-of-the-key" not in good.stdout
    assert sorted(p.name for p in tiny.folder.iterdir()) == [
        "drive.py",
        "home.yaml",
        "notebooks",
        "resources",
        "stages",
    ]


def test_check_reads_the_whole_file(tiny: Tiny) -> None:
    tiny.home.write_text("world: testhome\nwrite:\n  wrod: x\n")
    done = tiny.call("check", "--params", str(tiny.home))
    assert done.returncode == 3
    assert "home.yaml:3: unknown key 'wrod' (did you mean 'word'?)" in done.stderr
