"""Real servers of a test's own, on the loopback: one for HTTP, one for mail, with the TLS of a throwaway CA."""

from __future__ import annotations

import base64
import contextlib
import http.server
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Web:
    """An HTTP server that answers `answers` one after the other, then 200."""

    answers: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def web() -> Iterator[Web]:
    state = Web()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size).decode()
            state.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(state.answers.pop(0) if state.answers else 200)
            self.send_header("Location", state.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Not into the test's output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield state
        server.shutdown()


@dataclass
class Post:
    """A mail server: what it was told; `refuse` is its answer to a letter, where it takes none."""

    port: int = 0
    letters: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)
    offers_tls: bool = True


@contextlib.contextmanager
def mail(certificate: Path | None = None, tls_at_once: bool = False) -> Iterator[Post]:
    """RFC 5321 as far as a client such as ours speaks it, with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954)."""
    state = Post()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            secret = tls_at_once
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                connection = context.wrap_socket(self.request, server_side=True) if secret else self.request
                file = connection.makefile("rwb", buffering=0)
                file.write(b"220 test\r\n")
                while line := file.readline():
                    verb = line.strip().upper().split(b" ")[0]
                    if verb == b"EHLO":
                        more = [b"250-AUTH PLAIN"] + (
                            [b"250-STARTTLS"] if state.offers_tls and not secret else []
                        )
                        file.write(b"\r\n".join([b"250-test", *more, b"250 8BITMIME"]) + b"\r\n")
                    elif verb == b"STARTTLS":
                        file.write(b"220 go\r\n")
                        connection = context.wrap_socket(connection, server_side=True)
                        file, secret = connection.makefile("rwb", buffering=0), True
                    elif verb == b"AUTH":
                        said = base64.b64decode(line.split()[2]).decode().split("\0")
                        state.logins.append(":".join(said[1:]))
                        good = said[2] == "right-password"
                        file.write(b"235 yes\r\n" if good else b"535 5.7.8 no: " + said[2].encode() + b"\r\n")
                    elif verb == b"DATA":
                        file.write(b"354 go on\r\n")
                        letter = b""
                        while not letter.endswith(b"\r\n.\r\n"):
                            letter += file.readline()
                        if state.refuse:
                            file.write(state.refuse.pop(0).encode() + b"\r\n")
                            continue
                        state.letters.append(letter.decode())
                        state.encrypted.append(secret)
                        file.write(b"250 taken\r\n")
                    else:
                        file.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                        if verb == b"QUIT":
                            return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield state
        server.shutdown()


def certificate(folder: Path, name: str = "localhost") -> Path:
    """A certificate for `name` that signs itself, with its key, in one file; it is its own CA."""
    key, made, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text(key.read_text() + made.read_text())
    return both
