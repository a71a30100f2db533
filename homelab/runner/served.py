"""Pages of ours behind JupyterLab's token: each listens on a socket in a folder that is the reader's alone."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from aiohttp import web


class Served:
    """Serves in a thread of its own until `close`; `folder` is called after `what`."""

    def __init__(self, what: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"homelab-{what}-"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name=what)
        self._thread.start()
        self._runners: list[web.AppRunner] = []

    def open(self, name: str, app: Awaitable[web.Application]) -> None:
        """Serve what `app` makes at the socket `name` in the folder."""
        asyncio.run_coroutine_threadsafe(self._open(name, app), self._loop).result()

    def close(self) -> None:
        """Stop serving; nothing of it is left."""
        for runner in self._runners:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _open(self, name: str, app: Awaitable[Any]) -> None:
        runner = web.AppRunner(await app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.UnixSite(runner, str(self.folder / name)).start()
        self._runners.append(runner)
