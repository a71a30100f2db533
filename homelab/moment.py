"""One plan is of one moment: what a run has just asked it does not ask again, as long as nothing moves.

A stage that plans asks the same several times: each of its parts reads `tailscale debug prefs`, the user's home
folder, the tailnet's devices. Far away each question costs a way there and back, and a plan that mixes answers of
different moments is no better for it. So within one stage of a run at home an answer holds for `HOLDS` seconds.

That is honest because nothing else is answered so. Asked anew, always, are: what measures (a ping, a page, the
time; see `MEASURES`), every check, every wait, everything around a change that is applied (what it starts from, too),
and everything in JupyterLab, where the reader may be at work beside us. Where a run only looks, a stage hands on to
those that begin after it what machines have told it; where it applies, each looks for itself. A change empties the
memory, and so do a wait that had to wait and a command that sends: a ping finds a way that `tailscale status` then
tells of.
"""

from __future__ import annotations

import base64
import pickle
import re
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from weakref import WeakSet

from homelab.machine import Result

Said = TypeVar("Said")
HOLDS = 15.0  # seconds; what moves by itself, such as who is online, is at most so old in a plan
AT_ONCE = 6  # that look ahead; a machine takes no more commands at once (`homelab.ssh.machine`)
# Words of a command that sends something, which may leave traces: a way that is found, a connection. Of Python's
# programs ours do; a package of that name, an old release that is looked for, or somebody's `…/bin/python` do not.
SENDS = re.compile(
    r"\b(ping6?|tracepath|traceroute|curl|wget|nc|netcheck|rebind|docker (run|exec)|compose exec|tailscale ssh"
    r"|(?<!/)python3?(?![.-]))\b"
)
# Words of a command, or of a request to Docker, whose answer is another one each time; rather one too many.
MEASURES = re.compile(
    rf"{SENDS.pattern}|\b(dig|host|nslookup|getent|openssl|whois|suggest|sleep|wait|date|uptime|free|ps|top|stats|logs"
    r"|journalctl|dmesg|mosquitto_sub|psql|restic|sftp|search|manifest|nvidia-smi)\b|/proc/\S*(stat\b|meminfo|loadavg|net/)"
)

_lock = threading.Lock()
_anew = 0  # how many ask anew just now
_moves = 0  # how often something has moved
_kept: WeakSet[Moment] = WeakSet()  # that remember anything
_inherited: dict[Hashable, tuple[float, int, Any]] = {}


@contextmanager
def anew() -> Iterator[None]:
    """Ask whatever is asked meanwhile, whoever asks it: a check may use threads of its own."""
    global _anew
    with _lock:
        _anew += 1
    try:
        yield
    finally:
        with _lock:
            _anew -= 1


def is_measured(argv: Sequence[str]) -> bool:
    """Whether the command `argv` has another answer each time; see `MEASURES`."""
    return bool(MEASURES.search(" ".join(argv)))


def sends(argv: Sequence[str]) -> bool:
    """Whether the command `argv` sends something; see `SENDS`."""
    return bool(SENDS.search(" ".join(argv)))


def moved() -> None:
    """Something is no longer as it was: all that was heard before counts no more."""
    global _moves
    with _lock:
        _moves += 1


def handed_on() -> str:
    """What machines have told this process and still holds, for the next one of this run; never for a file.

    The system's monotonic clock is the same for both.
    """
    found = {
        question: (when, said)
        for one in _kept
        for question, (when, moves, said) in list(one.said.items())
        if moves == _moves and isinstance(said[0], Result | str | None)
    }
    return base64.b64encode(pickle.dumps(found)).decode() if found else ""


def inherit(text: str) -> None:
    """Begin with what `handed_on` has said in a process of this run."""
    for question, (when, said) in pickle.loads(base64.b64decode(text)).items():
        _inherited[question] = (when, _moves, said)


class Moment:
    """What one world has answered lately; `kept`: whether anything is remembered at all."""

    def __init__(self, kept: bool) -> None:
        self._kept = kept
        self.said: dict[Hashable, tuple[float, int, Any]] = dict(_inherited) if kept else {}
        self._asking: dict[tuple[Hashable, int], Future[Any]] = {}
        if kept:
            _kept.add(self)

    def recalled(self, question: Hashable) -> Any:
        """What was kept as the answer to `question` a moment ago, or None."""
        if not self._kept or _anew or question not in self.said:
            return None
        when, moves, said = self.said[question]
        return said if moves == _moves and time.monotonic() - when < HOLDS else None

    def keep(self, question: Hashable, said: Any, moves: int) -> None:
        """Remember what was `said`; `moves` is `count` from before it was asked: what has moved since may make it old."""
        if self._kept and moves == _moves:
            self.said[question] = (time.monotonic(), moves, said)

    @staticmethod
    def count() -> int:
        """How often something has moved until now."""
        return _moves

    def once(
        self, question: Hashable, ask: Callable[[], Said], counts: Callable[[Said], bool] = lambda _: True
    ) -> Said:
        """What `ask` says, or has said a moment ago; what it raises is not remembered, nor what does not count.

        Who asks the same while it is being asked, and nothing has moved since, waits for that answer, or gets that error.
        """
        if (recalled := self.recalled(question)) is not None:
            return cast(Said, recalled[0])
        if not self._kept or _anew:
            return self._asked(question, ask, counts)
        now = (question, self.count())
        with _lock:
            other = self._asking.get(now)
            if other is None:
                mine = self._asking[now] = Future[Said]()
        if other is not None:
            return cast(Said, other.result())
        try:
            mine.set_result(self._asked(question, ask, counts))
        except BaseException as error:
            mine.set_exception(error)
        finally:
            with _lock:
                del self._asking[now]
        return mine.result()

    def _asked(self, question: Hashable, ask: Callable[[], Said], counts: Callable[[Said], bool]) -> Said:
        moves = self.count()
        said = ask()
        if counts(said):
            self.keep(question, (said,), moves)
        return said

    def ahead(self, looks: Iterable[Callable[[], object]]) -> None:
        """See `ahead`."""
        if not self._kept or _anew:
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for look in looks:
                pool.submit(look)


def ahead(world: object, looks: Iterable[Callable[[], object]]) -> None:
    """Look at several things of `world` at once; asked for one by one afterwards, they are known. Errors wait until then, too.

    Where nothing is remembered, as in the lab, that would only be to ask twice, and nobody looks.
    """
    if guard := getattr(world, "guard", None):
        guard.moment.ahead(looks)
