"""A real browser without a screen, driven by its own DevTools protocol: nothing is needed but Chromium."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import websocket

from homelab.wait import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "--no-proxy-server",
)  # fmt: skip


class Browser:
    """One page of `width` by `height`, whose profile is in `folder`; `errors` are what its scripts threw."""

    def __init__(self, folder: Path, width: int = 1400, height: int = 1000) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if not program:
            pytest.skip(f"no browser here: none of {', '.join(NAMES)}")
        own = () if os.getuid() else ("--no-sandbox",)
        self._process = subprocess.Popen(
            [
                program, *QUIET, *own, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        told = folder / "DevToolsActivePort"
        until(lambda: told.exists() and told.read_text().count("\n") > 0, bool, "the browser", 30)
        port = told.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(p for p in json.load(answer) if p["type"] == "page")
        self._socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60)
        self._ids, self.errors = itertools.count(1), []
        for domain in ("Page", "Runtime"):
            self._ask(f"{domain}.enable")

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(said["params"]["exceptionDetails"]["text"])
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def open(self, url: str) -> None:
        """Go to `url`."""
        self._ask("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        """What a script's expression comes to on the page."""
        done = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def sees(self, expression: str, what: str, seconds: float = 60) -> None:
        """Wait until a script's expression is true on the page."""

        def look() -> Any:
            try:
                return self.js(f"!!({expression})")
            except AssertionError:  # the page is being replaced
                return None

        until(look, bool, what, seconds)

    def click(self, expression: str) -> None:
        """Click with the mouse in the middle of the element that `expression` is."""
        at = self.js(f"""(() => {{ const e = {expression}; e.scrollIntoView({{block: "center"}});
            const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def keys(self, key: str, code: int, shift: bool = False) -> None:
        """Press a key, as a hand would."""
        for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
            self._ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0, **({"text": "\r"} if kind == "char" else {}),
            )  # fmt: skip

    def colours(self, scheme: str) -> None:
        """Prefer ``light`` or ``dark``."""
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path, whole: bool = True) -> None:
        """Save what is seen as a PNG."""
        got = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(got["data"]))

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)
