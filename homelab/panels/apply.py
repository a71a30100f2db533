"""A plan with Apply and Undo: how far it is made in the world, and two buttons.

What is so, and the work as it goes, is an ordinary output: it stays when the buttons are gone, in a saved notebook and
on GitHub. The buttons do what `World.apply` does: shown commands, journal, undo. At a home each click is the reader's
word for this one plan, and needs a tick before it: "I have read it".
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.panels import standing
from homelab.panels.beside import place, soon
from homelab.panels.standing import Progress
from homelab.panels.told import Told
from homelab.plan import Plan
from homelab.record import heard_by, live

if TYPE_CHECKING:
    from homelab.world import World

STOPPED = "Stopped. What was done before stands: press again, and it goes on from there."
STANDS = {
    True: "\nWhat was done before it stands; Undo takes it back.",
    False: "\nWhat was taken back before it is gone; press again, and it goes on from there.",
}
ASKED = "The world is asked again …"
NO_KEY = (
    "Nothing was done: the journal keeps no keys. Run the cell that makes the plan again, and then this one."
)
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
        live()(Told(str(error), "failed"))
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
        place(
            ipywidgets.HBox(), ""
        )  # where a page that was loaded anew says, above what may be old, that it may be
        self._show: Callable[[object], None] = live()

    def open(self) -> None:
        """Show what is so, and under it the buttons, where anything may be done."""
        if not self.plan:
            self._show(Told("No changes: there is nothing to apply, and nothing to take back.", "already"))
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
        """What a click does: Apply (`forth`), or Undo. While one is at work, or without the tick, it does nothing."""
        if not self._free():
            return
        self.working = True
        self._enable()
        self._show(Told(ASKED))
        try:
            self._show(self._work(forth))
        finally:
            soon(self._end)

    def _work(self, forth: bool) -> Told:
        """Do it; what there is to say at its end."""
        done, doing = Progress(), ASKED

        def hear(thing: object) -> None:
            done.hear(thing)
            self._show(done.said(doing))

        try:
            with heard_by(hear), Lines(hear) as lines, contextlib.redirect_stdout(lines), self.world.alone:
                self.now = standing.look(self.world, self.plan)
                done.start(self.now.forth if forth else self.now.back)
                if self.now.moved or not done.todo:
                    return self.now.said(self.outline, self.now.idle(forth))
                if forth and standing.lacks_a_key(done.todo):
                    return self.now.said(self.outline, NO_KEY)
                doing = f"{'Applying' if forth else 'Taking back'} {standing.changes(len(done.todo))} …"
                self._show(done.said(doing))
                self.world.apply(done.todo, told=True)
            self.now = standing.look(self.world, self.plan)
            return done.said(self.now.so, "applied" if forth else "undone", self.now.does(self.outline))
        except HomelabError as error:
            return done.said(f"{error}{STANDS[forth] if done.made else ''}", "failed", self._then(done))
        except KeyboardInterrupt:
            return done.said(STOPPED, "warn", self._then(done))
        except Exception as error:
            self._show(done.said(f"{error!r}. This is a mistake of the runbook: please report it.", "failed"))
            raise

    def _then(self, done: Progress) -> tuple[object, ...]:
        """What the buttons do where the work has ended too early."""
        with contextlib.suppress(HomelabError):  # that it cannot be asked has been said
            if done.todo:
                self.now = standing.look(self.world, self.plan)
                return self.now.does(self.outline)
        return ()

    def _end(self) -> None:
        self.working = self.read.value = False
        self._enable()

    def _free(self) -> bool:
        return not self.working and (bool(self.world.lab) or self.read.value)

    def _enable(self) -> None:
        free = self._free()
        self.apply.disabled = self.undo.disabled = not free
        self.read.disabled = self.working
        self.apply.button_style = "primary" if free and self.now.left else ""
        self.undo.button_style = "primary" if free and not self.now.left else ""


class Lines(io.TextIOBase):
    """Gives `hear` what is printed, line by line."""

    def __init__(self, hear: Callable[[object], None]) -> None:
        self._hear, self._begun = hear, ""

    def write(self, text: str) -> int:
        """As of any file; a line that has only begun waits for its end."""
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            if line.strip():
                self._hear(line)
        return len(text)

    def close(self) -> None:
        """As of any file: a last line needs no end."""
        if not self.closed:
            self.write("\n")
        super().close()
