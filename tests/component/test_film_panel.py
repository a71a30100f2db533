"""The film player on a real Jellyfin stand-in: it plays what the machine gets, and says why where it gets nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os

import aiohttp
import pytest
from browser import Notebook, browser, needs_chromium
from test_open import address, opened
from yarl import URL

from homelab.panels import film
from homelab.pictures.contact_sheet import ContactSheet
from homelab.runner.window import Windows
from homelab.runner.window_places import lab_windows
from homelab.stages import jellyfin

pytestmark = pytest.mark.nightly  # what a change may break first is asked in test_jellyfin_chapter.py
WISH = jellyfin.Params()
TITLE = "Game of Life"


@pytest.fixture(scope="module")
def cinema(world):
    """Chapter 02, applied: its server's address in the house, and who may log in."""
    world.supply(WISH.image)
    assert world.apply(jellyfin.plan(world, WISH))
    return jellyfin.url(world, WISH, seen_by=world["windows"]), jellyfin.account(world, WISH)


@pytest.fixture
def player(world, cinema):
    """The controls for the sofa and the flat, and what they told."""
    told: list[object] = []
    made = film.Player([world["windows"], world["phone"]], *cinema, TITLE, told.append)
    return made, told


def test_the_sofa_gets_the_film_and_the_flat_the_reason(world, player, monkeypatch) -> None:
    monkeypatch.delenv(film.WINDOWS, raising=False)
    made, told = player
    made.load()
    here = world["tequila"]
    path = f"/srv/jelly/media/Movies/{TITLE} (2023)/{TITLE} (2023).mp4"
    size = int(here.run(["stat", "-c", "%s", path]).ok().out)
    (video,) = made.screen.children
    assert (len(video.value), video.format) == (size, "mp4")
    assert str(told[0]) == "windows asks for Game of Life …"
    assert isinstance(told[-1], ContactSheet)
    assert f"8.0 s, h264 640 × 360 and aac, {size:,} bytes of video/mp4" in str(told[-1])
    assert "fetched by windows from http://172.28." in str(told[-1])
    assert "(206)" in str(told[-1])
    assert "stills at 1.0, 3.0, 5.0, 7.0 s" in str(told[-1])
    assert set(made.film.options) == {"Game of Life", "Colour Bars", "Test Pattern"}

    made.seat.value = world["phone"]
    assert made.screen.children == ()
    assert str(told[-1]).startswith("phone cannot play it: nobody answers at 172.28.")

    made.seat.value, made.film.value = world["windows"], "Test Pattern"
    assert "Test Pattern, as windows gets it" in str(told[-1])
    assert not made.again.disabled


def test_a_server_that_stops_is_said_and_asked_again(world, player, monkeypatch) -> None:
    monkeypatch.delenv(film.WINDOWS, raising=False)
    made, told = player
    world["tequila"].run(["docker", "stop", "jellyfin"], timeout=60).ok()
    made.again.click()
    assert str(told[-1]).startswith("windows cannot play it: nobody answers at")
    assert made.screen.children == ()
    world["tequila"].run(["docker", "start", "jellyfin"], timeout=60).ok()
    jellyfin.signed_in(world, WISH).wait()
    made.again.click()
    assert isinstance(told[-1], ContactSheet)
    assert len(made.screen.children) == 1


def test_with_a_window_the_browser_asks_through_it_for_the_pieces_that_it_wants(
    world, player, monkeypatch
) -> None:
    monkeypatch.setenv(film.WINDOWS, "as-windows as-phone")
    made, _ = player
    made.load()
    assert made.way.options == (film.PIECES, film.WHOLE)
    (video,) = made.screen.children
    address = video.value.partition('src="')[2].partition('"')[0]
    assert address.startswith("/as-windows/http/172.28.")
    seats, ca = lab_windows(os.environ["HOMELAB_LAB"])
    with contextlib.closing(Windows(seats, ca, "token")) as windows:
        socket = next(windows.socket(o) for o in seats if o.role == "windows")

        async def middle() -> tuple[int, str, bytes]:
            way = aiohttp.UnixConnector(str(socket))
            async with (
                aiohttp.ClientSession(connector=way) as session,
                session.get(
                    URL("http://x" + address.removeprefix("/as-windows"), encoded=True),
                    headers={"Range": "bytes=100-199"},
                ) as got,
            ):
                return got.status, got.headers["Content-Type"], await got.read()

        status, kind, piece = asyncio.run(middle())
    made.way.value = film.WHOLE
    (video,) = made.screen.children
    assert (status, kind, piece) == (206, "video/mp4", bytes(video.value[100:200]))


def test_where_nobody_can_press_there_are_stills_or_the_sentence(world, cinema, monkeypatch) -> None:
    monkeypatch.setenv("HOMELAB_HEADLESS", "1")
    shown = film.panel([world["windows"], world["phone"]], *cinema, TITLE)
    assert shown.svg().count("<image") == 1
    assert "<desc>Game of Life, as windows gets it" in shown.svg()
    assert str(film.panel([world["phone"]], *cinema, TITLE)).startswith(
        "phone cannot play it: nobody answers"
    )
    assert "no film is called" in str(film.panel([world["windows"]], *cinema, "Gone with the Wind"))


@needs_chromium
def test_the_film_plays_in_a_browser_by_the_window_and_whole(world, cinema, tmp_path) -> None:
    with opened("02") as said, browser(tmp_path) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        for words in ('params = "lab"', "world = open_world(", "here, there = "):
            notebook.run(words)
        cell = notebook.start("player.panel(")
        notebook.done(cell)
        assert "Game of Life, as windows gets it" in cell.locator(".jp-OutputArea img").get_attribute("alt")
        assert cell.locator("video").get_attribute("src").startswith("/as-windows/http/172.28.")
        plays(page, cell)
        cell.locator("select").nth(2).select_option(film.WHOLE)
        cell.locator("video[src^='blob:']").wait_for()
        plays(page, cell)
        cell.locator("select").nth(0).select_option("phone")
        cell.get_by_text("phone cannot play it: nobody answers at").wait_for()
        assert cell.locator("video").count() == 0


def plays(page, cell) -> None:
    """Its pictures move and it can be turned on, in a browser that decodes what the server sends."""
    video = cell.locator("video").element_handle()
    video.evaluate("video => { video.muted = true; return video.play() }")
    page.wait_for_function("video => video.currentTime > 1 && video.videoWidth === 640", arg=video)
    video.evaluate("video => { video.currentTime = 6 }")
    page.wait_for_function("video => !video.seeking && video.currentTime > 6.2", arg=video)
    assert video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > 5
    assert video.evaluate("video => video.error") is None
