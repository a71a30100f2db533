"""What an image is made of: its layers drawn to scale, and which of them two images have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

from matplotlib.axes import Axes

from homelab.pictures.picture import BLUE, FAINT, GREEN, INK, SOFT, TINTS, Picture, canvas
from homelab.pictures.shapes import LETTER, box, fit, tag

STACK, GAP, LEFT = 3.1, 0.55, 0.25  # inches: a stack's width, between two, at the side
LINE, TEXT = 0.15, 8.2  # a line of words, and its letters (points)
HIGH, THIN, BOTTOM, TOP = 3.4, 0.21, 0.62, 0.5  # all layers together, the thinnest of them, below, above


@dataclass(frozen=True)
class Layer:
    """A layer: its `id` (the digest of its content), its `size` in bytes, and `what` put it there."""

    id: str
    size: int
    what: str


def image_layers(images: Mapping[str, Sequence[Layer]], title: str = "What an image is made of") -> Picture:
    """One stack per image, the base at the bottom; heights are sizes, layers in more than one image are marked.

    Only a layer too thin for its words is drawn higher than it is: as high as a line of text.
    """
    biggest = max((sum(one.size for one in layers) for layers in images.values()), default=0) or 1
    scale = HIGH / biggest
    tallest = max((sum(_high(one, scale) for one in layers) for layers in images.values()), default=0.0)
    height = TOP + tallest + BOTTOM
    stacks = max(1, len(images))
    figure, axes = canvas(2 * LEFT + stacks * STACK + (stacks - 1) * GAP, height)
    common = shared(images)
    for n, (name, layers) in enumerate(images.items()):
        _stack(axes, LEFT + n * (STACK + GAP), name, layers, common, scale)
    if common and len(images) > 1:
        _joined(axes, [list(v) for v in images.values()], common, scale)
    _legend(axes, bool(common), stacks)
    return Picture(figure, describe(images), title)


def shared(images: Mapping[str, Sequence[Layer]]) -> frozenset[str]:
    """The ids of the layers that more than one of the images has."""
    seen: dict[str, int] = {}
    for layers in images.values():
        for one in {layer.id for layer in layers}:
            seen[one] = seen.get(one, 0) + 1
    return frozenset(one for one, times in seen.items() if times > 1)


def _high(layer: Layer, scale: float) -> float:
    return max(THIN, layer.size * scale)


def _stack(
    axes: Axes, left: float, name: str, layers: Sequence[Layer], common: frozenset[str], scale: float
) -> None:
    y, middle = BOTTOM, left + STACK / 2
    for layer in layers:
        high = _high(layer, scale)
        hue = GREEN if layer.id in common else BLUE
        box(axes, (middle, y + high / 2), (STACK, high - 0.03), TINTS[hue], hue, radius=0.04)
        words = _wrapped(layer.what, int(high / LINE))
        axes.text(left + 0.1, y + high / 2, words, fontsize=TEXT, color=INK, ha="left", va="center", zorder=5)
        axes.text(
            left + STACK - 0.1, y + high / 2, size(layer.size), fontsize=TEXT, color=hue, fontweight="bold",
            ha="right", va="center", zorder=5,
        )  # fmt: skip
        y += high
    total = size(sum(layer.size for layer in layers))
    axes.text(
        middle, y + 0.13, fit(f"{name}   {total}", STACK + 0.3, 9), fontsize=9, fontweight="bold", ha="center",
        va="center", color=INK,
    )  # fmt: skip


def _wrapped(text: str, lines: int) -> str:
    """`text` in as many lines as there is room for; what does not fit ends in an ellipsis."""
    width = int((STACK - 0.95) / (LETTER * TEXT))
    return "\n".join(wrap(text, width, max_lines=max(1, lines), placeholder="…"))


def _joined(axes: Axes, stacks: list[list[Layer]], common: frozenset[str], scale: float) -> None:
    """A band between neighbours for each layer that both have: it is one and the same."""
    for n, (one, other) in enumerate(pairwise(stacks)):
        here, there = _places(one, scale), _places(other, scale)
        left = LEFT + n * (STACK + GAP) + STACK
        for key in here.keys() & there.keys() & common:
            (low, high), (below, above) = here[key], there[key]
            axes.fill(
                [left, left + GAP, left + GAP, left], [low, below, above, high],
                facecolor=TINTS[GREEN], edgecolor=FAINT, linewidth=0.5, zorder=1,
            )  # fmt: skip


def _places(layers: Sequence[Layer], scale: float) -> dict[str, tuple[float, float]]:
    found, y = {}, BOTTOM
    for layer in layers:
        high = _high(layer, scale)
        found[layer.id] = (y + 0.015, y + high - 0.015)
        y += high
    return found


def _legend(axes: Axes, common: bool, stacks: int) -> None:
    words = (
        "heights are sizes (a thin layer is drawn a line high)",
        "each layer adds its files to those below",
    )
    lines = words if stacks == 1 else ("; ".join(words),)
    for n, line in enumerate(lines):
        axes.text(LEFT, 0.38 - 0.22 * n, line, fontsize=TEXT, color=SOFT, ha="left", va="center")
    if common:
        width = 0.52
        tag(axes, (LEFT + width, 0.16), "shared", GREEN)
        told = "fetched once and kept once: an image is a list of layers, and two lists may share"
        axes.text(LEFT + width + 0.08, 0.16, told, fontsize=TEXT, color=SOFT, ha="left", va="center")


def size(count: int) -> str:
    """Bytes as people and Docker say them: ``86.4 MB``; a thousand is a thousand here."""
    number, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.3g} {unit}"


def describe(images: Mapping[str, Sequence[Layer]]) -> str:
    """The same in words, layer by layer from the bottom; which are shared, and what that saves."""
    common, lines = shared(images), []
    for name, layers in images.items():
        lines.append(
            f"{name}: {len(layers)} layers, {size(sum(one.size for one in layers))} (the first is the lowest)"
        )
        for one in layers:
            also = "  (shared)" if one.id in common else ""
            lines.append(f"  {size(one.size):>8}  {one.what}{also}")
    if common:
        first = next(iter(images.values()))
        saved = size(sum(one.size for one in first if one.id in common))
        lines.append(f"{len(common)} layers are shared: {saved} that are kept once.")
    return "\n".join(lines)
