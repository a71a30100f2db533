"""The engine that works offline: llama.cpp, by the package xllamacpp, in a process of its own beside us.

A process of its own can die without us, its processor time can be told from ours, and it is measured
through the same HTTP as every other engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from homelab.errors import HomelabError
from homelab.llm import host_load, model, program
from homelab.llm.engine import Description, EngineGone, Generated, OutOfMemory, too_long
from homelab.llm.openai import OpenAI
from homelab.this_machine import this_machine
from homelab.web import session

OVERHEAD = (
    160_000_000  # bytes beside weights and cache: its work space and itself (98 MiB and 60 MiB were seen)
)
DYING = 0.5  # seconds from the end of its sockets to its own
START = 120.0  # seconds to load; a disk may be slow


class Embedded:
    """`found` (by default the small model that comes with the benchmarks) in llama.cpp; a context manager.

    `threads` are all processors by default. `waiting` is how they wait for each other:
    ``spin`` is llama.cpp's own way, ``passive`` lets go of the processor meanwhile. Where others compute too,
    spinning was seen up to 17 times slower; by default the machine's load decides, and the record says how.
    """

    name = "embedded"

    def __init__(self, found: model.Model | None = None, threads: int = 0, waiting: str = "") -> None:
        self._model = found or model.bundled()
        self._threads = threads or os.cpu_count() or 1
        self._waiting = waiting
        self._process: subprocess.Popen[str] | None = None
        self._log: Path | None = None
        m = self._model
        self._about = Description(
            "xllamacpp (llama.cpp)",
            model=m.name,
            sha256=m.sha256,
            quantization=m.quantization,
            parameters=m.parameters,
            weights=m.weights,
            kv=m.kv,
            trained_context=m.context,
            threads=self._threads,
        )
        self._client: OpenAI | None = None

    def describe(self) -> Description:
        """See `Engine.describe`; before it is loaded, only what the file says."""
        return self._client.describe() if self._client else self._about

    def load(self, context: int, slots: int = 1) -> float:
        """See `Engine.load`; what ran before ends.

        Raises:
            ContextTooLong: the model was not trained for that.
            OutOfMemory: it would not fit, with the largest context that does. Nothing was started.
            HomelabError: the file is no model, or half of one.
        """
        m = self._model
        if m.context and context > m.context:
            raise too_long(context, m.context, m.name)
        refuse_larger(m, context * slots, host_load.available())
        self.close()
        waiting = self._waiting or ("passive" if host_load.is_busy() else "spin")
        log = tempfile.NamedTemporaryFile("w", prefix="homelab-llm-", suffix=".log", delete=False)  # noqa: SIM115
        self._log = Path(log.name)
        start = time.monotonic()
        with log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", str(program.__file__), m.path, "--name", m.name or "model"),
                    *("--context", str(context), "--slots", str(slots)),
                    *("--threads", str(self._threads), "--waiting", waiting),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        told = self._first_line()
        about = replace(
            self._about,
            version=told["version"],
            build=f"{told['flags']} waiting {waiting}",
            context=context,
            slots=slots,
            device="CPU" if told["flags"].startswith("CPU") else told["flags"].partition(" :")[0],
        )
        self._client = OpenAI(session(this_machine()), told["url"], about=about, cpu=self.cpu, name=self.name)
        return time.monotonic() - start

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        """See `Engine.generate`.

        Raises:
            EngineGone: it is not loaded, or it died.
        """
        if self._client is None:
            raise EngineGone("the embedded engine is not loaded", "here", "load it first")
        try:
            return self._client.generate(prompt_tokens, tokens, seed)
        except HomelabError as error:
            if (status := self._status()) is None:
                raise
            what = f"the embedded engine ended with status {status}"
            raise EngineGone(what, "here", self._said()) from error

    def cpu(self) -> float | None:
        """Processor seconds of its process."""
        return host_load.process_cpu(self._process.pid) if self._process else None

    @property
    def pid(self) -> int:
        """Its process; 0 while it is not loaded."""
        return self._process.pid if self._process else 0

    @property
    def url(self) -> str:
        """Where it listens; empty while it is not loaded."""
        return self._client.url if self._client else ""

    def close(self) -> None:
        """End it."""
        if self._process:
            if self._process.stdin:
                self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        if self._log:
            self._log.unlink(missing_ok=True)
        self._process = self._client = self._log = None

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _status(self) -> int | None:
        """Its exit status; None where it lives. Its sockets are gone a moment before it is."""
        try:
            return self._process.wait(DYING) if self._process else None
        except subprocess.TimeoutExpired:
            return None

    def _first_line(self) -> dict[str, Any]:
        assert self._process
        assert self._process.stdout
        late = threading.Timer(START, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            said = self._said()
            self._process.wait()
            self.close()
            raise HomelabError(
                f"{self._model.path} could not be loaded: {said}",
                "here",
                "is the file complete, and does this engine know the model's architecture?",
            )
        return dict(json.loads(line))

    def _said(self) -> str:
        """The reason in its log: the first error that it reports, for the later ones follow from it."""
        lines = (self._log.read_text(errors="replace") if self._log else "").splitlines()
        errors = [line.split(" E ", 1)[1].strip() for line in lines if " E " in line]
        return (errors or [line for line in lines if line.strip()][-1:] or ["it said nothing"])[0][:300]


def refuse_larger(found: model.Model, context: int, free: int) -> None:
    """Refuse a model that does not fit into `free` bytes with `context` tokens in all.

    Raises:
        OutOfMemory: with the largest context that fits.
    """
    need = found.size + found.kv * context + OVERHEAD
    if need <= free:
        return
    room = free - found.size - OVERHEAD
    largest = max(0, room // found.kv) if found.kv else 0
    raise OutOfMemory(
        f"{found.name or found.path} with {context} tokens of context needs {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
        "here",
        f"the largest context that fits is {largest} tokens" if largest else "take a smaller model",
        largest,
    )
