"""Whether a Jellyfin server does what its users want of it, asked from where they are."""

from __future__ import annotations

import json
import re

from homelab import web
from homelab.check import Answer, check
from homelab.clients.jellyfin import Jellyfin, NotAllowed, seen_from
from homelab.clients.jellyfin_data import Account, Film
from homelab.errors import CommandFailed
from homelab.machine import Machine
from homelab.resources.transcoding import NONE, RENDER

HEADER_ONLY = (12, 0)  # from here on the server knows one way to authenticate
OLD_WAYS = ("X-Emby-Token", "api_key")
PIECE = 65_536  # bytes asked for from the middle of a film
SHORTEST = 1.0  # seconds; what is shorter is no film
PLACE = 0.5  # seconds by which a remembered place may differ


@check
def healthy(machine: Machine, url: str) -> Answer:
    """Does it say of itself that it is well?"""
    good = seen_from(machine, url).healthy()
    said = "Healthy" if good else "no such answer"
    return Answer(
        "is healthy", machine.name, "ok" if good else "fail", f"{url}/health: {said}", "docker logs jellyfin"
    )


@check
def current(machine: Machine, url: str) -> Answer:
    """Is it of release 12 or later, whose way to authenticate is the only one that we use?"""
    found = seen_from(machine, url).info()
    good = version(found.version) >= HEADER_ONLY
    evidence = f"{found.product} {found.version}, called {found.name!r}"
    hint = "older releases work too, but take passwords in ways that 12 has given up: plan the upgrade"
    return Answer("is of release 12 or later", machine.name, "ok" if good else "warn", evidence, hint)


def version(text: str) -> tuple[int, ...]:
    """``10.11.6`` as numbers that compare."""
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


@check
def shows_its_page(machine: Machine, url: str) -> Answer:
    """Does a browser get the page that one logs in on?"""
    got = web.session(machine).get(f"{url}/")
    title = re.search(r"<title>([^<]*)</title>", got.text)
    good = got.status_code == 200 and title is not None and "Jellyfin" in title[1]
    evidence = f"{got.url}: {got.status_code}, {title[1] if title else 'a page without a title'}"
    return Answer(
        "shows its page", machine.name, "ok" if good else "fail", evidence, "which program has that port?"
    )


@check
def asks_who_you_are(machine: Machine, url: str, account: Account) -> Answer:
    """Is a stranger turned away, and a token too where it comes in one of the ways that release 12 gave up?"""
    known = seen_from(machine, url, account)
    stranger = web.session(machine)
    took = {"nothing": stranger.get(f"{url}/Users/Me").status_code}
    took[OLD_WAYS[0]] = stranger.get(f"{url}/Users/Me", headers={OLD_WAYS[0]: known.token}).status_code
    took[OLD_WAYS[1]] = stranger.get(f"{url}/Users/Me", params={OLD_WAYS[1]: known.token}).status_code
    let_in = [way for way, status in took.items() if status != 401]
    status = "ok" if not let_in else "fail" if "nothing" in let_in else "warn"
    evidence = ", ".join(f"{way}: {code}" for way, code in took.items())
    return Answer(
        "asks who you are", machine.name, status, evidence, "Jellyfin before 12 still takes the old ways"
    )


@check
def has_films(machine: Machine, url: str, account: Account, *titles: str) -> Answer:
    """Does the library show these films?"""
    films = seen_from(machine, url, account).films()
    lacks = [t for t in titles if not any(t in (f.name, f.title) for f in films)]
    shown = ", ".join(f.name for f in films[:6]) + (", …" if len(films) > 6 else "")
    evidence = f"{len(films)} film{'s' * (len(films) > 1)}: {shown}" if films else "no films"
    if lacks:
        evidence += f"; not there: {', '.join(lacks)}"
    hint = "are the files in the folder that the library names, and was it scanned?"
    status = "fail" if lacks else "ok" if films else "warn"
    return Answer("shows the films", machine.name, status, evidence, hint)


