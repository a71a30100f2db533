"""Where secrets come from: a variable, a file that only its owner reads, a command; read at the moment of use."""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

from homelab.errors import PrerequisiteMissing
from homelab.secret_forms import LEAST

PATIENCE = 60.0  # seconds for a command; one that asks a person may take that long


def read(kind: str, name: str) -> str:
    """The value that ``kind:name`` stands for, without space around it.

    Raises:
        PrerequisiteMissing: it is not there, is open to others, or gives nothing that could be hidden. The
            value is not in the message, nor is anything that a command printed.
    """
    where = f"{kind}:{name}"
    value = {"env": _variable, "file": _file, "cmd": _command}[kind](name, where).strip()
    if not value:
        raise PrerequisiteMissing("the secret is empty or not there", where, _hint(kind, name))
    if len(value) < LEAST:
        what = (
            f"the secret is shorter than {LEAST} characters: it could not be hidden in what is written down"
        )
        raise PrerequisiteMissing(what, where, "choose a longer one")
    return value


def looked_at(name: str) -> str:
    """What is to be said of the file `name`, where it is fit for a secret; its content is not read.

    Raises:
        PrerequisiteMissing: see `read`.
    """
    path = Path(name).expanduser()
    os.close(_opened(path, f"file:{name}"))
    return f"{path} is there, for you alone"


def _hint(kind: str, name: str) -> str:
    hints = {"env": f"export {name}=…", "file": "write the secret into it", "cmd": f"run it yourself: {name}"}
    return hints[kind]


def _variable(name: str, where: str) -> str:
    return os.environ.get(name, "")


def _file(name: str, where: str) -> str:
    path = Path(name).expanduser()
    with os.fdopen(_opened(path, where), "rb") as file:
        data = file.read(1 << 16)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PrerequisiteMissing("the file is no text", where, "one line with the secret") from None


def _opened(path: Path, where: str) -> int:
    """A descriptor of `path`: what is looked at is then what is read."""
    typed = shlex.quote(str(path))
    try:
        found = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        hint = f"umask 077; cat > {typed} (then the secret, Enter, Ctrl-D)"
        raise PrerequisiteMissing("there is no such file", where, hint) from None
    except OSError as error:
        hint = f"sudo chown $USER {typed} && chmod 600 {typed}"
        raise PrerequisiteMissing(f"the file cannot be read: {error.strerror}", where, hint) from None
    about = os.fstat(found)
    what = hint = ""
    if not stat.S_ISREG(about.st_mode):
        what = "this is a folder" if stat.S_ISDIR(about.st_mode) else "this is no ordinary file"
        hint = "name the file in it that holds the secret"
    elif about.st_uid not in (os.geteuid(), 0):
        what = f"the file belongs to {_user(about.st_uid)}, who can read it too"
        hint = f"sudo chown $USER {typed} && chmod 600 {typed}"
    elif about.st_mode & 0o077:
        what, hint = f"others may read the file (mode {about.st_mode & 0o777:o})", f"chmod 600 {typed}"
        if str(path).startswith("/mnt/"):
            hint += "; if its mode stays as it is, the disk is Windows': keep it below ~ instead"
    if what:
        os.close(found)
        raise PrerequisiteMissing(what, where, hint)
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _command(name: str, where: str) -> str:
    hint = _hint("cmd", name)
    try:
        process = subprocess.Popen(
            shlex.split(name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may hold the secret, and nobody could tell
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except ValueError:
        raise PrerequisiteMissing("the command has a quote too many or too few", where, hint) from None
    except OSError as error:
        raise PrerequisiteMissing(f"the command does not start: {error.strerror}", where, hint) from None
    try:
        value, _ = process.communicate(timeout=PATIENCE)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        what = f"the command took longer than {PATIENCE:g} s"
        raise PrerequisiteMissing(what, where, f"does it ask for something? {hint}") from None
    if process.returncode:
        raise PrerequisiteMissing(f"the command ended with status {process.returncode}", where, hint)
    return value
