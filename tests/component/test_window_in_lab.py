"""The windows that `open` offers look into a real lab."""

from __future__ import annotations

import asyncio
import contextlib
import os

import aiohttp

from homelab.runner.window import Windows
from homelab.runner.window_places import lab_windows
from homelab.wait import until

ADMIN = "/https/login.tailscale.com/admin/machines"


def test_each_window_sees_what_its_machine_sees(world):
    world["tequila"].run(
        ["sh", "-c", "cd /usr/share/doc && setsid -f python3 -m http.server 8096 >/dev/null 2>&1"]
    )
    seats, ca = lab_windows(os.environ["HOMELAB_LAB"])
    home = world["tequila"].addresses["wsl"].partition("/")[0]

    async def look(path: str, page: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            session.get(f"http://x{page}", headers={"X-Forwarded-Prefix": "/as"}) as answer,
        ):
            return answer.status, await answer.text()

    with contextlib.closing(Windows(seats, ca, "token")) as windows:
        at = {o.role: str(windows.socket(o)) for o in seats}
        assert set(at) == {"windows", "phone", "visitor"}
        status, page = asyncio.run(look(at["phone"], ADMIN))
        assert (status, "Machines" in page) == (200, True)
        assert 'href="/as/https/login.tailscale.com/admin/acls"' in page
        until(
            lambda: asyncio.run(look(at["windows"], f"/http/{home}:8096/"))[0],
            lambda status: status == 200,
            "tequila to answer its own house",
        )
        status, page = asyncio.run(look(at["phone"], f"/http/{home}:8096/"))
        assert status == 502
        assert "From phone" in page
