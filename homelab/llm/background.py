"""A measurement that goes on in a thread of its own: its notebook can be used meanwhile, and can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.llm import measure, power
from homelab.secret import mask

if TYPE_CHECKING:
    from homelab.llm.engine import Engine
    from homelab.llm.result import Report


class Background:
    """`opened` gives the engine, which is measured as `wish` says from `start` on.

    `watch` is called whenever there is news, in that thread: after every repetition, and at the end. What there is
    stands in `report`, and in `error` the one sentence where it came to nothing.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Engine]],
        wish: measure.Wish,
        watch: Callable[[], None],
        machine: Mapping[str, Any] | None = None,
    ) -> None:
        self.wish, self.watch = wish, watch
        self.report: Report | None = None
        self.error = ""
        self.said: list[str] = []
        self._opened, self._machine = opened, machine
        self._stop = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="benchmark")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there may be more to come."""
        return not self._over

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Begin no further repetition; what was measured stays."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end, at most `seconds`; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            with self._opened() as engine:
                self.report = measure.measure(
                    engine, self.wish, say=self._say, keep=self._keep, watts=power.board(),
                    machine=self._machine, stop=self._stop.is_set,
                )  # fmt: skip
        except HomelabError as error:
            self.error = f"{error.what} ({error.hint})" if error.hint else error.what
        except Exception as error:  # nobody waits for this thread: unsaid, it would be at work for ever
            self.error = mask(f"{error!r}. This is a mistake of the runbook: please report it")
        finally:
            self._over = True
            self.watch()

    def _keep(self, report: Report) -> None:
        self.report = report

    def _say(self, line: str) -> None:  # right after what it is about was kept
        self.said.append(line)
        self.watch()
