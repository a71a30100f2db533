"""The folder of a run: ``runs/<stamp>``, written so that a reader never meets half a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from homelab.errors import HomelabError, PrerequisiteMissing

RUNS = Path(__file__).resolve().parents[2] / "runs"


class FolderFailed(HomelabError):
    """The run's folder takes no more: the disk is full, or somebody took the folder away."""


class Folder:
    """A run's folder; `path` is absolute, `run` is the run's id, which no other run has."""

    def __init__(self, path: Path, run: str, latest: Path | None = None) -> None:
        self.path, self.run, self._latest = path, run, latest

    def shown(self, name: str = "") -> str:
        """The path of `name` in it, as short as can be typed from here."""
        path = self.path / name if name else self.path
        try:
            relative = os.path.relpath(path)
        except (OSError, ValueError):
            return str(path)
        return relative if len(relative) < len(str(path)) else str(path)

    @property
    def named(self) -> str:
        """What `./runbook undo` takes for it."""
        return "latest" if self._latest else self.shown()

    def write(self, name: str, text: str) -> None:
        """Put `text` into the file `name` at once.

        Raises:
            FolderFailed: the disk is full, or the folder is gone; the file is what it was before.
        """
        new = self.path / f".{name}.new"
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(self.path / name)
        except OSError as error:
            raise FolderFailed(
                f"cannot be written: {error.strerror}",
                self.shown(name),
                "make room there, or name another folder: --out DIR",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)

    def point_latest_here(self) -> None:
        """Let ``runs/latest`` point here; file systems without links do without."""
        if self._latest is None:
            return
        new = self._latest.with_name(f".latest.{os.getpid()}")
        with contextlib.suppress(OSError):
            new.symlink_to(self.path.name)
            new.replace(self._latest)

    def discard(self) -> None:
        """Take it away again: nothing was started."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()  # only when we made it and it is empty


def make(out: str | None = None, runs: Path | None = None) -> Folder:
    """A new folder for a run: `out` if it is named, else ``runs/<stamp>``.

    Raises:
        PrerequisiteMissing: it is there already, or cannot be made or written.
    """
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    if out is not None:
        path = Path(out).expanduser().absolute()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise PrerequisiteMissing(
                "the run folder is there already" if path.is_dir() else "this is not a folder",
                str(path),
                "name a new folder: a run never writes over another",
            )
        return _made(path, f"{stamp}-{os.getpid()}", None)
    runs = runs or RUNS
    for number in range(1, 100):
        path = runs / (stamp if number == 1 else f"{stamp}-{number}")
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                return _made(path, path.name, runs / "latest", exist_ok=False)
    raise PrerequisiteMissing("a hundred runs started in this second", str(runs), "wait a second")


def _made(path: Path, run: str, latest: Path | None, exist_ok: bool = True) -> Folder:
    folder = Folder(path, run, latest)
    hint = "name a folder that you may write to: --out DIR"
    try:
        path.mkdir(parents=True, exist_ok=exist_ok)
        folder.write("results.json", "{}")
    except FileExistsError:
        raise
    except OSError as error:
        raise PrerequisiteMissing(
            f"the run folder cannot be made: {error.strerror}", str(path), hint
        ) from error
    except FolderFailed as error:
        folder.discard()
        raise PrerequisiteMissing(f"the run folder {error.what}", str(path), hint) from error
    return folder
