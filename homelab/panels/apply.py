"""A plan with Apply and Undo: how far it is made in the world, and two buttons.

What is so, and the work as it goes, is an ordinary output: it stays when the buttons are gone, in a saved notebook and
on GitHub. The buttons do what `World.apply` does: shown commands, journal, undo. At a home each click is the reader's
word for this one plan, and needs a tick before it: "I have read it".
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.panels import standing
from homelab.panels.beside import place
from homelab.panels.standing import Progress, Said
from homelab.plan import Plan
from homelab.record import heard_by, live

if TYPE_CHECKING:
    from homelab.world import World

AFTER = 0.3  # seconds: what was clicked while we were at work arrives within them, and counts for nothing
STOPPED = "Stopped. What was done before stands: press again, and it goes on from there."
STANDS = "\nWhat was done before it stands; Undo takes it back."
SAVED = "The buttons Apply and Undo: they work in JupyterLab, once this cell has run."


def as_it_is(plan: Plan) -> object:
    """The whole plan."""
    return plan


def apply_and_undo(world: World, plan: Plan, outline: Callable[[Plan], object] = as_it_is) -> Any:
    """How far `plan` is made, and its buttons; where nobody can press them (``HOMELAB_HEADLESS``) its way back alone.

    Where it is empty, because all was done earlier, its place takes what the journal knows of its stage.
    `outline` makes of a plan what is shown of it.
    """
    if os.environ.get("HOMELAB_HEADLESS"):
        return outline(plan.inverse())
    try:
        Panel(world, plan or standing.of_stage(world, plan.stage), outline).open()
    except HomelabError as error:  # the world cannot be asked: nothing can be done here now
        live()(Said(str(error), "failed"))
    return None


class Panel:
    """The buttons of one plan, and the output beside them, which follows what they do."""

    def __init__(self, world: World, plan: Plan, outline: Callable[[Plan], object]) -> None:
        import ipywidgets

        self.world, self.plan, self.outline, self.working = world, plan, outline, False
        self.now = standing.look(world, plan)
        self.apply = ipywidgets.Button(description="Apply", tooltip="Make these changes, one by one")
        self.undo = ipywidgets.Button(description="Undo", tooltip="Take them back, last change first")
        self.read = ipywidgets.Checkbox(description="I have read it", indent=False)
        self.read.layout.width = "auto"
        self.apply.on_click(lambda _: self.press(forth=True))
        self.undo.on_click(lambda _: self.press(forth=False))
        self.read.observe(lambda _: self._enable(), "value")
        self._show: Callable[[object], None] = live()

    def open(self) -> None:
        """Show what is so, and under it the buttons, where anything may be done."""
        if not self.plan:
            self._show(Said("No changes: there is nothing to apply, and nothing to take back.", "already"))
            return
        why = standing.refusal(self.world, self.plan)
        self._show(self.now.said(self.outline, why))
        if why:
            return
        self._enable()
        import ipywidgets

        ticks = [] if self.world.lab else [self.read]
        place(ipywidgets.HBox([*ticks, self.apply, self.undo]), SAVED)

    def press(self, forth: bool) -> None:
        """What a click does: Apply (`forth`), or Undo. While one is at work it does nothing."""
        if self.working:
            return
        self.working = True
        self._enable()
        self._show(Said("The world is asked again …"))
        try:
            self._show(self._work(forth))
        finally:
            _soon(self._free)

    def _work(self, forth: bool) -> Said:
        """Do it; what there is to say at its end."""
        done = Progress()
        try:
            self.now = standing.look(self.world, self.plan)
            done.start(self.now.forth if forth else self.now.back)
            if self.now.moved or not done.todo:
                return self.now.said(self.outline, self.now.idle(forth))
            doing = f"{'Applying' if forth else 'Taking back'} {standing.changes(len(done.todo))} …"

            def hear(thing: object) -> None:
                done.hear(thing)
                self._show(done.said(doing))

            self._show(done.said(doing))
            with heard_by(hear), contextlib.redirect_stdout(Lines(hear)):
                self.world.apply(done.todo, told=True)
            self.now = standing.look(self.world, self.plan)
            return done.said(self.now.so, "applied" if forth else "undone")
        except HomelabError as error:
            return done.said(f"{error}{STANDS if done.made else ''}", "failed")
        except KeyboardInterrupt:
            return done.said(STOPPED, "warn")
        except Exception as error:
            self._show(done.said(f"{error!r}. This is a mistake of the runbook: please report it.", "failed"))
            raise

    def _free(self) -> None:
        self.working = self.read.value = False
        self._enable()

    def _enable(self) -> None:
        free = not self.working and (bool(self.world.lab) or self.read.value)
        self.apply.disabled = self.undo.disabled = not free
        self.read.disabled = self.working
        self.apply.button_style = "primary" if free and self.now.left else ""
        self.undo.button_style = "primary" if free and not self.now.left else ""


class Lines(io.TextIOBase):
    """Gives `hear` what is printed, line by line."""

    def __init__(self, hear: Callable[[object], None]) -> None:
        self.hear = hear

    def write(self, text: str) -> int:
        """As of any file."""
        if text.strip():
            self.hear(text.rstrip("\n"))
        return len(text)


def _soon(free: Callable[[], None]) -> None:
    """Call `free` once the clicks that came meanwhile have been heard."""
    try:
        asyncio.get_running_loop().call_later(AFTER, free)
    except RuntimeError:  # no kernel runs us
        free()
