"""The file: a plain tar of a manifest and of one gzipped tar per piece, so that it can be proved before it is used.

gzip, and not zstd: a seat reads it with `tar` and `gzip`, which every Debian and Ubuntu has.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from homelab.errors import PrerequisiteMissing

from .. import cache
from .contents import MANIFEST, SCHEMA

BLOCK = 1 << 20
AGAIN = "copy it again, or make it again where there is a network: ./runbook bundle"


def pack(folder: Path, into: Path) -> dict[str, Any]:
    """Pack `folder` as the file `into`; its size, its digest, and what it takes unpacked (bytes).

    Raises:
        PrerequisiteMissing: there is no room for it.
    """
    command = [
        "tar", "--create", "--owner=0", "--group=0", "--numeric-owner", "--sort=name",
        "--use-compress-program=gzip -1", "--file", str(into), "--directory", str(folder), ".",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    # 1: a file "changed" as it was read. A lab that offers an image links its blobs, which tells on their inodes only.
    if done.returncode > 1:
        said = (done.stderr.strip() or "tar failed").splitlines()[0]
        raise PrerequisiteMissing(f"{folder.name} cannot be packed: {said}", str(into), "make room there")
    unpacked = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_symlink() or p.is_file())
    with into.open("rb") as stream:
        return {"bytes": into.stat().st_size, "sha256": _digest(stream), "unpacked": unpacked}


def write(out: Path, manifest: dict[str, Any], packed: dict[str, Path]) -> None:
    """Write the bundle; `packed` is the file of each piece, by its member's name."""
    new = out.with_name(f".{out.name}.new")
    try:
        with cache.refusing_full_disk(), tarfile.open(new, "w") as tar:
            with _temporary(out.parent / f".{out.name}.json", manifest) as file:
                tar.add(file, MANIFEST)
            for name, path in packed.items():
                tar.add(path, name)
                path.unlink()  # so that the disk holds everything only once
        new.rename(out)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[tuple[dict[str, Any], tarfile.TarFile]]:
    """The manifest of a bundle, and the bundle.

    Raises:
        PrerequisiteMissing: it is not there, or it is no bundle that this version reads.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115  closed below
    except OSError as error:
        raise PrerequisiteMissing(f"it cannot be read: {error.strerror}", str(path)) from error
    except tarfile.TarError as error:
        raise PrerequisiteMissing(
            "this is no bundle of the runbook, or it is damaged", str(path), AGAIN
        ) from error
    with tar:
        try:
            stream = tar.extractfile(MANIFEST)
            manifest: dict[str, Any] = json.load(stream) if stream else {}
        except (KeyError, ValueError, tarfile.TarError) as error:
            raise PrerequisiteMissing(
                "this is no bundle of the runbook, or it is damaged", str(path), AGAIN
            ) from error
        if manifest.get("schema") != SCHEMA:
            said = f"its format is {manifest.get('schema')}, and this version reads {SCHEMA}"
            raise PrerequisiteMissing(said, str(path), AGAIN)
        yield manifest, tar


def prove(path: Path, manifest: dict[str, Any], tar: tarfile.TarFile) -> None:
    """Read everything once, and compare it with the manifest.

    Raises:
        PrerequisiteMissing: something is cut off or differs.
    """
    for name, piece in manifest["pieces"].items():
        try:
            with _member(tar, piece["member"]) as stream:
                good = _digest(stream) == piece["sha256"]
        except (KeyError, OSError, tarfile.TarError):
            good = False
        if not good:
            raise PrerequisiteMissing(
                f"it is damaged or cut off: {name} is not what its manifest says", str(path), AGAIN
            )


def unpack(tar: tarfile.TarFile, member: str, into: Path) -> None:
    """Unpack a piece into an empty folder.

    Raises:
        OSError: it cannot be written.
    """
    command = [
        "tar",
        "--extract",
        "--gzip",
        "--no-same-owner",
        "--preserve-permissions",
        "--directory",
        str(into),
    ]
    with _member(tar, member) as stream:
        done = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.stdin
        try:
            while block := stream.read(BLOCK):
                done.stdin.write(block)
        except BrokenPipeError:
            pass  # tar has given up, and says why
        _, said = done.communicate()
    if done.returncode:
        full = b"No space left" in said
        raise OSError(
            28 if full else 5, "No space left on device" if full else said.decode(errors="replace").strip()
        )


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream


def _digest(stream: IO[bytes]) -> str:
    sum_ = hashlib.sha256()
    while block := stream.read(BLOCK):
        sum_.update(block)
    return sum_.hexdigest()


@contextmanager
def _temporary(path: Path, data: dict[str, Any]) -> Iterator[Path]:
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
