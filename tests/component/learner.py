"""A learner at a notebook: a kernel as JupyterLab starts it for ``./runbook open``, cell by cell."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from homelab import stages
from homelab.runner import open as opening


class Learner:
    """The kernel of `notebook`; `said` is what its cells showed, all of it."""

    def __init__(self, notebook: Path, **environment: str) -> None:
        self._env = {
            **os.environ,
            **opening.places(),
            **opening.environment("t"),
            "JPY_SESSION_NAME": str(notebook),
            **environment,
        }
        self._begin()

    def _begin(self) -> None:
        self._manager = KernelManager()
        self._manager.start_kernel(env=self._env, cwd=str(stages.NOTEBOOKS))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(
        self,
        source: str,
        meanwhile: Callable[[str], None] = lambda text: None,
        cell: str = "",
        patience: float = 120,
    ) -> tuple[str, str]:
        """What running a cell shows, and its error as it is read on the page (without colours)."""
        request = self._client.session.msg(
            "execute_request",
            {
                "code": source,
                "silent": False,
                "store_history": True,
                "allow_stdin": False,
                "stop_on_error": True,
            },
            metadata={"cellId": cell} if cell else {},
        )
        self._client.shell_channel.send(request)
        shown, error = "", ""
        while True:
            message = self._client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return shown, error
            if kind == "error":
                error = _plain("\n".join(content["traceback"]))
            new = content.get("text", "") or content.get("data", {}).get("text/plain", "")
            shown += new
            if new:
                meanwhile(new)

    @property
    def pid(self) -> int:
        return int(self._manager.provisioner.process.pid)

    def killed(self) -> None:
        """As the kernel of one who runs out of memory: at once, and with no word."""
        os.kill(self.pid, signal.SIGKILL)
        self._manager.provisioner.process.wait()

    def restart(self) -> None:
        """As the button does."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._begin()

    def interrupt(self) -> None:
        """As the square button does."""
        self._manager.interrupt_kernel()

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()


def _plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def cells(stage: str) -> list[dict[str, Any]]:
    """The code cells of a stage's notebook."""
    import json

    found = json.loads(stages.notebook(stage).read_text())["cells"]
    return [{**c, "source": "".join(c["source"])} for c in found if c["cell_type"] == "code"]
