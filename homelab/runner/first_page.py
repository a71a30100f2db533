"""The first page that ``./runbook open`` shows: where to click, and how far one is, asked of the world itself."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from homelab import stages
from homelab.errors import HomelabError
from homelab.runner.served import Served
from homelab.runner.window import CATEGORY
from homelab.secret import mask

if TYPE_CHECKING:
    from homelab.world import World

NAME = "start"
TITLE = "Where to click, and how far you are"
STYLE, SCRIPT = (Path(__file__).with_name(f"first_page.{kind}") for kind in ("css", "js"))
OWN = (
    "This lab ends, and forgets all, when <code>./runbook open</code> does; "
    "<code>./runbook lab up</code> before it makes one that stays."
)
KEPT = "This is the lab that you keep: it stays when <code>./runbook open</code> ends, until <code>./runbook lab down</code>."
ANOTHERS = "This is the lab of another <code>./runbook open</code>, and ends with that one."
ICON = """<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48" viewBox="0 0 24 24" fill="none" stroke="#0b5cad" stroke-width="1.6"><path d="M4 11.5 12 4l8 7.5V20H4zM10 20v-5h4v5"/></svg>"""
HOUSE = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true"><path d="M4 11.5 12 4l8 7.5V20H4zM10 20v-5h4v5"/></svg>'


class FirstPage:
    """Served until `close`; `lab` is the socket of the lab that it asks, `windows` the titles of the other tabs.

    `lasts` tells a reader how long that lab does.
    """

    def __init__(self, lab: str, windows: Mapping[str, str], lasts: str) -> None:
        self._lab, self._windows, self._lasts = lab, windows, lasts
        self._served, self._lock = Served(NAME), threading.Lock()
        self._world: World | None = None
        (self._served.folder / "icon.svg").write_text(ICON)
        self._served.open(NAME, self._app())

    def settings(self) -> dict[str, Any]:
        """What jupyter-server-proxy is configured with."""
        tile = {
            "title": TITLE,
            "category": CATEGORY,
            "icon_path": str(self._served.folder / "icon.svg"),
        }
        at = str(self._served.folder / NAME)
        return {NAME: {"command": [], "unix_socket": at, "new_browser_tab": True, "launcher_entry": tile}}

    def close(self) -> None:
        """Stop serving it."""
        self._served.close()
        if self._world:
            self._world.close()

    async def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/how-far/{stage}", self._how_far)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        base = request.headers.get("X-Forwarded-Prefix", f"/{NAME}").rstrip("/").removesuffix(f"/{NAME}")
        return web.Response(text=page(base, self._windows, self._lasts), content_type="text/html")

    async def _how_far(self, request: web.Request) -> web.Response:
        answer = await asyncio.to_thread(self._ask, request.match_info["stage"])
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _ask(self, stage: str) -> dict[str, str]:
        from homelab import progress

        try:
            world = self._opened()
            found = progress.step(world, stages.find(stage), progress.started(world))
        except HomelabError as error:
            return {"state": "unknown", "said": mask(str(error).replace("\nHint: ", ". "))}
        except Exception as error:  # else the page would say that JupyterLab does not answer
            said = f"{error!r}. This is a mistake of the runbook: please report it."
            return {"state": "unknown", "said": mask(said)}
        return {"state": found.state, "said": mask(found.said)}

    def _opened(self) -> World:
        with self._lock:
            if self._world is None:
                os.environ["HOMELAB_LAB"] = self._lab
                from homelab.world import open_world

                with contextlib.redirect_stdout(io.StringIO()):  # the terminal has been told
                    self._world = open_world("lab")
            return self._world


def page(base: str, windows: Mapping[str, str], lasts: str) -> str:
    """The page, under JupyterLab's address `base`; what is asked of the world comes later, chapter by chapter."""
    names = stages.names()

    def at(stage: str) -> str:
        return f"{base}/lab/tree/{stages.NOTEBOOKS.name}/{stage}.ipynb"

    rows = "".join(
        f'<li data-stage="{name}"><a href="{at(name)}"><small>{name[:2]}</small> {escape(stages.title(name))}</a>'
        '<span class="state">…</span><span class="said"></span></li>'
        for name in names
    )
    tabs = "".join(
        f'<li><a href="{base}/{name}/" target="_blank">{escape(words)}</a></li>'
        for name, words in windows.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Homelab Runbook</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<p class="brand">{HOUSE} Homelab Runbook</p>
<h1>Build yourself a corner of the cloud</h1>
<p class="lead">A small world of your own runs behind this page, on this machine. Nothing in it can be harmed. {lasts}</p>
</header>
<main>
<section class="go">
<a class="button" id="go" href="{at(names[0])}">Open the first chapter <span>{escape(stages.title(names[0]))}</span></a>
<ol>
<li>In a chapter, press <kbd>Shift</kbd>+<kbd>Enter</kbd>: the cell that is marked runs, and the next one is marked. From the top down is the way to read it.</li>
<li>Or <b>Run → Run All Cells</b>, and watch.</li>
<li>Where a chapter has you type a command: <b>File → New → Terminal</b>, or any terminal in the runbook's folder.</li>
<li>Where something goes wrong, a sentence in red says what to do next. Run what you like twice: what is done already is left alone.</li>
</ol>
</section>
<section>
<h2>How far you are <small id="count"></small></h2>
<p class="soft">Asked of the lab itself, each time you come back to this page: by your browser's <i>Back</i>, or by its tile in JupyterLab's launcher (the <b>+</b>).</p>
<ul class="chapters">{rows}</ul>
</section>
<section>
<h2>Windows into the lab</h2>
<p class="soft">The same pages, seen by somebody else.</p>
<ul class="tabs">{tabs}</ul>
</section>
</main>
<script>
{SCRIPT.read_text(encoding="utf-8")}</script>
</body>
</html>"""
