"""A file of Windows, seen from WSL: read and written byte by byte, as a machine's own way would turn CRLF into LF."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shlex

from homelab.errors import HomelabError
from homelab.machine import Machine


def read(machine: Machine, path: str) -> str | None:
    """The text of the file, line ends and byte order mark kept; None where there is none.

    Raises:
        HomelabError: it is there, and cannot be read, or is no UTF-8.
    """
    done = machine.run(["sh", "-c", '[ -e "$1" ] || exit 44; base64 -w 0 "$1"', "sh", path])
    if done.rc == 44:
        return None
    if not done:
        raise HomelabError(f"{path} cannot be read: {done.err.strip()}", machine.name)
    try:
        return base64.b64decode(done.out.strip(), validate=True).decode("utf-8")
    except (UnicodeDecodeError, binascii.Error):
        raise HomelabError(
            f"{path} is no plain text (UTF-8)", machine.name, "save it as UTF-8 in an editor, or move it away"
        ) from None


def put(path: str, text: str, backup: str = "", old: str | None = None) -> list[str]:
    """The command that writes `text` to `path`; what was there, `old`, goes to the folder `backup` first."""
    where = shlex.quote(path)
    lines = [keep(path, backup, old)] if backup and old is not None else []
    body = text.removesuffix("\r\n").split("\r\n")
    folder = shlex.quote(path.rpartition("/")[0] or ".")
    if text.endswith("\r\n") and not any("\n" in line for line in body):
        words = " \\\n  ".join(shlex.quote(line) for line in body)
        lines.append(f"mkdir -p {folder} && printf '%s\\r\\n' {words} > {where}")
    else:
        lines.append(f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {where}")
    return ["sh", "-c", " &&\n".join(lines)]


def remove(path: str, backup: str = "", old: str | None = None) -> list[str]:
    """The command that removes the file; what was there goes to the folder `backup` first, if one is named."""
    lines = [keep(path, backup, old)] if backup and old is not None else []
    return ["sh", "-c", " &&\n".join([*lines, f"rm -f {shlex.quote(path)}"])]


def keep(path: str, folder: str, old: str) -> str:
    """The command that copies the file to `folder`, under a name that says what it was and which content it had."""
    return f"mkdir -p {shlex.quote(folder)} && cp {shlex.quote(path)} {shlex.quote(kept(path, folder, old))}"


def kept(path: str, folder: str, old: str) -> str:
    """Where a copy of the file goes when its text is `old`."""
    mark = hashlib.sha256(old.encode()).hexdigest()[:8]
    return f"{folder}/{path.rpartition('/')[2]}.{mark}.txt"
