"""A lab of the tests' own, enrolled, for the whole session; and what asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from homelab import labsocket

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, "-m", "homelab.lab"]
SMALL = """
networks:
  internet: {prefix: 203.0.113.0/24, public: true}
  lan: {prefix: 192.168.77.0/24}
machines:
  router: {role: router, addresses: {internet: 203.0.113.10, lan: 192.168.77.1}, nat: cone}
  inside: {role: host, addresses: {lan: 192.168.77.2}, gateway: router}
  outside: {role: host, addresses: {internet: 203.0.113.50}}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


class Lab:
    """A running lab, by its socket."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        with labsocket.ask(self.socket, {"op": op, **request}) as connection:
            return connection.answer()

    def run(
        self, machine: str, *argv: str, stdin: bytes = b"", **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """A command in a machine: its status and what it printed."""
        with (
            tempfile.TemporaryFile() as into,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            into.write(stdin)
            into.seek(0)
            request = {"op": "run", "machine": machine, "argv": list(argv), **more}
            with labsocket.ask(self.socket, request, [f.fileno() for f in (into, out, err)]) as connection:
                connection.answer()
                rc = connection.answer()["rc"]
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                argv, rc, out.read().decode(errors="replace"), err.read().decode(errors="replace")
            )

    def says(self, machine: str, *argv: str, **more: Any) -> str:
        """What a command that must succeed prints."""
        done = self.run(machine, *argv, **more)
        assert done.returncode == 0, (argv, done)
        return done.stdout.strip()

    def cli(self, *argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """The lab's command line, on this lab."""
        env = {**os.environ, "HOMELAB_LAB": self.socket}
        return subprocess.run([*LAB, *argv], capture_output=True, text=True, cwd=CHECKOUT, env=env, **more)

    def machine(self, name: str) -> dict[str, Any]:
        return dict(self.ask("status")["machines"][name])

    def curl(self, machine: str, *argv: str, stdin: bytes = b"") -> tuple[int, str]:
        """The status and body that a page answers with."""
        out = self.says(machine, "curl", "-sSL", "-m", "15", "-w", "\n%{http_code}", *argv, stdin=stdin)
        body, _, code = out.rpartition("\n")
        return int(code), body

    def api(self, method: str, path: str, body: Any = None, token: str = "tskey-api-lab") -> tuple[int, Any]:
        """A request to the admin API, as a program on the internet would make it."""
        text = body if isinstance(body, str) else json.dumps(body)
        more = ["--data-binary", "@-"] if body is not None else []
        url = f"https://api.tailscale.com/api/v2/{path}"
        code, answer = self.curl("visitor", "-X", method, "-u", f"{token}:", *more, url, stdin=text.encode())
        return code, json.loads(answer or "{}")

    def policy(self, **sections: Any) -> None:
        """Put a policy in force: everybody reaches everything, and `sections`."""
        everything = {"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}
        code, answer = self.api("POST", "tailnet/-/acl", everything | sections)
        assert code == 200, answer

    def key(self, *tags: str) -> str:
        """An auth key for machines with these tags."""
        create = {"reusable": True, "preauthorized": True, "tags": list(tags)}
        code, made = self.api("POST", "tailnet/-/keys", {"capabilities": {"devices": {"create": create}}})
        assert code == 200, made
        return str(made["key"])

    def tailnet_ip(self, machine: str) -> str:
        return str(self.machine(machine)["tailnet_ip"])

    def background(self, machine: str, *argv: str) -> Running:
        """A command that runs beside the test."""
        return Running(self, machine, argv)


class Running:
    """A command in a machine, and what it has said up to now."""

    def __init__(self, lab: Lab, machine: str, argv: tuple[str, ...]) -> None:
        self._open = ExitStack()
        self._file = self._open.enter_context(tempfile.NamedTemporaryFile(suffix=".out"))  # noqa: SIM115
        request = {"op": "run", "machine": machine, "argv": list(argv)}
        with Path("/dev/null").open("rb") as nothing:
            fds = [nothing.fileno(), self._file.fileno(), self._file.fileno()]
            self._connection = self._open.enter_context(labsocket.ask(lab.socket, request, fds))
            self._connection.answer()

    def said(self) -> str:
        return Path(self._file.name).read_text(errors="replace")

    def end(self) -> tuple[int, str]:
        """Wait for its end: its status, and all that it said."""
        with self._open:
            return int(self._connection.answer()["rc"]), self.said()


class Owned:
    """A lab that ends with us: `up --lease` and its process."""

    def __init__(self, *options: str, state: Path) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [*LAB, "up", "--lease", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, "HOMELAB_STATE": str(state)},
        )
        assert self.process.stdout
        assert self.process.stderr
        line = json.loads(self.process.stdout.readline() or "{}")
        assert "socket" in line, (line, self.process.stderr.read())
        self.lab = Lab(line["socket"])

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)  # an engine with large images leaves many files to remove
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


def wait_for(what: str, true: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for `true`; what it returned."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        if last := true():
            return last
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}; last: {last!r}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The default topology, every node in the tailnet."""
    owned = Owned("--enrolled", state=tmp_path_factory.mktemp("s"))
    yield owned.lab
    owned.end()
    assert not list(owned.state.iterdir()), "the lab left something in its state folder"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of the module's own, every node in the tailnet: its policy and its daemons may be changed."""
    owned = Owned("--enrolled", state=tmp_path_factory.mktemp("o"))
    yield owned.lab
    owned.end()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A topology of three machines and no cloud, for what is about labs rather than tailnets."""
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The lab's command line with a state folder of its own; what it started is ended."""
    env = {**os.environ, "HOMELAB_STATE": str(tmp_path / "s")}
    env.pop("HOMELAB_LAB", None)

    def do(*argv: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        extra = more.pop("env", {})
        command = [*LAB, *map(str, argv)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=CHECKOUT, env={**env, **extra}, timeout=60, **more
        )

    yield do
    do("down")
    left = list((tmp_path / "s").iterdir()) if (tmp_path / "s").exists() else []
    assert not left, f"left behind: {left}"
