"""A canary for every kind of secret: runs that succeed, fail, crash and are killed, and nothing they leave has it."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tiny import SHOW, Tiny, kernels, until

# What all of them do with the secrets: use them, and be careless with them in every way that there is.
USES = """
import base64, json, logging, sys, warnings
from homelab.plan import Change
from homelab.outcome import Outcome
from homelab.record import show
from homelab.resources import file
from homelab.secret import Secret, mask
from homelab.world import open_world
world = open_world(params)
here = world["tequila"]
key = world.params.common.api_key.reveal()
mine, told = Secret.parse(kept).reveal(), Secret.parse(asked).reveal()
for value in (key, mine, told):
    here.run(["sh", "-c", "cat >/dev/null; sleep 0.05"], stdin=value, env={"GIVEN": value}).ok()
    print("out", value, repr(value), json.dumps({"deep": [value]})); print("err", value, file=sys.stderr)
    print(base64.b64encode(f"user:{value}".encode()).decode(), value.encode().hex())
    logging.getLogger("x").error("logged %s", value); warnings.warn(value)
    check("it opens", evidence=value, hint=value)
    display({"text/html": f"<b>{value}</b>", "application/json": {"deep": [value]}, "text/plain": value}, raw=True)
    change = Change("tequila", "file", f"keep {value}", file.State("/x", None), file.State("/x", value), name="/x", loses=value)
    show(Outcome(change, "failed", 1.0, value))
    world.journal.append("run", change, value); world.journal.failed("run", change, value)
assert "GIVEN" not in here.run(["sh", "-c", "cat /proc/self/environ"]).out
assert key not in here.run(["sh", "-c", "cat /proc/self/environ"]).out
check("used")
"""
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


class Canary(Tiny):
    """Tiny stages with three secrets, of one run's own home, and of one run's own run-time folder."""

    def __init__(self, folder: Path, short: Path) -> None:
        super().__init__(folder)
        self.variable, self.kept, self.told = (
            f"canary-{n}-{secrets.token_hex(12)}+/ü" for n in ("env", "file", "cmd")
        )
        self.hidden = folder.parent / f"{folder.name}-hidden"
        self.hidden.mkdir()
        for name, value in (("file", self.kept), ("cmd", self.told)):
            (self.hidden / name).write_text(value + "\n")
            (self.hidden / name).chmod(0o600)
        self.home.write_text("world: testhome\napi_key: env:CANARY\nmachines:\n  tequila: {via: local}\n")
        for name in ("state", "tmp", "home"):
            (folder / name).mkdir()
        self.given_env = {
            "CANARY": self.variable,
            "HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(short),
            "TMPDIR": str(folder / "tmp"),
        }
        self.short = short
        self.given = ("-p", f"kept=file:{self.hidden}/file", "-p", f"asked=cmd:cat {self.hidden}/cmd")

    def canaries(self) -> list[bytes]:
        """Each secret, and what it looks like in other places."""
        found: list[bytes] = []
        for value in (self.variable, self.kept, self.told):
            core = value[:-3]  # without the odd letters: no escape changes it
            found += [
                core.encode(),
                core.encode().hex().encode(),
                base64.b64encode(value.encode()).rstrip(b"="),
            ]
            found += [base64.b64encode(f"user:{value}".encode())[8:-4], quote(value, safe="").encode()]
        return found

    def leaks(self) -> list[str]:
        """The files that have one of them."""
        places = [p for top in (self.folder, self.short) for p in top.rglob("*") if p.is_file()]
        return [str(p) for p in places if any(c in p.read_bytes() for c in self.canaries())]

    def with_stage(self, end: str) -> None:
        """The stage whose second cell ends like `end`."""
        fields = "kept: Secret | None = None\n    asked: Secret | None = None"
        parameters = f'kept = "file:{self.hidden}/file"\nasked = "cmd:cat {self.hidden}/cmd"'
        self.book("00_uses", SHOW, USES, end, fields=fields, parameters=parameters)


@pytest.fixture
def canary(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Canary:
    folder = tmp_path / "c"
    folder.mkdir()
    return Canary(folder, tmp_path_factory.mktemp("r"))


@pytest.fixture
def processes(canary: Canary) -> Iterator[list[str]]:
    """The command lines of the machine's processes that showed a canary, looked at all the time."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if any(c in line for c in canary.canaries()):
                    seen.append(line.replace(b"\0", b" ").decode())

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


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
