"""The picture of an image's layers: heights that are sizes, and the layers that two images share."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from homelab.pictures.image_layers import THIN, Layer, describe, image_layers, shared, size

BASE = [
    Layer("a", 4_300_000, "base system"),
    Layer("b", 86_000_000, "ffmpeg"),
    Layer("c", 30_000, "the page"),
]
TWO = {
    "new": [*BASE, Layer("d", 7_100_000, "server 12.4")],
    "old": [*BASE, Layer("e", 7_000_000, "server 12.3")],
}


def boxes(picture: Any) -> list[Any]:
    """The drawn layers, from the lowest of the first image on: each is a box with square-ish corners."""
    found = [
        p
        for p in picture.figure.axes[0].patches + picture.figure.axes[0].artists
        if hasattr(p, "get_boxstyle")
    ]
    return [p for p in found if p.get_width() > 1]


def words(picture: Any) -> list[str]:
    return [t.get_text() for t in picture.figure.axes[0].texts]


def test_heights_are_sizes() -> None:
    high = [b.get_height() + 0.03 for b in boxes(image_layers(TWO))]
    assert len(high) == 8
    assert high[1] / high[3] == pytest.approx(86 / 7.1, rel=0.01)
    assert high[2] == pytest.approx(THIN), "too thin for its words: a line high"
    assert high[:3] == high[4:7], "the same layer is as high in both"


def test_what_is_shared_is_marked_in_the_picture_and_in_words() -> None:
    assert shared(TWO) == {"a", "b", "c"}
    colours = [b.get_edgecolor() for b in boxes(image_layers(TWO))]
    assert len(set(colours[:3])) == 1
    assert colours[3] != colours[0]
    told = describe(TWO)
    assert told.count("(shared)") == 6
    assert "3 layers are shared: 90.3 MB" in told
    assert "shared" in words(image_layers(TWO))


def test_one_image_alone_shares_nothing() -> None:
    alone = {"new": TWO["new"]}
    assert "shared" not in describe(alone)
    assert "shared" not in words(image_layers(alone))
    assert not shared({"new": [BASE[0], BASE[0]]}), "twice in the same image is not two images"


def test_nothing_leaves_the_sheet() -> None:
    many = {f"image {n}": [Layer(f"{n}{i}", 10**i, "RUN " + "x" * 200) for i in range(12)] for n in range(3)}
    picture = image_layers(many)
    axes = picture.figure.axes[0]
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    for box in boxes(picture):
        assert box.get_x() >= 0
        assert box.get_x() + box.get_width() <= right
        assert box.get_y() + box.get_height() <= top
    assert any(word.endswith("…") for word in words(picture))


def test_no_image_and_no_size_can_be_drawn() -> None:
    for images in ({}, {"scratch": []}, {"empty": [Layer("a", 0, "nothing")]}):
        ET.fromstring(image_layers(images).svg())


def test_the_same_data_is_the_same_picture() -> None:
    assert image_layers(TWO).svg() == image_layers(TWO).svg()
    assert "server 12.4" in ET.fromstring(image_layers(TWO).svg()).findtext(
        "{http://www.w3.org/2000/svg}desc"
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (30_000, "30 kB"),
        (86_400_000, "86.4 MB"),
        (1.2e9, "1.2 GB"),
        (3e13, "3e+04 GB"),
    ],
)
def test_sizes(count, text) -> None:
    assert size(int(count)) == text


@pytest.mark.parametrize("images", [TWO, dict(list(TWO.items())[:1])], ids=["two", "one"])
def test_every_word_is_on_the_sheet_and_large_enough(images) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = image_layers(images).figure
    ink = FigureCanvasAgg(figure).get_renderer()
    for text in figure.axes[0].texts:
        where = text.get_window_extent(ink)
        assert figure.bbox.x0 <= where.x0
        assert where.x1 <= figure.bbox.x1, text.get_text()
        assert text.get_fontsize() >= 8 or text.get_text() == "shared"
