"""`./runbook open` without a browser: where it is, who gets in, and the way to it from elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_sshd import Sshd

from homelab.runner.kernels import KEPT
from homelab.wait import until

CHECKOUT = Path(__file__).resolve().parents[2]
READY = 8.0  # seconds until the first page is usable: what the reader was promised
START = "Open the first chapter"


@contextlib.contextmanager
def opened(
    *words: str, program: tuple[str, ...] = ("-m", "homelab", "open"), **environment: str
) -> Iterator[str]:
    """What it says, once it says its addresses; it ends as with Ctrl-C, and leaves nothing."""
    process = subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = ""
    while "As a visitor" not in said and (line := process.stdout.readline()):
        said += line
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, process.stdout.read()
        process.stdout.close()


def address(said: str) -> str:
    return re.search(r"JupyterLab \(Ctrl-C ends it\): (\S+)", said)[1]


def listening(port: int) -> dict[str, set[bytes]]:
    """The addresses of this machine at which somebody listens at `port`. Source: proc_net_tcp.rst of the kernel."""
    found: dict[str, set[bytes]] = {}
    for name in ("tcp", "tcp6"):
        rows = [line.split() for line in Path("/proc/net", name).read_text().splitlines()[1:]]
        at = [row[1].split(":") for row in rows if row[3] == "0A"]
        words = [address for address, number in at if int(number, 16) == port]
        found[name] = {int(word, 16).to_bytes(len(word) // 2, sys.byteorder) for word in words}
    return found


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_first_page_is_there_in_time_behind_its_token_on_the_loopback_at_a_free_port(world) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        start = time.monotonic()
        with opened() as said:
            url = address(said)
            page = get(url)
            took = time.monotonic() - start
            print(f"first page after {took:.1f} s, load {os.getloadavg()[0]:.1f}")  # pytest -rP shows it
            assert START in page
            assert "lab/tree/notebooks/00_welcome.ipynb" in page
            assert took < READY * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), f"{took:.1f} s"
            port = int(re.search(r":(\d+)/", url)[1])
            assert port != 8888
            bare = url.partition("?")[0]
            assert START not in get(bare), "a login page"
            assert "state" not in get(bare + "how-far/03")
            assert '"state": "not yet"' in get(url.replace("/start/", "/start/how-far/03"))
            assert '"state": "unknown"' in get(url.replace("/start/", "/start/how-far/33"))
            assert listening(port) == {"tcp": {socket.inet_aton("127.0.0.1")}, "tcp6": set()}


def test_a_window_leads_where_its_first_page_says(world) -> None:
    with opened() as said:
        url, _, token = address(said).partition("?token=")
        asked = urllib.request.Request(
            url.replace("/start/", "/as-phone/go?to=https://login.tailscale.com/admin/machines"),
            headers={"Authorization": f"token {token}"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.url.endswith("/as-phone/https/login.tailscale.com/admin/machines")
            assert "Machines" in answer.read().decode()


def test_a_terminal_begins_in_the_checkout_wherever_it_is_opened(world) -> None:
    with opened() as said:
        url, _, token = address(said).partition("/start/?token=")
        asked = urllib.request.Request(
            f"{url}/api/terminals",
            json.dumps({"cwd": "notebooks"}).encode(),  # as the launcher's tile beside a chapter asks
            {"Authorization": f"token {token}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(asked, timeout=30).close()
        port = url.rpartition(":")[2]
        until(lambda: _terminals(port), lambda found: found == [str(CHECKOUT)], "the shell to be there", 20)


def _terminals(port: str) -> list[str]:
    """Where the shells of a JupyterLab stand."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if re.search(rb"JUPYTER_SERVER_URL=\S*:%s/" % port.encode(), (process / "environ").read_bytes()):
                found.append(str((process / "cwd").readlink()))
    return found


def test_jupyterlab_keeps_its_layout_here_and_not_in_the_readers_home(world, tmp_path) -> None:
    cache = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")}
    name = f"a-test-{os.getpid()}"
    with opened(HOME=str(tmp_path), **cache) as said:
        url, _, token = address(said).partition("/start/?token=")
        told = {"data": {}, "metadata": {"id": name}}
        for method, body in (("PUT", json.dumps(told).encode()), ("DELETE", None)):
            asked = urllib.request.Request(
                f"{url}/lab/api/workspaces/{name}", body, {"Authorization": f"token {token}"}, method=method
            )
            urllib.request.urlopen(asked, timeout=30).close()
            if method == "PUT":
                there = KEPT / "jupyter" / "jupyter_config_dir" / "lab" / "workspaces"
                assert list(there.glob(f"{name}*"))
    assert not list(tmp_path.glob(".j*")), "JupyterLab left something in the reader's home"


def test_somebody_quicker_has_the_port(world) -> None:
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", 0))
        quicker.listen()
        port = quicker.getsockname()[1]
        late = f"import sys; from homelab.runner import open as ours; ours.free_port = lambda: {port}; sys.exit(ours.open_notebooks(None))"
        with opened(program=("-c", late)) as said:
            assert f":{port}/" not in address(said)
            assert START in get(address(said))


def test_the_tunnel_that_it_says_leads_to_it(world, tmp_path) -> None:
    if os.getuid():
        pytest.skip("only root can play a server with users of its own")
    sshd = Sshd(tmp_path)
    sshd.start()
    try:
        with opened("03", SSH_CONNECTION=f"127.0.0.1 51515 127.0.0.1 {sshd.port}") as said:
            assert "/lab/tree/notebooks/03_enrollment.ipynb?token=" in address(said)
            command = shlex.split(re.search(r"^  (ssh -N -L .*)$", said, re.MULTILINE)[1])
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                mine = free.getsockname()[1]
            port = re.search(r":(\d+)/", address(said))[1]
            at = command.index("-L") + 1  # here both ends are one machine, so the near port is another one
            assert command[at].startswith(f"{port}:")
            command[at] = command[at].replace(port, str(mine), 1)
            tunnel = subprocess.Popen([*command[:1], "-F", str(sshd.config), *command[1:]])
            try:
                start = (
                    address(said)
                    .replace(f":{port}", f":{mine}")
                    .replace("/lab/tree/notebooks/03_enrollment.ipynb", "/start/")
                )
                until(lambda: _reached(start), bool, "the page through the tunnel", 20)
            finally:
                tunnel.terminate()
                tunnel.wait()
    finally:
        sshd.stop()


def _reached(url: str) -> bool:
    try:
        return START in get(url)
    except OSError:
        return False
