"""What a person would do at the lab's Windows for chapter 01: log on, close the last terminal, wait. A home has its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from homelab import labsocket
from homelab.resources import startup_script
from homelab.stages.wsl_setup import ROLE
from homelab.wsl import facts, interop, winfile

if TYPE_CHECKING:
    from homelab.world import World

WINDOWS = "windows"
SPEED = 100.0  # times as fast as a real Windows counts idle time: its 15 s are 0.15 s
IDLE = 15_000  # ms; WSL's own default of instanceIdleTimeout
TALK = 'Set ws = CreateObject("Wscript.Shell")\r\nws.run "wsl -d Ubuntu", vbhide\r\n'
TALKS_NAME = "wsl-init.vbe"


def _ask(world: World, op: str, **more: Any) -> dict[str, Any]:
    assert world.lab, "only the lab has somebody to do this"
    return labsocket.request(world.lab["socket"], op=op, machine=WINDOWS, **more)


def log_on(world: World, restart: bool = True) -> list[dict[str, Any]]:
    """Sign in at the lab's Windows, after it was restarted if `restart`: what ran then, and what came of it."""
    return list(_ask(world, "logon", restart=restart)["ran"])


@contextmanager
def everybody_leaves(world: World) -> Iterator[float]:
    """WSL is started, and its last terminal closed; idle time counts `SPEED` times as fast, which is what is yielded."""
    _ask(world, "wsl", do="start")
    _ask(world, "windows", set={"idle_ms": int(IDLE / SPEED)})
    try:
        yield SPEED
    finally:
        _ask(world, "windows", set={"idle_ms": 0})


@contextmanager
def like(world: World, **settings: Any) -> Iterator[None]:
    """The lab's Windows with other settings, such as ``locale="de-DE"`` or ``delay_ms=2000``; then as it was."""
    now = _ask(world, "windows")["windows"]
    _ask(world, "windows", set=settings)
    try:
        yield
    finally:
        _ask(world, "windows", set={name: now[name] for name in settings})


@contextmanager
def with_interop(world: World, said: str) -> Iterator[None]:
    """WSL after a restart with `said` (``enabled=false``) under [interop] of wsl.conf; then as it was, restarted again."""
    place = world[ROLE]
    before = place.read_text("/etc/wsl.conf")
    place.write_text("/etc/wsl.conf", f"{before or ''}[interop]\n{said}\n")
    _ask(world, "wsl", do="restart")
    try:
        yield
    finally:
        if before is None:
            place.run(["rm", "-f", "/etc/wsl.conf"]).ok()
        else:
            place.write_text("/etc/wsl.conf", before)
        _ask(world, "wsl", do="restart")


class TalksScript:
    """The talk's script in the start-up folder of the lab's Windows, under one name or the other."""

    def __init__(self, world: World, found: facts.Facts) -> None:
        assert isinstance(found.user, facts.User)
        self.place = world[ROLE]
        self.folder = interop.unix_path(self.place, found.user.startup)

    @property
    def is_somebodys(self) -> bool:
        """Whether a script of one of the two names is there already: then nothing is demonstrated with them."""
        return any(self.text(name) is not None for name in (TALKS_NAME, startup_script.FILE))

    def drop(self, name: str = startup_script.FILE) -> None:
        """Put it there, as somebody did years ago."""
        self.place.write_text(f"{self.folder}/{name}", TALK)

    def text(self, name: str = startup_script.FILE) -> str | None:
        """What is there under `name`, line ends included."""
        return winfile.read(self.place, f"{self.folder}/{name}")

    def remove(self) -> None:
        """Take both away."""
        self.place.run(
            ["rm", "-f", f"{self.folder}/{TALKS_NAME}", f"{self.folder}/{startup_script.FILE}"]
        ).ok()
