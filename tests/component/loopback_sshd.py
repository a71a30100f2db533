"""A real sshd on the loopback, with keys and users of its own, in a mount namespace: nothing of this machine is touched."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import textwrap
from pathlib import Path

import pytest

from homelab.wait import until

CHECKOUT = Path(__file__).resolve().parents[2]
USERS = {"reader": "/bin/sh", "loud": "/bin/bash", "nologin": "/usr/sbin/nologin", "root": "/bin/bash"}
NAME = "printer.home.arpa"  # which only the machine behind it knows
SUDO = '#!/bin/sh\n[ "$1" = -n ] && { echo "sudo: a password is required" >&2; exit 1; }\nread -r forever\n'


def programs() -> Path:
    """Where sshd is: this system's, or what the lab has unpacked."""
    if Path("/usr/sbin/sshd").exists():
        return Path("/")
    from homelab.lab import packages

    found = packages.place()
    if not (found / "usr/sbin/sshd").exists():
        pytest.skip("no sshd here, and the lab is not built: ./runbook lab build")
    return found


class Sshd:
    """The server on `port`, and a client configuration (`config`) that finds the keys: both in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.config = folder, folder / "sshd.log", folder / "config"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.key, self.known = folder / "key", folder / "known_hosts"
        for name in ("host", "key", "other"):
            _keygen(folder / name, "")
        self.introduce("host")
        self.config.write_text(
            f"IdentityFile {self.key}\nIdentitiesOnly yes\nIdentityAgent SSH_AUTH_SOCK\nUserKnownHostsFile {self.known}\nGlobalKnownHostsFile /dev/null\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def introduce(self, key: str) -> None:
        """Let the client know the host by `key`."""
        public = (self.folder / f"{key}.pub").read_text()
        self.known.write_text(f"[127.0.0.1]:{self.port} {public}")

    def start(self, *settings: str, before: str = ":") -> None:
        """Start it, with more lines for its configuration; `before` is shell that makes its machine another one."""
        base = programs()
        lines = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self.folder}/host",
            "AuthorizedKeysFile /home/keys",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "PidFile none",
            "UsePAM no",
            *settings,
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")
        (self.folder / "sudo").write_text(SUDO)
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
        (self.folder / "passwd").write_text(Path("/etc/passwd").read_text().replace("root:x:0:0:root:/root:", "root:x:0:0:root:/home/root:") + "sshd:x:4700:65534::/run/sshd:/usr/sbin/nologin\n" + "".join(
            f"{name}:x:{4711 + n}:65534::/home/{name}:{shell}\n" for n, (name, shell) in enumerate(USERS.items()) if name != "root"
        ))  # fmt: skip
        script = f"""
            set -e
            f={shlex.quote(str(self.folder))}
            mount --bind $f/passwd /etc/passwd
            mount --bind $f/hosts /etc/hosts
            mount -t tmpfs none /etc/ssl/certs -o mode=755
            mount -t tmpfs none /home -o mode=755
            mount -t tmpfs none /run -o mode=755
            mount -t tmpfs none /usr/local/bin -o mode=755
            mkdir -p /run/sshd /home/full /home/ro
            install -m 755 $f/sudo /usr/local/bin/sudo
            cp $f/key.pub /home/keys
            for u in {" ".join(USERS)}; do mkdir /home/$u; chown $u /home/$u; done
            echo 'echo welcome to my machine; echo mind the step >&2' > /home/loud/.bashrc
            mount -t tmpfs none /home/ro -o ro
            mount -t tmpfs none /home/full -o size=64k,mode=777
            {before}
            export LD_LIBRARY_PATH={":".join(str(p) for p in base.glob("usr/lib/*-linux-gnu"))}
            exec {base}/usr/sbin/sshd -D -f $f/sshd_config -E $f/sshd.log
        """
        own = [] if os.geteuid() == 0 else ["-U", "-r", "--map-auto"]
        self._process = subprocess.Popen(
            ["unshare", *own, "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", textwrap.dedent(script)],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._starts += 1
        until(self._listens, bool, "sshd to listen", 10, where=str(self.log))

    def _listens(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.said()
        return self.said().count("Server listening") == self._starts

    def stop(self) -> None:
        """End it, and every session of it, as a machine that loses its power does: nobody says goodbye."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def said(self) -> str:
        """Its log."""
        return self.log.read_text() if self.log.exists() else ""

    def accepted(self) -> int:
        """How many connections were let in."""
        return self.said().count("Accepted publickey")

    def address(self, user: str = "reader") -> str:
        """As a params file says it."""
        return f"ssh://{user}@127.0.0.1:{self.port}"


def _keygen(path: Path, passphrase: str) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("no ssh here")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)], check=True
    )
