"""A chapter in JupyterLab before any cell ran: its drawings are there, fit, have words, and follow the theme; terminals are read."""

from __future__ import annotations

import pytest
from browser import Notebook, browser, needs_chromium
from test_open import address, opened

pytestmark = [pytest.mark.nightly, pytest.mark.lab, needs_chromium]

# How light a point is on the screen: of the picture's paper (its first corner), as the page shows it.
PAPER = """async png => { const seen = new Image(); seen.src = 'data:image/png;base64,' + png; await seen.decode();
    const sheet = new OffscreenCanvas(seen.width, seen.height).getContext('2d'); sheet.drawImage(seen, 0, 0);
    return Math.max(...sheet.getImageData(4, 4, 1, 1).data.slice(0, 3)); }"""
PRINTED = """() => { document.querySelector('.jp-OutputArea').insertAdjacentHTML('beforeend',
        '<div class="jp-OutputArea-child"><div class="jp-RenderedText jp-OutputArea-output"><pre id="printed">said</pre></div></div>');
    return getComputedStyle(document.getElementById('printed')).wordBreak; }"""
CONTRAST = """element => { const light = colour => { const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(Number)
        .map(part => (part /= 255) <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b; };
    const paper = light(getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor);
    const ink = light(getComputedStyle(element).color);
    return (Math.max(paper, ink) + .05) / (Math.min(paper, ink) + .05); }"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chapter_before_any_cell_ran(world, tmp_path, theme) -> None:
    import base64

    with opened("00") as said, browser(tmp_path, theme) as page:
        page.goto(address(said))
        notebook = Notebook(page)
        drawn = notebook.cell("welcome.draw(world)").locator("img")
        drawn.scroll_into_view_if_needed()
        assert "203.0.113.0/24" in (drawn.get_attribute("alt") or "")
        width, room = drawn.evaluate(
            "image => [image.clientWidth, image.closest('.jp-OutputArea-output').clientWidth]"
        )
        assert 0 < width <= room
        paper = page.evaluate(PAPER, base64.b64encode(drawn.screenshot()).decode())
        assert (paper < 60) == (theme == "dark"), paper
        typed = notebook.cell("typed(phone").locator("pre", has_text="phone$")
        typed.scroll_into_view_if_needed()
        for ink in (typed, typed.locator("span").first):
            assert ink.evaluate(CONTRAST) > 4.5
        width, room = typed.evaluate("e => [e.offsetWidth, e.parentElement.clientWidth]")
        assert width > 0.95 * room, "its own style would indent a block on both sides"
        assert page.evaluate(PRINTED) == "normal", "words are kept whole"
        page.set_viewport_size({"width": 700, "height": 900})
        for lines in (notebook.cell("").nth(n).locator(".cm-scroller") for n in range(3)):
            cut = lines.evaluate("box => box.scrollWidth - box.clientWidth")
            assert cut <= 1, "a long line goes on below"
        status = notebook.cell("isolated_from_reader").locator("b", has_text="ok").first
        status.scroll_into_view_if_needed()
        assert status.evaluate(CONTRAST) > 4.5
