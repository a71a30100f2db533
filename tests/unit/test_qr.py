"""A QR code is read back by another library than the one that made it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import zxingcpp

from homelab.pictures.qr import BORDER, SCALE, QrCode

ADDRESS = "https://tequila.snow-burbot.ts.net"
RUN = re.compile(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?")


def drawn(svg: str) -> np.ndarray:
    """The path of the SVG as an image: `M` and `m` move the pen, `h` draws a run of dark modules."""
    side = int(re.search(r'<svg [^>]*width="(\d+)"', svg)[1]) // SCALE
    image = np.full((side, side), 255, dtype=np.uint8)
    path = re.search(r'stroke="[^"]+" d="([^"]+)"|d="([^"]+)"[^>]*stroke', svg)
    x = y = 0.0
    for what, a, b in RUN.findall(path[1] or path[2]):
        if what == "M":
            x, y = float(a), float(b)
        elif what == "m":
            x, y = x + float(a), y + float(b)
        else:
            image[int(y), int(x) : int(x + float(a))] = 0
            x += float(a)
    return np.kron(image, np.ones((4, 4), dtype=np.uint8))


@pytest.mark.parametrize("text", [ADDRESS, f"{ADDRESS}:8443", f"{ADDRESS}/projector?" + "x" * 200])
def test_a_phone_reads_what_was_written(text: str) -> None:
    (found,) = zxingcpp.read_barcodes(drawn(QrCode(text).svg()))
    assert found.text == text


def test_somebody_before_the_screen_does_not_matter() -> None:
    image = drawn(QrCode(ADDRESS).svg())
    edge = image.shape[0] // 2
    image[edge : edge + 24, edge : edge + 24] = 255
    assert zxingcpp.read_barcodes(image)[0].text == ADDRESS


def test_it_has_words_and_a_quiet_zone_and_repeats() -> None:
    code = QrCode(ADDRESS, "The quiz, for everybody")
    svg = code.svg()
    assert svg == QrCode(ADDRESS, "The quiz, for everybody").svg()
    assert "<title>The quiz, for everybody</title>" in svg
    assert f"<desc>A QR code of {ADDRESS}</desc>" in svg
    assert len(drawn(svg)) == 4 * (len(code.rows) + 2 * BORDER)
    assert code._repr_mimebundle_()["text/plain"] == f"A QR code of {ADDRESS}"
    assert "<script" not in QrCode('x"><script>').svg()
