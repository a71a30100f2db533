"""Our papermill engine: a prepared kernel, masks before every save, and word of every cell and record.

papermill itself writes nothing here (it would write over the old file in place): `execute` gives
it no output path, and every save is ours, masked and atomic.
"""

from __future__ import annotations

import ast
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homelab.runner.folder import Folder, FolderFailed
from homelab.runner.kernels import Kernels
from homelab.runner.no_grammar import without_grammar
from homelab.runner.records import MIME
from homelab.runner.turn import Turn
from homelab.secret import conceal

with without_grammar():
    import papermill
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
    from papermill.execute import remove_error_markers

    from homelab.runner.notebook_text import NotebookText

NAME = "homelab"
LONG = "long"  # the tag of a cell that may take as long as it likes
_REVEALED = "getattr(__import__('sys').modules.get('homelab.secret'), 'revealed', list)()"
_HANDED_ON = "getattr(__import__('sys').modules.get('homelab.moment'), 'handed_on', str)()"
_INHERIT = "__import__('homelab.moment', fromlist=['inherit']).inherit({text!r})"
SAVE_EVERY = 5.0  # seconds between saves while a cell is running


@dataclass
class Job:
    """One notebook to execute, and who wants to know how it goes.

    `environment` reaches the kernel before its first cell, though it was started earlier.
    `heard` is called with the notebook and the number of code cells begun, at every cell and record.
    Nothing is written before its `turn`. One that is `stopped` begins no further cell.
    """

    source: Path
    name: str
    parameters: Mapping[str, Any]
    folder: Folder
    kernels: Kernels
    environment: Mapping[str, str]
    more: bool
    heard: Callable[[Mapping[str, Any], int], None]
    timeout: int = 600
    turn: Turn = field(default_factory=Turn)
    stopped: bool = False
    cell: int = 0  # of its code cells, the last one that was begun
    begun: float | None = None  # by the monotonic clock (s)
    ended: float | None = None
    notebook: Any = None
    at: int | None = None  # the cell that is being executed; None: any may have changed
    text: NotebookText = field(default_factory=NotebookText)

    def patience(self, cell: Any) -> int | None:
        """Seconds that `cell` may take; no end where it is tagged `long`: such a cell says how far it is, and keeps what it has."""
        return None if LONG in cell["metadata"].get("tags", ()) else self.timeout

    def save(self, notebook: Any) -> None:
        """Mask the notebook and write it.

        Raises:
            FolderFailed: it cannot be written.
        """
        self.notebook = notebook
        text = f"{self.text.of(notebook, self.at)}\n"
        self.turn.tell("notebook", lambda: self.folder.write(self.name, text))

    @property
    def seconds(self) -> float:
        """How long it took, or takes by now."""
        now = time.monotonic()
        return round((self.ended or now) - (self.begun or now), 3)


class CellsEnded(Exception):
    """A cell could not be brought to its end: `kind` and `what` in words, with a `hint`."""

    def __init__(self, kind: str, what: str, hint: str) -> None:
        super().__init__(kind, what, hint)
        self.kind, self.what, self.hint = kind, what, hint


def execute(job: Job) -> Any:
    """Execute the notebook of `job`; returns it, with the error in it if a cell failed.

    Raises:
        CellsEnded: a cell took too long, or its kernel died.
        FolderFailed: the run's folder takes no more.
    """
    job.begun = time.monotonic()
    try:
        with contextlib.suppress(papermill.PapermillExecutionError):  # the notebook has it in its outputs
            papermill.execute_notebook(
                str(job.source),
                None,
                parameters=dict(job.parameters),
                engine_name=NAME,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                job=job,
            )
    finally:
        job.ended = time.monotonic()
    if job.notebook is not None:  # papermill has put red cells of its own around the error
        job.notebook = remove_error_markers(job.notebook)
    return job.notebook


