"""A film as one machine of the world gets it: found by the real client, looked into by that machine's own ffmpeg."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homelab import web
from homelab.clients.jellyfin import seen_from
from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.vantage import Nobody

if TYPE_CHECKING:
    from homelab.clients.jellyfin import Jellyfin
    from homelab.clients.jellyfin_data import Account, Film
    from homelab.machine import Machine

PATIENCE = 3.0  # seconds for the way there: where none is, a viewer should not have to wait for the word
STILLS = (0.125, 0.375, 0.625, 0.875)  # of the film's length
SIZE = (216, 122)  # pixels of a still
PIECE = 16_384  # bytes asked for from the middle
JPEG = b"\xff\xd8"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Screening:
    """What `by` (a machine) got of `film` from the server at `url`.

    `kinds` is what the server says of its streams; `jump` is HTTP's answer to a question for the middle alone
    (206 where one can jump), `media` its type. `stills` is one JPEG, a row of as many stills as there are in `at` (s), each of `size` (pixels);
    empty where `by` has no ffmpeg.
    """

    by: str
    url: str
    film: Film
    films: tuple[str, ...]
    kinds: str
    jump: int
    media: str
    stream: str
    stills: bytes = b""
    size: tuple[int, int] = SIZE

    @property
    def at(self) -> tuple[float, ...]:
        """When the stills are (s)."""
        return tuple(share * self.film.seconds for share in STILLS) if self.stills else ()

    def facts(self) -> tuple[str, str]:
        """What it is; and who fetched it from where."""
        jumps = "the middle comes alone (206)" if self.jump == 206 else f"no jumps: {self.jump}"
        return (
            f"{self.film.seconds:.1f} s, {self.kinds}, {self.film.size:,} bytes of {self.media}",
            f"fetched by {self.by} from {self.url}; {jumps}",
        )


def seen(machine: Machine, url: str, account: Account, title: str) -> Screening:
    """Look at the film `title` of the Jellyfin at `url`, as `machine` can.

    Raises:
        HomelabError: it cannot get there, in one sentence; or the server does not let us in, or has no such film.
    """
    _way(machine, url)
    server = seen_from(machine, url, account)
    film = server.film(title)
    piece = server.stream(film, film.size // 2, film.size // 2 + PIECE - 1)
    return Screening(
        machine.name,
        url,
        film,
        tuple(one.title for one in server.films()),
        _kinds(server, film),
        piece.status,
        piece.media,
        server.stream_url(film),
        _stills(machine, server.stream_url(film), film.seconds),
    )


def whole(machine: Machine, url: str, account: Account, film: Film) -> bytes:
    """All bytes of `film`, as `machine` gets them.

    Raises:
        HomelabError: the server does not answer any more.
    """
    return seen_from(machine, url, account).stream(film).data


def _way(machine: Machine, url: str) -> None:
    if isinstance(machine, Nobody):
        raise PrerequisiteMissing(machine.why, machine.name, machine.hint)
    if waiting := machine.pending.count:
        raise HomelabError(f"this waits for {waiting} change{'s' * (waiting > 1)}", machine.name)
    parts = urlsplit(url)
    web.dial(machine, str(parts.hostname), parts.port or PORTS[parts.scheme], PATIENCE).close()


def _kinds(server: Jellyfin, film: Film) -> str:
    streams = server.details(film).get("MediaStreams") or ()
    said = []
    for one in streams:
        size = f" {one['Width']} × {one['Height']}" if one.get("Width") else ""
        said.append(f"{one.get('Codec', '?')}{size}")
    return " and ".join(said) or "streams unknown"


def _stills(machine: Machine, address: str, seconds: float) -> bytes:
    """One row of stills, each fetched by a jump to its place, as a player jumps."""
    if seconds <= 0:
        return b""
    argv = ["ffmpeg", "-nostdin", "-v", "error"]
    for share in STILLS:
        argv += ["-ss", f"{share * seconds:.3f}", "-i", address]
    fits = "scale={0}:{1}:force_original_aspect_ratio=decrease,pad={0}:{1}:(ow-iw)/2:(oh-ih)/2".format(*SIZE)
    scaled = "".join(f"[{n}:v]{fits}[s{n}];" for n in range(len(STILLS)))
    row = "".join(f"[s{n}]" for n in range(len(STILLS))) + f"hstack={len(STILLS)},format=yuvj420p"
    argv += ["-filter_complex", scaled + row, "-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg"]
    argv += ["-q:v", "5", "-flags:v", "+bitexact", "-"]  # the same film, the same bytes
    done = machine.run(["sh", "-c", '"$@" | base64 -w0', "stills", *argv], timeout=60)
    row_of_stills = base64.b64decode(done.out)
    return row_of_stills if row_of_stills.startswith(JPEG) else b""  # no ffmpeg there, or no film
