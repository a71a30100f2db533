"""A small film that nobody holds a right in: drawn and hummed by ffmpeg, eight seconds long.

The names of files and folders are those by which Jellyfin tells films apart: ``Title (Year)/Title (Year).mp4``.
"""

from __future__ import annotations

import os.path
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from homelab.machine import Machine

SECONDS = 8
# title: its year, what is drawn (a source of ffmpeg's), the tone that hums along (Hz)
FILMS = {
    "Colour Bars": (2022, "smptehdbars=size=640x360:rate=24:duration=8", 330),
    "Game of Life": (
        2023,
        "life=size=320x180:rate=12:ratio=0.3:mold=10:random_seed=7:death_color=#800000:life_color=#00ff66,"
        "scale=640x360,trim=duration=8",
        550,
    ),
    "Test Pattern": (2021, "testsrc2=size=640x360:rate=24:duration=8", 440),
}


@dataclass(frozen=True)
class State:
    """Whether the film `title` is there, whole, as the file `path`."""

    there: bool
    title: str
    path: str


def full_title(title: str) -> str:
    """The film's title with its year, as files are named."""
    return f"{title} ({FILMS[title][0]})"


def path_in(folder: str, title: str) -> str:
    """Where the film `title` lies in the library's `folder`."""
    name = full_title(title)
    return f"{folder}/{name}/{name}.mp4"


def title_of(path: str) -> str:
    """The title of the film in the file `path`: its name without the year."""
    return PurePosixPath(path).stem.rpartition(" (")[0]


def read(machine: Machine, name: str) -> State:
    """Look for the file `name`."""
    return State(bool(machine.run(["test", "-s", name])), title_of(name), name)


def irreversible(before: State, after: State) -> bool:
    """Films stay: a library is not emptied because its player goes."""
    return True


def command(before: State, after: State) -> list[str]:
    """``ffmpeg`` with a drawn picture and a tone; the file gets its name when it is whole."""
    year, picture, tone = FILMS[after.title]
    folder, file = (shlex.quote(part) for part in os.path.split(after.path))
    return [
        "sh",
        "-c",
        f"mkdir -p {folder} && cd {folder} &&\n"
        f"ffmpeg -nostdin -v error -y -f lavfi -i '{picture}' -f lavfi -i sine=frequency={tone}:duration={SECONDS} \\\n"
        "  -shortest -c:v libx264 -preset ultrafast -crf 32 -pix_fmt yuv420p -c:a aac -b:a 48k -movflags +faststart \\\n"
        f"  -metadata title='{after.title}' -metadata date={year} -f mp4 film.part && mv film.part {file}",
    ]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it: a second or two.

    Raises:
        CommandFailed: ffmpeg did not end well; its last lines say why.
    """
    machine.run(["sh", "-ec", command(before, after)[2]], timeout=300).ok()
