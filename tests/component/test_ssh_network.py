"""HTTP, TCP and Docker as a machine over SSH sees them: a real sshd, whose machine has names and a disk of its own."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import loopback_sshd
import pytest

from homelab import web
from homelab.engine import engine
from homelab.errors import EngineError, NoAnswer, SshError
from homelab.machine import Pending
from homelab.person import Reader
from homelab.ssh import folder
from homelab.ssh.address import parse
from homelab.ssh.machine import SshMachine


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[loopback_sshd.Sshd]:
    server = loopback_sshd.Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    patch = pytest.MonkeyPatch()
    patch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    yield server
    folder.close()
    server.stop()
    patch.undo()


@pytest.fixture
def there(sshd: loopback_sshd.Sshd) -> Iterator[SshMachine]:
    machine = SshMachine("demoserver", parse(sshd.address()), Reader(), Pending())
    yield machine
    machine.close()


class _Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


@pytest.fixture
def site() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_page_by_a_name_that_only_the_other_side_knows(
    sshd: loopback_sshd.Sshd, there: SshMachine, site: http.server.ThreadingHTTPServer
) -> None:
    before = sshd.accepted()
    address = f"http://{loopback_sshd.NAME}:{site.server_port}/"
    with pytest.raises(OSError, match="not known"):
        socket.getaddrinfo(loopback_sshd.NAME, 80)
    with web.session(there) as session:
        assert [session.get(address).text for _ in range(3)] == ["hello"] * 3
    there.run(["true"]).ok()
    assert sshd.accepted() - before <= 1


def test_tls_is_trusted_as_it_is_there(
    sshd: loopback_sshd.Sshd, there: SshMachine, site: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=home", "-addext", f"subjectAltName=DNS:{loopback_sshd.NAME}",
         "-keyout", tmp_path / "key", "-out", tmp_path / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    site.socket = context.wrap_socket(site.socket, server_side=True)
    address = f"https://{loopback_sshd.NAME}:{site.server_port}/"
    with web.session(there) as session, pytest.raises(NoAnswer, match="TLS is not trusted"):
        session.get(address)
    root = SshMachine("root", parse(sshd.address("root")), Reader(), Pending())
    root.run(["sh", "-c", f"cat > {web.BUNDLES[0]}"], stdin=(tmp_path / "crt").read_text()).ok()
    with web.session(root) as session:
        assert session.get(address).text == "hello"
    root.close()


def test_why_nobody_answers(there: SshMachine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NoAnswer, match=f"127.0.0.1:{port}: Connection refused") as caught:
        web.dial(there, "127.0.0.1", port)
    assert caught.value.where == "demoserver"
    with pytest.raises(NoAnswer, match="not known"):
        web.dial(there, "no-such-host.invalid", 80)


def test_who_lets_nobody_through_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = loopback_sshd.Sshd(tmp_path)
    server.start("AllowTcpForwarding no")
    monkeypatch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    machine = SshMachine("demoserver", parse(server.address()), Reader(), Pending())
    try:
        assert machine.run(["true"])
        with pytest.raises(SshError) as caught:
            web.dial(machine, "127.0.0.1", 80)
        assert caught.value.kind == "forward"
        assert "AllowTcpForwarding yes" in caught.value.hint
    finally:
        machine.close()
        machine.connection.sign_in_again()
        server.stop()


@pytest.fixture
def daemon(sshd: loopback_sshd.Sshd) -> Iterator[SshMachine]:
    """Where /run/docker.sock may be put."""
    root = SshMachine("root", parse(sshd.address("root")), Reader(), Pending())
    yield root
    root.run(["rm", "-f", "/run/docker.sock"]).ok()
    root.close()


def test_docker_is_not_there(there: SshMachine) -> None:
    with pytest.raises(EngineError) as caught:
        engine(there)
    assert caught.value.kind in ("absent", "stopped")


def test_docker_that_has_died(there: SshMachine, daemon: SshMachine) -> None:
    leave = "import os, socket; socket.socket(socket.AF_UNIX).bind('/run/docker.sock'); os.chmod('/run/docker.sock', 0o777)"
    daemon.run(["python3", "-c", leave]).ok()
    with pytest.raises(EngineError) as caught:
        engine(there)
    assert caught.value.kind in ("absent", "stopped")


def test_docker_that_this_user_may_not_use(there: SshMachine, daemon: SshMachine) -> None:
    leave = "import os, socket; socket.socket(socket.AF_UNIX).bind('/run/docker.sock'); os.chmod('/run/docker.sock', 0o700)"
    daemon.run(["python3", "-c", leave]).ok()
    with pytest.raises(EngineError) as caught:
        engine(there)
    assert caught.value.kind == "forbidden"


STANDIN = """
import http.server, os, socketserver
class Engine(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"ApiVersion": "1.41", "Version": "20.10.24"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
class Server(socketserver.ThreadingUnixStreamServer):
    pass
server = Server("/run/docker.sock", Engine)
Engine.address_string = lambda self: "unix"
os.chmod("/run/docker.sock", 0o777)
if os.fork() == 0:
    os.close(0); os.close(1); os.close(2)
    server.serve_forever()
"""


def test_docker_through_the_same_connection(
    sshd: loopback_sshd.Sshd, there: SshMachine, daemon: SshMachine
) -> None:
    """The SDK's own requests, answered by a stand-in; the real engine is in the tests of a home in the lab."""
    daemon.run(["python3", "-c", STANDIN]).ok()
    there.run(["true"]).ok()
    before = sshd.accepted()
    assert engine(there).version()["Version"] == "20.10.24"
    assert sshd.accepted() == before
