"""A home that is planned, saved, applied from the file, interrupted, and taken back: real files, real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tiny import Tiny, until

TOY = '''
"""A list of words in a file, as a resource; writing the file that `hangs` names never ends."""
import time
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class State:
    path: str
    words: tuple[str, ...] = ()

def read(place, name):
    path = Path(name)
    return State(name, tuple(path.read_text().split()) if path.exists() else ())

def command(before, after):
    return ["sh", "-c", f"printf '%s\\\\n' {' '.join(after.words)} > {after.path}"]

def do(place, before, after):
    path = Path(after.path)
    hangs = path.parent / "hangs"
    if hangs.exists() and hangs.read_text() == path.name:
        (path.parent / "inside").touch()
        time.sleep(600)
    path.write_text("".join(f"{word}\\n" for word in after.words))
'''
STAGE = """
from homelab import world, plan
from homelab.resources import {kind} as kind
here = world.open_world(params, apply)
changes = []
for name, wanted in {wanted!r}.items():
    now = kind.read(here["tequila"], name)
    changes += plan.change("tequila", {kind!r}, now, {state}, "write " + name.rpartition("/")[2], name=name)
wanted = plan.plan({stage!r}, changes)
wanted
"""


class Home(Tiny):
    """A home with two stages over lists of words, and one over real files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "resources").mkdir()
        (folder / "data").mkdir()
        (folder / "resources/toy.py").write_text(TOY)
        self.insert = (
            f"import homelab.resources; homelab.resources.__path__.insert(0, {str(folder / 'resources')!r})\n"
        )
        driver = folder / "drive.py"
        driver.write_text(self.insert + driver.read_text())
        self.env = {"XDG_STATE_HOME": str(folder / "state"), "HOMELAB_STATE": str(folder / "labs")}

    def stage(self, name: str, wanted: dict[str, Any], kind: str = "toy", *more: str) -> None:
        state = {"toy": "kind.State(name, now.words + tuple(w for w in wanted if w not in now.words))"}
        source = STAGE.format(
            stage=name,
            kind=kind,
            wanted={self.at(k): v for k, v in wanted.items()},
            state=state.get(kind, "kind.State(name, wanted)"),
        )
        self.book(name, self.insert, source, "here.apply(wanted)", *more)

    def at(self, name: str) -> str:
        return str(self.folder / "data" / name)

    def has(self, name: str) -> list[str]:
        path = Path(self.at(name))
        return path.read_text().split() if path.exists() else []

    def go(self, *words: str, out: str = "out") -> subprocess.CompletedProcess[str]:
        shutil.rmtree(self.folder / out, ignore_errors=True)
        return self.call("run", "--params", str(self.home), "--out", out, *words, env=self.env)

    def journal(self) -> list[dict[str, Any]]:
        path = self.folder / "state/homelab-runbook/homes/testhome.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return _home(tmp_path)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose plan is in the folder ``planned``, and in which no test changes anything."""
    made = _home(tmp_path_factory.mktemp("home"))
    planned(made)
    return made


def _home(folder: Path) -> Home:
    made = Home(folder)
    made.stage("00_words", {"one": ["a", "b"], "two": ["x"]})
    made.stage("01_more", {"two": ["x"], "one": ["c"], "three": ["z"]})
    text = "a line\nthe quiz's 'page' costs $5\n\\n`no`\n"
    made.stage("02_files", {"deep/page.html": text, "noend": "no end"}, "file")
    return made


def planned(home: Home) -> Path:
    done = home.go(out="planned")
    assert done.returncode == 2, done.stdout + done.stderr
    return home.folder / "planned"


