"""What the tests of a lab's engine share: a small topology, an image without a hub, commands."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from conftest import Lab

from homelab.lab import cache, packages
from homelab.lab.images.repositories.busybox import REPOSITORY

SMALL = """
networks:
  internet: {prefix: 203.0.113.0/24, public: true}
machines:
  server: {role: home server, addresses: {internet: 203.0.113.10}, docker: true, disks: [/mnt/backup]}
  client: {role: host, addresses: {internet: 203.0.113.50}}
"""
# Arguments of `docker run`: a page, and a program that takes more memory than it may.
PAGE = ("busybox", "sh", "-c", "echo hello >/tmp/index.html; exec busybox httpd -f -p 80 -h /tmp")
GREEDY = ("busybox", "sh", "-c", "x=$(dd if=/dev/zero bs=1M count=100 2>/dev/null | tr '\\0' x); echo done")
IMPORT = ("docker", "import", "-c", 'CMD ["sh"]', "-", "busybox")


def topology(folder: Path) -> Path:
    """Two machines, one with an engine, and no cloud."""
    file = folder / "docker.yaml"
    file.write_text(SMALL)
    return file


def image() -> bytes:
    """What `IMPORT` reads: the distribution's static busybox, by the names that the tests use."""
    with cache.building():
        program = packages.ensure(REPOSITORY.packages) / "usr" / "bin" / "busybox"
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("tmp", 0o1777)):  # one that is only implied would be root's alone
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        tar.add(program, "bin/busybox")
        for name in (
            "sh",
            "cat",
            "dd",
            "tr",
            "sleep",
            "env",
            "echo",
            "id",
            "mkdir",
            "chown",
            "chmod",
            "nslookup",
        ):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return made.getvalue()


def begin(lab: Lab, machine: str) -> None:
    """Start the engine as a person would, and give it an image."""
    lab.says(machine, "sudo", "service", "docker", "start")
    lab.says(machine, *IMPORT, stdin=image())


def docker(lab: Lab, machine: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A docker command in a machine, however it ends."""
    return lab.run(machine, "docker", *words)


def tell(what: str, seconds: float) -> None:
    """A measured time, for whoever reads what the tests print."""
    print(f"\n{what}: {seconds:.2f} s", file=sys.stderr)
