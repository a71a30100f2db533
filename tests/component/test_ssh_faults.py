"""What goes wrong on the way to a machine says what, where, and what to do: a real sshd, and no sshd at all."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import loopback_sshd
import pytest

from homelab.errors import EXIT_NOT_STARTED, PrerequisiteMissing, SshError, exit_status
from homelab.machine import Pending
from homelab.person import Reader
from homelab.ssh import connection, folder, remote
from homelab.ssh.address import parse
from homelab.ssh.machine import SshMachine
from homelab.wait import until


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[loopback_sshd.Sshd]:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    server = loopback_sshd.Sshd(tmp_path)
    monkeypatch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    yield server
    folder.close()
    server.stop()


def at(address: str) -> SshMachine:
    return SshMachine("demoserver", parse(address), Reader(), Pending())


def refused(address: str) -> SshError:
    with pytest.raises(SshError) as caught:
        at(address).run(["true"])
    assert caught.value.where == "demoserver"
    assert caught.value.hint
    return caught.value


def test_nobody_listens(sshd: loopback_sshd.Sshd) -> None:
    error = refused(sshd.address())
    assert (error.kind, "Connection refused" in error.what) == ("unreachable", True)
    assert "does its SSH server run" in error.hint


def test_a_name_that_nobody_knows(sshd: loopback_sshd.Sshd) -> None:
    error = refused("ssh://no-such-host.invalid")
    assert (error.kind, "no-such-host.invalid is not known" in error.what) == ("name", True)


def test_who_does_not_answer(sshd: loopback_sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.SETTINGS, "ConnectTimeout", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        error = refused(f"ssh://reader@127.0.0.1:{silent.getsockname()[1]}")
    assert error.kind == "unreachable"
    assert "timed out" in error.what


def test_what_is_no_ssh_server(sshd: loopback_sshd.Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            met, _ = web.accept()
            with met:
                met.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        pool.submit(answer)
        assert refused(f"ssh://reader@127.0.0.1:{web.getsockname()[1]}").kind == "unreachable"


def test_who_was_not_reached_is_not_waited_for_again(sshd: loopback_sshd.Sshd) -> None:
    machine = at(sshd.address())
    with pytest.raises(SshError):
        machine.run(["true"])
    sshd.start()
    with pytest.raises(SshError, match="Connection refused"):
        machine.run(["true"])
    assert at(sshd.address()).run(["true"])


def test_a_host_key_that_is_another(sshd: loopback_sshd.Sshd) -> None:
    sshd.introduce("other")
    sshd.start()
    error = refused(sshd.address())
    offered = subprocess.run(
        ["ssh-keygen", "-lf", sshd.folder / "host.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert error.kind == "changed"
    assert offered in error.what
    assert f"{sshd.known}, line 1" in error.what
    assert f"ssh-keygen -f {sshd.known} -R '[127.0.0.1]:{sshd.port}'" in error.hint
    assert sshd.accepted() == 0


@pytest.mark.parametrize("setting", ["", "StrictHostKeyChecking accept-new", "StrictHostKeyChecking no"])
def test_a_host_key_that_is_unknown_is_never_accepted_unseen(sshd: loopback_sshd.Sshd, setting: str) -> None:
    sshd.known.unlink()
    with sshd.config.open("a") as config:
        config.write(f"{setting}\n")
    sshd.start()
    error = refused(sshd.address())
    assert error.kind == "unknown"
    assert not sshd.known.exists()
    assert sshd.accepted() == 0
    # The commands of the hint are good: the first shows the fingerprint.
    look = error.hint.partition("look: ")[2].partition(" ;")[0]
    seen = subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=True).stdout
    known = subprocess.run(["ssh-keygen", "-lf", sshd.folder / "host.pub"], capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert known.split()[1] in seen
    assert f"accept: ssh -F {sshd.config} -p {sshd.port} reader@127.0.0.1 true" in error.hint


def test_a_key_that_is_not_let_in(sshd: loopback_sshd.Sshd) -> None:
    sshd.config.write_text(sshd.config.read_text().replace(str(sshd.key), str(sshd.folder / "other")))
    sshd.start()
    error = refused(sshd.address())
    assert (error.kind, "Permission denied" in error.what) == ("denied", True)
    assert "ssh-copy-id" in error.hint


def test_a_key_with_a_passphrase_and_no_agent(
    sshd: loopback_sshd.Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.start()
    lock = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", str(sshd.key)]
    subprocess.run(lock, check=True, stdout=subprocess.DEVNULL)
    error = refused(sshd.address())
    assert error.kind == "passphrase"
    assert str(sshd.key) in error.what
    assert f"ssh-add {sshd.key}" in error.hint
    # With what the hint says, it works.
    place = sshd.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        until(place.exists, bool, "the agent to listen")
        ask = sshd.folder / "ask"
        ask.write_text("#!/bin/sh\necho a passphrase\n")
        ask.chmod(0o700)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        given = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", str(sshd.key)], env=given, check=True, stdin=subprocess.DEVNULL)
        assert at(sshd.address()).run(["true"])
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait()


def test_a_wrong_line_in_the_readers_configuration(sshd: loopback_sshd.Sshd) -> None:
    with sshd.config.open("a") as config:
        config.write("NoSuchOption yes\n")
    assert refused(sshd.address()).kind == "settings"


def test_a_place_for_sockets_whose_name_is_too_long(
    sshd: loopback_sshd.Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    sshd.start()
    assert at(sshd.address()).run(["true"])


def test_without_ssh_here(sshd: loopback_sshd.Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteMissing, match="no ssh here") as caught:
        at(sshd.address()).run(["true"])
    assert exit_status(caught.value) == EXIT_NOT_STARTED
    assert "openssh-client" in caught.value.hint


def test_a_machine_that_goes_away_in_the_middle(sshd: loopback_sshd.Sshd) -> None:
    sshd.start()
    machine, seen = at(sshd.address()), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(machine.run, ["sh", "-c", "echo begun; sleep 60"], watch=lambda _: seen.set())
        assert seen.wait(10)
        sshd.stop()
        with pytest.raises(SshError) as caught:
            job.result(10)
    assert caught.value.kind == "cut"
    assert "sleep 60" in caught.value.what
    with pytest.raises(SshError) as again:
        machine.run(["true"])
    assert again.value.kind in ("unreachable", "cut")
    sshd.start()
    until(lambda: at(sshd.address()).run(["true"]).rc, lambda rc: rc == 0, "the next run to get through")


class _Wire:
    """A link that can be cut after so many bytes: what comes later is lost, and nobody is told."""

    def __init__(self, port: int) -> None:
        self.left = 1 << 40
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, args=(port,), daemon=True).start()

    def _accept(self, port: int) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(1 << 12):
                if self.left > 0:
                    self.left -= len(piece)
                    other.sendall(piece)

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):  # close alone would wait for who reads
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_a_link_that_is_cut_is_an_error_in_seconds_and_leaves_no_half_file(
    sshd: loopback_sshd.Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.start()
    wire = _Wire(sshd.port)
    sshd.known.write_text(sshd.known.read_text().replace(str(sshd.port), str(wire.port)))
    monkeypatch.setitem(connection.SETTINGS, "ServerAliveInterval", "1")
    machine = at(f"ssh://reader@127.0.0.1:{wire.port}")
    machine.run(["sh", "-c", "echo old > settings"]).ok()
    wire.left = 200_000  # half of what follows
    with pytest.raises(SshError) as caught:
        machine.run(["install", "-m", "644", "/dev/stdin", "settings"], stdin="new\n" * 100_000, timeout=30)
    assert caught.value.kind == "cut"
    assert re.search(r"run the same again", caught.value.hint)
    folder.close()
    wire.close()  # now the other side, too, sees the end: what waited for its input there must not go on
    sshd.known.write_text(sshd.known.read_text().replace(str(wire.port), str(sshd.port)))
    again = at(sshd.address())
    ours = connection.AHEAD + 1
    until(
        lambda: again.run(["sh", "-c", f"pgrep -fc 'echo [{remote.MARK[0]}]{remote.MARK[1:]}'"]).out.strip(),
        lambda count: count == str(ours),
        "the other side to notice",
    )
    assert again.read_text("settings") == "old\n"