def test_one_plan_for_all_stages_is_printed_saved_and_applied_from_the_file(home: Home) -> None:
    done = home.go(out="planned")
    assert (done.returncode, done.stderr) == (2, "")
    assert "The plan: 6 changes in 1 place, 3 stages." in done.stdout
    assert "6 changes planned, not applied." in done.stdout
    assert re.search(
        r"00_words\n  on tequila\n    1\. write one\n       words: none → a, b\n       \$ printf", done.stdout
    )
    assert "words: a, b → a, b, c" in done.stdout, "the second wish starts where the first ends"
    assert "--apply --from planned/plan.json" in done.stdout
    assert json.loads((home.folder / "planned/results.json").read_text())["planned"] == 6
    report = (home.folder / "planned/report.html").read_text()
    assert 'id="plan"' in report
    assert "words: a, b → a, b, c" in report
    assert sorted(p.name for p in (home.folder / "data").iterdir()) == []
    plan = json.loads((home.folder / "planned/plan.json").read_text())
    assert (plan["schema"], plan["world"], len(plan["changes"])) == (1, "testhome", 6)
    assert re.search(r"T\d\d:\d\d:\d\d[+-]\d\d:\d\d$", plan["made"])

    looked = home.call("run", "--params", str(home.home), "--from", "planned", env=home.env)
    assert looked.returncode == 2, looked.stderr
    assert "6 of 6 changes are not applied; the plan still fits." in looked.stdout
    assert home.has("one") == []

    done = home.go("--apply", "--from", "planned/plan.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home.has("one"), home.has("two"), home.has("three")) == (["a", "b", "c"], ["x"], ["z"])
    assert (
        home.folder / "data/deep/page.html"
    ).read_text() == "a line\nthe quiz's 'page' costs $5\n\\n`no`\n"
    results = home.results()
    assert [(s["name"], s["status"]) for s in results["stages"]] == [
        ("00_words", "ok"),
        ("01_more", "ok"),
        ("02_files", "ok"),
    ]
    assert [c["outcome"] for s in results["stages"] for c in s["changes"]] == ["applied"] * 6
    assert (home.folder / "out/report.html").exists()
    assert (home.folder / "out/plan.json").exists()
    assert "No changes: all of it stands." in home.go("--from", "planned", "--apply", out="again").stdout
    assert not (home.folder / "again").exists()

    assert home.go(out="after").returncode == 0
    back = home.call("undo", "out", "--apply", env=home.env)
    assert back.returncode == 0, back.stderr
    assert (home.has("one"), home.has("noend")) == ([], [])


def test_the_script_by_hand_leads_to_the_same(home: Home) -> None:
    folder = planned(home)
    script = (folder / "plan.sh").read_text()
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "#   words: a, b → a, b, c" in script
    if checker := shutil.which("shellcheck"):
        subprocess.run([checker, folder / "plan.sh"], check=True)
    done = subprocess.run([folder / "plan.sh"], cwd=home.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6/6 on tequila: write noend" in done.stdout
    again = home.go(out="after")
    assert again.returncode == 0, again.stdout
    assert "The plan: No changes." in again.stdout


def test_a_stale_plan_is_refused_before_anything(home: Home) -> None:
    planned(home)
    Path(home.at("three")).write_text("somebody else's\n")
    done = home.go("--apply", "--from", "planned")
    assert done.returncode == 3
    assert "Refused, and nothing was changed: since then one thing of it has changed." in done.stdout
    assert f"toy {home.at('three')} on tequila: words: none → somebody, else's" in done.stdout.replace(
        "somebody else's", "somebody, else's"
    )
    assert not (home.folder / "out").exists()
    assert home.has("one") == []
    assert home.journal() == []


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda plan: {**plan, "changes": plan["changes"][:1]}, "was edited since it was saved"),
        (lambda plan: {**plan, "schema": 9}, "has schema 9, this version reads 1"),
        (lambda plan: {"name": "no plan"}, "is not a plan"),
        (lambda plan: [], "is not a plan"),
        (lambda plan: None, "is not JSON"),
    ],
)
def test_what_is_no_plan_of_ours_is_refused(looked_at: Home, edit: Any, said: str) -> None:
    home = looked_at
    made = edit(json.loads((home.folder / "planned/plan.json").read_text()))
    path = home.folder / "edited.json"
    path.write_text("" if made is None else json.dumps(made))
    done = home.go("--apply", "--from", str(path))
    assert done.returncode == 3
    assert said in done.stderr
    assert not (home.folder / "out").exists()


def test_another_worlds_plan_and_words_that_a_plan_has_already(looked_at: Home) -> None:
    home = looked_at
    other = home.folder / "other.yaml"
    other.write_text("world: elsewhere\n")
    done = home.call("run", "--params", str(other), "--apply", "--from", "planned", env=home.env)
    assert done.returncode == 3
    assert "is a plan for the world 'testhome', and" in done.stderr
    done = home.go("00", "-p", "word=y", "--from", "planned")
    assert done.returncode == 3
    assert "00: a saved plan has its stages already" in done.stderr


def test_a_plan_that_fails_in_the_middle_says_so_and_goes_on_after_it_is_mended(home: Home) -> None:
    planned(home)
    (home.folder / "data/deep").write_text("in the way")
    done = home.go("--apply", "--from", "planned")
    assert done.returncode == 1
    assert [s["status"] for s in home.results()["stages"]] == ["ok", "ok", "failed"]
    assert "What it has applied can be taken back: ./runbook undo out --apply" in done.stdout
    (home.folder / "data/deep").unlink()
    assert home.go("--apply", "--from", "planned").returncode == 0


NIGHTLY = pytest.mark.nightly


@pytest.mark.parametrize(
    ("saved", "at"),
    [
        (False, "two"),
        (True, "three"),
        *(
            pytest.param(*case, marks=NIGHTLY)
            for case in ((False, "one"), (False, "three"), (True, "one"), (True, "two"))
        ),
    ],
)
def test_killed_inside_a_change_the_next_run_converges(home: Home, saved: bool, at: str) -> None:
    """-9 in the middle of a change, the ones before it done; and undo knows all of them."""
    words = ["--apply", *(["--from", "planned"] if saved else [])]
    if saved:
        planned(home)
    hangs, inside = home.folder / "data/hangs", home.folder / "data/inside"
    hangs.write_text(at)
    process = subprocess.Popen(
        home.command("run", "--params", str(home.home), "--out", "killed", *words),
        cwd=home.folder,
        env={**os.environ, **home.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(inside.exists, f"the change of {at}")
    finally:
        process.kill()
        process.wait()
    until(lambda: not _kernels_of(home), "the kernels to end")
    hangs.unlink()
    inside.unlink()
    again = home.go(*words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (home.has("one"), home.has("two"), home.has("three")) == (["a", "b", "c"], ["x"], ["z"])
    assert "The plan: No changes." in home.go(out="after").stdout
    for run in ("out", "killed"):
        done = home.call("undo", run, "--apply", env=home.env)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (home.has("one"), home.has("two"), home.has("three"), home.has("noend")) == ([], [], [], [])


def _kernels_of(home: Home) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"homelab.runner.warm" in command and home.env["XDG_STATE_HOME"].encode() in environment:
            found.append(process.name)
    return found


def test_killed_after_a_change_and_before_the_journal_knows_undo_still_takes_it_back(home: Home) -> None:
    done = home.go("00", "--apply")
    assert done.returncode == 0, done.stderr
    path = home.folder / "state/homelab-runbook/homes/testhome.jsonl"
    *lines, _ = path.read_text().splitlines(keepends=True)
    assert "begun" in lines[-1]
    path.write_text("".join(lines))  # as if -9 had come between the two
    assert home.call("undo", "out", "--apply", env=home.env).returncode == 0
    assert (home.has("one"), home.has("two")) == ([], [])
