"""``./runbook run``: one pass over stages, in one process, to a folder of results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from homelab import home_lock, labsocket, stages
from homelab.errors import EXIT_INTERRUPTED, HomelabError
from homelab.lab_lease import Lease
from homelab.runner import folder as folders
from homelab.runner import records, references
from homelab.runner.blot import conceal_all
from homelab.runner.folder import Folder, FolderFailed
from homelab.runner.interrupt import Interrupted, interruptible
from homelab.runner.request import Request, stage_problem
from homelab.runner.results import STATUS_OF_ERROR, Results, StageResult
from homelab.runner.stages_plan import StagesPlan
from homelab.runner.terminal import Terminal
from homelab.runner.turn import Turn
from homelab.ssh.folder import shared

Then = Callable[[Folder, Results, int], int]


def run(
    request: Request, out: str | None = None, terminal: Terminal | None = None, then: Then | None = None
) -> int:
    """Execute the stages of `request`; returns the exit status by the command line's contract.

    `then` is called with the folder, the results and that status, and may return another.

    Raises:
        ParamsError: a secret that a parameter refers to is not there.
        HomeBusy: somebody else is at work on this home.
        PrerequisiteMissing: nothing was started, and nothing is left behind.
    """
    references.require(request.world, request.stages)
    conceal_all(request.world, request.stages.values())
    folder = folders.make(out)
    try:
        with interruptible():
            this = _Run(request, folder, terminal or Terminal())
            status = this.all()
            return then(folder, this.results, status) if then else status
    except Interrupted:
        (terminal or Terminal()).say("Interrupted.")
        return EXIT_INTERRUPTED


class _Run:
    def __init__(self, request: Request, folder: Folder, terminal: Terminal) -> None:
        self.request, self.folder, self.terminal = request, folder, terminal
        self.results = Results(
            run=folder.run,
            world=request.world.common.world,
            about=request.world.common.about,
            params=str(request.common["params"]),
            apply=request.apply,
            stages=[
                StageResult(name, parameters=request.parameters(name), managed=request.world.manages(name))
                for name in request.stages
            ],
        )
        self.seen: dict[str, list[records.Picture | records.Columns]] = {}
        self.asked: dict[str, int] = {}
        self.plan = StagesPlan(request, folder)

    def all(self) -> int:
        """Every stage in order; whatever happens, results and report say how far it got."""
        interrupted = started = False
        with contextlib.ExitStack() as stack:
            try:
                with self.terminal.watching(StageResult("getting ready")):
                    environment = self._prepare(stack)
                started = True
                self.folder.point_latest_here()
                jobs = [self._job(stage, environment) for stage in self.results.stages]
                execute = stack.enter_context(self._executing(jobs))
                for stage, job in zip(self.results.stages, jobs, strict=True):
                    self._stage(stage, job, execute)
            except Interrupted:
                interrupted = True
                if not started:
                    self.folder.discard()
                    self.terminal.say("Interrupted, before anything was started.")
                    return EXIT_INTERRUPTED
            except FolderFailed as error:
                self.results.error = stage_problem(error)
            except HomelabError:
                if not started:
                    self.folder.discard()
                raise
        status = self.results.finish(interrupted)
        with contextlib.suppress(FolderFailed):
            self.results.planned = self.plan.save(self.results)
        with contextlib.suppress(FolderFailed):  # then the last state that could be written stays
            self._write(report=True)
            self._write_cheat_sheet()
        if started and self.results.planned is not None:
            self.terminal.say(self.plan.text())
        self.terminal.end(self.results, self.folder.shown("report.html"), self.folder.named)
        return status

    def _prepare(self, stack: contextlib.ExitStack) -> Mapping[str, str]:
        """Lab, first kernel and papermill get ready at the same time; the environment of all kernels."""
        held = self._hold(stack)
        lab = (
            stack.enter_context(contextlib.closing(Lease(self._topology(), self.terminal.progress)))
            if self.request.world.is_lab
            else None
        )
        from homelab.runner.kernels import Kernels

        # A kernel per stage, and one SSH connection per machine for all of them.
        ways = {} if self.request.world.is_lab else stack.enter_context(shared())
        self.kernels = stack.enter_context(
            contextlib.closing(
                Kernels(
                    {
                        "HOMELAB_HEADLESS": "1",
                        "HOMELAB_RUN": self.folder.run,
                        "HOMELAB_RUN_FOLDER": str(self.folder.path),
                        **held,
                        **ways,
                    },
                    stages.NOTEBOOKS,
                    [stages.notebook(stage.name) for stage in self.results.stages],
                    only_look=not self.request.applies,
                )
            )
        )
        self.kernels.prepare()
        from homelab.runner import engine

        self.engine = engine
        for stage in self.results.stages:
            notebook = self.request.notebooks[stage.name]
            stage.title, stage.about = records.title(notebook)
            stage.cells = records.code_cells(notebook)
        self._write(report=True)
        if lab is None:
            return {}
        socket = lab.socket()
        self.results.lab = "own" if lab.own else "kept"
        self.plan.state = str(labsocket.request(socket, op="status")["state"])
        return {"HOMELAB_LAB": socket}

    def _hold(self, stack: contextlib.ExitStack) -> dict[str, str]:
        """Hold a home until the end; what tells the kernels so."""
        if self.request.world.is_lab:
            return {}
        common, apply = self.request.world.common, self.request.apply
        lock, changes = home_lock.of_home(common.world), common.apply if apply is None else apply
        stack.enter_context(lock.held(changes, self.folder.run))
        return home_lock.environment(lock, changes)

    def _topology(self) -> Any:
        world = self.request.world
        return (
            world.path.absolute()
            if "topology" in world.document.data and self.request.common["params"] != "lab"
            else None
        )

    @property
    def _beside(self) -> bool:
        """Whether stages may be at work side by side: where all of them only look, at a home."""
        return not self.request.world.is_lab and not self.request.applies and len(self.results.stages) > 1

    def _executing(self, jobs: list[Any]) -> contextlib.AbstractContextManager[Callable[[Any], Any]]:
        """What executes a job."""
        if not self._beside:
            return contextlib.nullcontext(self.engine.execute)
        from homelab.runner.side_by_side import side_by_side

        return side_by_side(jobs, self.kernels)

    def _job(self, stage: StageResult, environment: Mapping[str, str]) -> Any:
        job = self.engine.Job(
            source=stages.notebook(stage.name),
            name=f"{stage.name}.ipynb",
            parameters=stage.parameters,
            folder=self.folder,
            kernels=self.kernels,
            environment=environment,
            more=not self._beside and stage is not self.results.stages[-1],
            heard=lambda notebook, cell: self._heard(stage, job, notebook, cell),
            turn=Turn(begun=not self._beside),
        )
        return job

    def _stage(self, stage: StageResult, job: Any, execute: Callable[[Any], Any]) -> None:
        stage.status = "running"
        try:
            with self.terminal.watching(stage), self._counted(stage, job):
                execute(job)
        except self.engine.CellsEnded as error:
            stage.error = {"type": error.kind, "what": error.what, "hint": error.hint, "cell": stage.cell}
        except (Interrupted, FolderFailed):
            stage.status = "interrupted"
            raise
        except Exception as error:
            # A notebook that papermill cannot read or run at all fails its stage, not the run.
            stage.error = {"type": type(error).__name__, "what": str(error), "hint": None, "cell": None}
        finally:
            if stage.status == "running":
                stage.status = _status(stage, self.plan.waits(stage.name))
            self.terminal.stage(stage)
            with contextlib.suppress(FolderFailed):  # a full disk has been said, or the next write says it
                self._leave(stage, job.notebook)

    def _leave(self, stage: StageResult, notebook: Mapping[str, Any] | None) -> None:
        if notebook is not None:
            from homelab.runner.notebook_page import page
            from homelab.runner.page_links import GLOSSARY, glossary

            there = [one.name for one in self.results.stages]
            self.folder.write(GLOSSARY, glossary(there))
            self.folder.write(f"{stage.name}.html", page(notebook, stage.name, there))
        self._write(report=True)

    @contextlib.contextmanager
    def _counted(self, stage: StageResult, job: Any) -> Iterator[None]:
        try:
            yield
        finally:
            stage.seconds = job.seconds
            if job.notebook is not None:
                self._found(stage, job.notebook)()

    def _heard(self, stage: StageResult, job: Any, notebook: Mapping[str, Any], cell: int) -> None:
        asked = records.asked(notebook)
        for what in asked[self.asked.get(stage.name, 0) :]:
            self.terminal.say(what)  # at once, whoever's turn it is: the stage waits for it
        self.asked[stage.name] = len(asked)
        job.cell = max(job.cell, cell)
        at, seconds, cells = job.cell, job.seconds, records.code_cells(notebook)
        under, found = records.under(notebook, at), self._found(stage, notebook)

        def tell() -> None:
            before = len(stage.checks), len(stage.changes)
            stage.notebook, stage.cell, stage.cells, stage.seconds = job.name, at, cells, seconds
            found()
            self.terminal.under(under)
            self._write(report=before != (len(stage.checks), len(stage.changes)))

        job.turn.tell("heard", tell)

    def _found(self, stage: StageResult, notebook: Mapping[str, Any]) -> Callable[[], None]:
        """Read `notebook` as it is now; to be called to take over what it says."""
        checks, changes = records.checks(notebook), records.changes(notebook, stage.managed)
        error, seen, planned = records.error(notebook), records.seen(notebook), records.planned(notebook)

        def take() -> None:
            stage.checks, stage.changes, stage.error = checks, changes, error or stage.error
            self.seen[stage.name], self.plan.stages[stage.name] = seen, planned

        return take

    def _write(self, report: bool = False) -> None:
        try:  # the report first: whenever a run is killed, what the results tell of is in it too
            if report:
                from homelab.runner.report import page

                self.folder.write("report.html", page(self.results, self.seen, self.plan.html()))
        finally:
            self.folder.write("results.json", self.results.text())

    def _write_cheat_sheet(self) -> None:
        from homelab.runner import cheat_sheet

        if any(stage.changes for stage in self.results.stages):
            self.folder.write(f"{cheat_sheet.NAME}.html", cheat_sheet.page(self.results))
            self.folder.write(f"{cheat_sheet.NAME}.md", cheat_sheet.markdown(self.results))


def _status(stage: StageResult, waits: bool) -> str:
    if not stage.managed:
        return "observed"
    if stage.error:
        return STATUS_OF_ERROR.get(stage.error["type"], "failed")
    if any(c["status"] == "fail" for c in stage.checks) or any(
        c["outcome"] == "failed" for c in stage.changes
    ):
        return "failed"
    return "drift" if waits else "ok"