@check
def plays(machine: Machine, url: str, account: Account, title: str) -> Answer:
    """Can one jump into the middle of the film, and is what comes a film?

    A player asks for ranges (status 206). What the server sends is then judged by ffprobe on `machine`.
    """
    server = seen_from(machine, url, account)
    film = server.film(title)
    middle = film.size // 2
    piece = server.stream(film, middle, middle + PIECE - 1)
    good = piece.status == 206 and bool(piece.data) and piece.total == film.size
    evidence = (
        f"asked for the middle: {piece.status}, {len(piece.data)} of {piece.total} bytes, {piece.media}"
    )
    judged, said = _probed(machine, server, film)
    return Answer(f"plays {title}", machine.name, "ok" if good and judged else "fail", f"{evidence}; {said}")


def _probed(machine: Machine, server: Jellyfin, film: Film) -> tuple[bool, str]:
    """What ffprobe, which reads it as a player does, says of what the server sends."""
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-of",
        "json",
        "-show_entries",
        "format=duration:stream=codec_type,codec_name",
    ]
    done = machine.run([*argv, server.stream_url(film)], timeout=30)
    if done.rc == 127:
        return True, "no ffprobe here to judge it"
    try:
        found = json.loads(done.ok().out)
    except CommandFailed as error:
        return False, f"ffprobe: {error.err.strip()[-120:]}"
    kinds = {s.get("codec_type"): s.get("codec_name") for s in found.get("streams", ())}
    seconds = float(found.get("format", {}).get("duration") or 0)
    good = "video" in kinds and seconds >= SHORTEST
    return good, f"ffprobe: {' and '.join(str(k) for k in kinds.values()) or 'no streams'}, {seconds:.1f} s"


@check
def remembers(
    machine: Machine, url: str, account: Account, title: str, position: float = 0.0, played: bool = False
) -> Answer:
    """Does the server know how far this user got with the film: the `position` (s), or that it was seen?"""
    server = seen_from(machine, url, account)
    now = server.watched(server.film(title))
    good = now.played == played and abs(now.position - position) <= PLACE
    evidence = f"{title}: {'seen to the end' if now.played else f'stopped after {now.position:.1f} s'}"
    return Answer("remembers the place", machine.name, "ok" if good else "fail", evidence)


@check
def can_transcode(machine: Machine, hardware: str) -> Answer:
    """Is the hardware there that the transcoding is to use: vaapi or nvenc?"""
    name = "can transcode by " + ("hardware" if hardware == NONE else hardware)
    if hardware == NONE:
        return Answer(name, machine.name, "skip", "it is not asked for (transcoding is none)")
    lacks, seen = lacking(machine, hardware)
    return Answer(name, machine.name, "skip" if lacks else "ok", lacks or seen)


def lacking(machine: Machine, hardware: str) -> tuple[str, str]:
    """Why `hardware` (vaapi, nvenc) cannot be used on `machine`, empty where it can; and what was seen."""
    if hardware == NONE:
        return "", ""
    if hardware == "vaapi":
        if not machine.run(["test", "-e", RENDER]):
            return f"there is no {RENDER}: no graphics card that Linux may use", ""
        said = machine.run(["vainfo", "--display", "drm", "--device", RENDER])
        encoders = len(re.findall(r"VAEntrypointEncSlice", said.out))
        if said.rc == 127:
            return "", f"{RENDER} is there (vainfo would say what it can: sudo apt-get install vainfo)"
        return (
            ("", f"{RENDER}: {encoders} ways to encode")
            if encoders
            else ("vainfo knows no way to encode", "")
        )
    card = machine.run(["nvidia-smi", "-L"])
    if not card:
        return "nvidia-smi finds no card here", ""
    runtimes = machine.run(["docker", "info", "--format", "{{json .Runtimes}}"])
    if "nvidia" not in runtimes.out:
        return "Docker has no nvidia runtime: the NVIDIA Container Toolkit is missing", ""
    return "", card.out.strip().splitlines()[0].partition(" (UUID")[0]


@check
def refuses(machine: Machine, url: str, name: str) -> Answer:
    """Is somebody turned away who has a wrong password?"""
    server = seen_from(machine, url)
    try:
        server.login(name, "not the password")
    except NotAllowed as error:
        return Answer("refuses a wrong password", machine.name, "ok", f"{error.status} for {name}")
    return Answer("refuses a wrong password", machine.name, "fail", f"{name} is in, with a wrong password")
