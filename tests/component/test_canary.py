"""A canary for every kind of secret: runs that succeed, fail, crash and are killed, and nothing they leave has it."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from canary import Canary, looked_for
from tiny import kernels, until

ENDS = {
    "well": "print('done')",
    "in an error": """
def deep(value):
    raise RuntimeError(f"refused {value} and {base64.b64encode(value.encode()).decode()}") from ValueError(value)
deep(told)
""",
    "in an error of ours": """
from homelab.errors import CommandFailed
raise CommandFailed(["curl", "-u", key], 1, mine, told, "tequila")
""",
    "in a crash": "import os; print(told); os.write(2, told.encode()); os.abort()",
    "in a sudden end": "import os; os.write(2, f'last words {key} {mine} {told}\\n'.encode()); os._exit(7)",
}


@pytest.fixture
def canary(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Canary:
    folder = tmp_path / "c"
    folder.mkdir()
    return Canary(folder, tmp_path_factory.mktemp("r"))


@pytest.fixture
def processes(canary: Canary) -> Iterator[list[str]]:
    """The command lines that showed a canary."""
    with looked_for(canary) as seen:
        yield seen


NIGHTLY = ("in an error of ours", "in a sudden end")


@pytest.mark.parametrize(
    "end", [pytest.param(e, marks=pytest.mark.nightly) if e in NIGHTLY else e for e in ENDS]
)
def test_a_run_that_ends(canary: Canary, processes: list[str], end: str) -> None:
    canary.with_stage(ENDS[end])
    done = canary.run(*canary.given, env=canary.given_env)
    assert canary.proved("used"), done.stdout + done.stderr
    assert canary.stage()["status"] in ("ok", "failed")
    assert not [c for c in canary.canaries() if c in (done.stdout + done.stderr).encode()], "printed"
    assert canary.leaks() == []
    assert processes == []
    assert "•••" in canary.written()
    assert (canary.folder / "state/homelab-runbook/homes/testhome.jsonl").stat().st_size


def test_a_run_that_is_killed(canary: Canary, processes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    canary.with_stage("import time\nfor n in range(600):\n    print(told, flush=True); time.sleep(0.1)")
    for name, value in canary.given_env.items():
        monkeypatch.setenv(name, value)
    running = canary.start(*canary.given)
    until(lambda: canary.proved("used"), "the secrets to be used", 60)
    assert canary.leaks() == [], "while it runs"
    of = running.pid
    running.send_signal(signal.SIGKILL)
    out, err = running.communicate()
    assert not [c for c in canary.canaries() if c in (out + err).encode()]
    until(lambda: not kernels(of), "its kernel to end")
    assert canary.leaks() == []
    assert processes == []


def test_the_test_finds_what_leaks(canary: Canary, processes: list[str]) -> None:
    for number, text in enumerate(
        (canary.variable, base64.b64encode(f"user:{canary.kept}".encode()).decode())
    ):
        path = canary.folder / f"leak{number}"
        path.write_text(text)
        assert canary.leaks() == [str(path)]
        path.unlink()
    child = os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "sleep 5; :", canary.told)
    until(lambda: processes, "the process to be seen")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("words", [["-p", "kept={0}"], ["-p", "kep={0}"], ["-p", "{0}"]])
def test_a_value_on_the_command_line_is_not_repeated(canary: Canary, words: list[str]) -> None:
    canary.with_stage("pass")
    done = canary.run(*(w.format(canary.variable) for w in words), env=canary.given_env)
    assert done.returncode == 3
    assert canary.variable not in done.stdout + done.stderr
    assert done.stderr
    assert not (canary.folder / "out").exists()


@pytest.mark.parametrize("key", ["api_key: {0}", "uses: {{kept: {0}}}", "uses: {{kept: [{0}]}}"])
def test_a_value_in_the_params_file_is_not_repeated(canary: Canary, key: str) -> None:
    canary.with_stage("pass")
    canary.home.write_text(f"world: testhome\n{key.format(canary.variable)}\n")
    done = canary.run(env=canary.given_env)
    assert done.returncode == 3
    assert "reference" in done.stderr
    assert canary.variable not in done.stdout + done.stderr