class _Manager(NotebookExecutionManager):  # type: ignore[misc]
    """Hears of every cell; saves through the job."""

    def __init__(self, notebook: Any, job: Job) -> None:
        super().__init__(notebook, output_path=None, progress_bar=False)
        self.job = job

    def save(self, **more: Any) -> None:
        self.job.save(self.nb)
        self.last_save_time = self.now()


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells in a kernel that is already there."""

    def papermill_execute_cells(self) -> None:
        """As papermill's own, with our environment first, and the truth about a cell that broke off."""
        manager: _Manager = self.nb_man
        job = manager.job
        if job.environment:
            code = f"import os; os.environ.update({dict(job.environment)!r}); del os"
            self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))
        if job.kernels.told:
            self._evaluate(_INHERIT.format(text=job.kernels.told))
        begun, self._saved = 0, time.monotonic()
        failed: BaseException | None = None
        for index, cell in enumerate(self.nb.cells):
            if job.stopped:
                break
            if cell.cell_type != "code":
                continue
            begun += bool(cell.source.strip())
            job.at = index
            manager.cell_start(cell, index)
            job.heard(self.nb, begun)
            try:
                try:
                    self.execute_cell(cell, index)
                except CellExecutionError as error:
                    failed = error
                self._learn_secrets()
            except BaseException as error:
                failed = error
                raise
            finally:
                if failed:
                    manager.cell_exception(cell, cell_index=index, exception=failed)
                _settle(cell)
                manager.cell_complete(cell, cell_index=index)
            if failed:
                break
        job.kernels.told = ""
        if job.kernels.only_look and not failed:
            job.kernels.told = self._evaluate(_HANDED_ON) or ""
        job.at = None
        job.heard(self.nb, begun)

    def _learn_secrets(self) -> None:
        """Have the cell's outputs masked for what its code has revealed, before they are saved."""
        for value in self._evaluate(_REVEALED) or ():
            conceal(value)

    def _evaluate(self, expression: str) -> Any:
        """What `expression` is in the kernel, as plain data; None where it fails there."""
        asked = self.kc.execute("", silent=True, store_history=False, user_expressions={"it": expression})
        answer = self.wait_for_reply(asked)["content"].get("user_expressions", {}).get("it", {})
        return ast.literal_eval(answer.get("data", {}).get("text/plain", "None"))

    def process_message(self, *args: Any, **kwargs: Any) -> Any:
        """Join streams as they come, so that no secret hides in a seam; tell of records at once."""
        if self.nb_man.job.stopped and args[0]["msg_type"] == "error":
            return None  # that we have interrupted it is not the notebook's error
        output = super().process_message(*args, **kwargs)
        outputs = args[1].get("outputs", [])
        if output and outputs and outputs[-1] is output and output.output_type == "stream":
            first = next(o for o in outputs if o.output_type == "stream" and o.name == output.name)
            if first is not output:
                first.text += outputs.pop().text
        if output and (MIME in output.get("data", {}) or time.monotonic() - self._saved > SAVE_EVERY):
            self._saved = time.monotonic()
            job = self.nb_man.job
            with contextlib.suppress(FolderFailed):  # the save after the cell says it, where we can listen
                job.heard(self.nb, 0)
                job.save(self.nb)
        return output


def _settle(cell: Any) -> None:
    """Keep of every line what a terminal would show last: progress bars rewrite theirs by carriage returns.

    nbclient can do that too, but takes half a minute for a line of three megabytes.
    """
    for output in cell.get("outputs", ()):
        if output.output_type == "stream" and "\r" in output.text:
            lines = output.text.replace("\r\n", "\n").split("\n")
            output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Registered with papermill as `NAME`."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, *, job: Job, **more: Any) -> Any:
        """Execute `nb` in a prepared kernel, and end the kernel."""
        manager = _Manager(nb, job)
        nb.metadata.papermill.update(input_path=job.source.name, output_path=job.name)
        manager.notebook_start()
        kernel = job.kernels.take()
        if job.more:
            job.kernels.prepare()
        client = _Client(
            manager,
            km=kernel.manager,
            kernel_name=kernel_name,
            timeout=job.timeout,
            timeout_func=job.patience,
            startup_timeout=60,
            # A busy machine may hear a cell's outputs long after its end; papermill ends the run after 4 s.
            iopub_timeout=job.timeout,
        )
        client.log.disabled = True  # what nbclient would log, we say in our own words
        try:
            client.execute()
            manager.notebook_complete()
        except CellTimeoutError as error:
            raise CellsEnded(
                "CellTimeout",
                f"the cell ran longer than {job.timeout} s",
                "what it waits for is in its output",
            ) from error
        except (DeadKernelError, RuntimeError) as error:
            said = kernel.said()
            raise CellsEnded(
                "KernelDied",
                f"the notebook's kernel died{': ' + said if said else ''}",
                "out of memory? see dmesg",
            ) from error
        except BaseException:
            kernel.interrupt()
            raise
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            job.kernels.release(kernel)
        return nb


papermill_engines.register(NAME, _Engine)
