"""``./runbook run --from plan.json``: look whether a saved plan still fits, and do exactly what it says."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from homelab import home_lock, plan_underway, saved_plan
from homelab.errors import EXIT_DRIFT, EXIT_INTERRUPTED, EXIT_NOT_STARTED, EXIT_OK, HomelabError
from homelab.joined_plan import Step
from homelab.outcome import Outcome
from homelab.params import World as Params
from homelab.params import read
from homelab.plan_underway import Moved
from homelab.runner import folder as folders
from homelab.runner import plan_words, references
from homelab.runner.blot import conceal_all
from homelab.runner.folder import RUNS, Folder, FolderFailed
from homelab.runner.interrupt import Interrupted, interruptible
from homelab.runner.report import page
from homelab.runner.request import stage_problem
from homelab.runner.results import Results, StageResult
from homelab.runner.terminal import Terminal
from homelab.runner.words import reasons
from homelab.saved_plan import NAME, Saved
from homelab.stages import services
from homelab.world import World, open_world


def run_plan(place: str, params: str | None, apply: bool | None, out: str | None) -> int:
    """Show a saved plan, and apply it where that is asked for; returns the exit status.

    A plan that the world has moved away from is refused with status 3: what was given is no longer good, and
    nothing was started.

    Raises:
        ParamsError: it is no plan of this world.
        PrerequisiteMissing: somebody else is at work on this home, or the run's folder cannot be made.
        HomelabError: a thing of the plan cannot be read now.
    """
    saved = saved_plan.load(_file(place))
    given = read(params or saved.params)
    saved_plan.require_fit(saved, given)
    references.require(given, {})
    applies = (given.is_lab or given.common.apply) if apply is None else apply
    folder = folders.make(out) if applies else None
    carried = _Carried(saved, given, folder, Terminal())
    try:
        with (
            interruptible(),
            _held(given, applies, folder.run if folder else ""),
            contextlib.closing(open_world(params or saved.params, apply)) as world,
        ):
            if world.lab:
                carried.saved = saved_plan.in_lab(saved, world.journal.path.parent)
            conceal_all(given, [step.change.data() for step in carried.saved.plan.steps])
            return carried.all(world)
    except Interrupted:
        carried.terminal.say(
            "Interrupted." if carried.started else "Interrupted, before anything was started."
        )
        return EXIT_INTERRUPTED
    finally:
        if folder and not carried.started:
            folder.discard()


def _file(place: str) -> Path:
    """The file that `place` means: itself, or the plan in a run's folder, which may be named as in ``runs/``."""
    for path in (Path(place).expanduser(), RUNS / place):
        if path.is_dir():
            return path / NAME
        if path.exists():
            return path
    return Path(place)


@contextlib.contextmanager
def _held(params: Params, changes: bool, run: str) -> Iterator[None]:
    """Hold a home until the end; a lab has one owner anyway."""
    if params.is_lab:
        yield
        return
    lock = home_lock.of_home(params.common.world)
    with lock.held(changes, run):
        os.environ.update(home_lock.environment(lock, changes))
        yield


class _Carried:
    """A saved plan being carried out, with a folder as any run has; without one it is only looked at."""

    def __init__(self, saved: Saved, params: Params, folder: Folder | None, terminal: Terminal) -> None:
        self.saved, self.params, self.folder, self.terminal = saved, params, folder, terminal
        self.started = False
        names = dict.fromkeys(step.stage for step in saved.plan.steps)
        self.results = Results(
            run=folder.run if folder else "",
            world=params.common.world,
            about=f"Exactly what run {saved.run} had planned on {saved.made}.",
            params=saved.params if params.is_lab else str(params.path.absolute()),
            apply=True,
            stages=[StageResult(name) for name in names],
            lab="none",
        )

    def all(self, world: World) -> int:
        """Look first; then step by step, in order, to the first that fails."""
        say, plan = self.terminal.say, self.saved.plan
        say(f"Planned on {self.saved.made} by run {self.saved.run}.\n")
        if self.folder is None:
            say(f"{plan_words.text(plan)}\n")
        moved, left = plan_underway.look(self.saved, world)
        if moved:
            self._refuse(moved)
            return EXIT_NOT_STARTED
        if not left:
            say("No changes: all of it stands.")
            return EXIT_OK
        if self.folder is None:
            say(f"{len(left)} of {len(plan.steps)} changes are not applied; the plan still fits.")
            return EXIT_DRIFT
        return self._carry_out(world, self.folder, left)

    def _refuse(self, moved: list[Moved]) -> None:
        self.terminal.say(f"Refused, and nothing was changed: since then {_things(len(moved))}.")
        for thing in moved:
            name = f" {thing.name}" if thing.name else ""
            self.terminal.say(f"  {thing.resource}{name} on {thing.machine}: {thing.since}")
        self.terminal.say(f"Hint: {saved_plan.AGAIN.format(params=self.saved.params)}")

    def _carry_out(self, world: World, folder: Folder, left: list[Step]) -> int:
        self.started, interrupted = True, False
        world.run = folder.run
        if world.lab:
            self.results.lab = "own" if world.is_lent else "kept"
        try:
            folder.write(NAME, self.saved.path.read_text(encoding="utf-8"))
            folder.point_latest_here()
            if images := [step.change.name for step in left if step.change.resource == "image"]:
                services.offer(
                    world, images
                )  # as the notebooks have the lab's hub do; a home has the real ones
            for stage in self.results.stages:
                self._stage(stage, world, folder, left)
                if stage.status != "ok":
                    break
        except Interrupted:
            interrupted = True
        except HomelabError as error:
            self.results.error = stage_problem(error)
        status = self.results.finish(interrupted)
        with contextlib.suppress(FolderFailed):
            self._write(folder)
        self.terminal.say()
        self.terminal.end(self.results, folder.shown("report.html"), folder.named)
        return status

    def _stage(self, stage: StageResult, world: World, folder: Folder, left: list[Step]) -> None:
        stage.status, start = "interrupted", time.monotonic()
        try:
            for step in self.saved.plan.steps:
                if step.stage == stage.name:
                    self._write(folder)
                    self._step(step, stage, world, stands=not any(step is other for other in left))
            stage.status = "ok"
        except HomelabError as error:
            if isinstance(error, FolderFailed):
                raise
            stage.status, stage.error = "failed", stage_problem(error)
            for line in reasons(stage):
                self.terminal.say(line)
        finally:
            stage.seconds = round(time.monotonic() - start, 3)

    def _step(self, step: Step, stage: StageResult, world: World, stands: bool) -> None:
        if stands:
            stage.changes.append(_public(Outcome(step.change, "already")))
            return
        change = step.change
        try:
            change = plan_underway.onward(self.saved, change, world)
            stage.changes.append(_public(world.apply_one(change, step.stage)))
        except HomelabError as error:
            stage.changes.append(_public(Outcome(change, "failed", error=error.what)))
            raise

    def _write(self, folder: Folder) -> None:
        folder.write("report.html", page(self.results, {}))
        folder.write("results.json", self.results.text())


def _things(count: int) -> str:
    return "one thing of it has changed" if count == 1 else f"{count} things of it have changed"


def _public(outcome: Outcome) -> dict[str, object]:
    """As the results of any run have it."""
    found = outcome.record()
    del found["kind"]
    return found
