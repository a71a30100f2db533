"""A photo to upload, drawn instead of taken: an evening at the sea, as the phone would send it."""

from __future__ import annotations

import io
import math
import random

SIZE = (640, 480)


def evening(number: int) -> bytes:
    """A JPEG; the same `number` is the same photo, to the last byte, with the same release of Pillow."""
    from PIL import Image, ImageDraw, ImageFilter

    chance = random.Random(number)
    width, height = SIZE
    horizon = round(height * chance.uniform(0.55, 0.68))
    made = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(made)
    for y in range(horizon):
        draw.line([(0, y), (width, y)], _mixed((38, 52, 92), (255, 176, 112), y / horizon))
    for y in range(horizon, height):
        draw.line(
            [(0, y), (width, y)], _mixed((176, 104, 92), (16, 26, 48), (y - horizon) / (height - horizon))
        )
    x, radius = round(width * chance.uniform(0.25, 0.75)), 34
    draw.ellipse([x - radius, horizon - 2 * radius, x + radius, horizon], fill=(255, 226, 160))
    for y in range(horizon, height, 4):
        half = 6 + (y - horizon) * 0.18 + 9 * math.sin(y * 0.5)
        draw.line([(x - half, y), (x + half, y)], fill=(255, 200, 140), width=2)
    for _ in range(chance.randint(2, 5)):
        left, top = chance.randrange(width), chance.randrange(40, horizon - 90)
        draw.ellipse(
            [left, top, left + chance.randint(90, 220), top + chance.randint(8, 18)], fill=(244, 190, 160)
        )
    out = io.BytesIO()
    made.filter(ImageFilter.GaussianBlur(1)).save(out, "JPEG", quality=82)
    return out.getvalue()


def _mixed(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    r, g, b = (round(a + (c - a) * share) for a, c in zip(one, other, strict=True))
    return r, g, b
