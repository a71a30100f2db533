"""The picture that is upscaled: Tequila in the living room, drawn here, sharp at any size.

It is drawn, not photographed, so the same scene exists at the size that an upscaler should reach: what it made
can be held against the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 16, 12  # units of the drawing
FINE = 4  # drawn so many times larger, then reduced: smooth edges
Box = tuple[float, float, float, float]

WALL, FLOOR, SHELF = "#f3e3c8", "#a9744f", "#7a4f32"
SHELL, SCREEN, KEYS = "#2b2f36", "#12304a", "#4a515c"
RED, SKY, GREEN, SUN, LEAF = "#c8392b", "#7fc4ea", "#3f9b5a", "#f6c445", "#2f7d4f"


def tequila(width: int, height: int) -> Image:
    """The scene at `width` by `height` pixels.

    Raises:
        ValueError: a side is shorter than 16 pixels.
    """
    from PIL import Image, ImageDraw

    if min(width, height) < 16:
        raise ValueError(f"{width} x {height} is too small to show anything: at least 16 pixels a side")
    across, down = width * FINE / WIDTH, height * FINE / HEIGHT
    made = Image.new("RGB", (width * FINE, height * FINE), WALL)
    pen = ImageDraw.Draw(made)

    def at(*box: float) -> list[tuple[float, float]]:
        return [(box[n] * across, box[n + 1] * down) for n in range(0, len(box), 2)]

    for stripe in range(0, WIDTH, 2):  # wallpaper
        pen.rectangle(at(stripe, 0, stripe + 0.12, 8), fill="#e8d3b0")
    pen.rectangle(at(0, 8, 16, 12), fill=FLOOR)
    for n in range(5):  # floor boards
        pen.line(at(n * 4 - 2, 12, n * 2 + 4, 8), fill="#8a5c3c", width=round(across / 12))
    pen.rectangle(at(1, 1, 4.6, 5), fill=SKY, outline="#ffffff", width=round(across / 5))  # a window
    pen.ellipse(at(3, 1.5, 4, 2.5), fill=SUN)
    pen.polygon(at(1.2, 4.9, 2.4, 3, 3.4, 4.9), fill=GREEN)
    pen.line(at(2.8, 1.1, 2.8, 5), fill="#ffffff", width=round(across / 7))
    pen.rounded_rectangle(at(3.4, 7.6, 14.6, 8.4), across / 5, fill=SHELF)  # the shelf, and its legs
    pen.rectangle(at(4, 8.4, 4.5, 11), fill=SHELF)
    pen.rectangle(at(13.5, 8.4, 14, 11), fill=SHELF)
    pen.rounded_rectangle(at(5.2, 2.6, 12.4, 7.2), across / 4, fill=SHELL)  # the laptop
    pen.rectangle(at(5.6, 3, 12, 6.7), fill=SCREEN)
    pen.polygon(at(4.4, 7.65, 5.2, 7.1, 12.4, 7.1, 13.2, 7.65), fill=KEYS)
    for n in range(12):
        pen.line(
            at(5.4 + n * 0.6, 7.2, 5.2 + n * 0.63, 7.55), fill="#20242a", width=max(1, round(across / 20))
        )
    nodes = ((6.6, 4), (8.8, 3.7), (11, 4.2), (7.4, 5.8), (10.1, 5.7))  # a small network on its screen
    for n, (x, y) in enumerate(nodes):
        for u, v in nodes[n + 1 :]:
            pen.line(at(x, y, u, v), fill="#3b7ea8", width=max(1, round(across / 16)))
    for n, (x, y) in enumerate(nodes):
        pen.ellipse(at(x - 0.3, y - 0.3, x + 0.3, y + 0.3), fill=(SUN, "#ffffff", RED, "#8fd19e", SKY)[n])
    pen.polygon(at(14.2, 7.6, 14.5, 5.9, 15.5, 5.9, 15.8, 7.6), fill=RED)  # a plant beside it
    for x, y in ((14, 3.4), (15, 2.8), (15.9, 3.6)):
        pen.chord([*at(x - 0.7, y, x + 0.5, y + 3)], 60, 250, fill=LEAF)
    return made.resize((width, height), Image.Resampling.LANCZOS)
