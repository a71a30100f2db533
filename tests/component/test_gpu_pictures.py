"""The pictures of the benchmarks: every fact is in the words, the marks differ without colour, odd data is drawn."""

from __future__ import annotations

import logging

import pytest
from matplotlib.colors import to_rgb

from homelab.gpu import catalogue, cost, fit
from homelab.pictures import break_even, depth, roofline, vram
from homelab.pictures.chart import LOOKS
from homelab.pictures.cost import KINDS
from homelab.pictures.cost import cost as cost_picture

LISTED = catalogue.read()


@pytest.fixture(autouse=True)
def no_complaints(caplog):
    yield
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("matplotlib")]


def test_the_heat_map_says_every_cell() -> None:
    names, cards = ("llama-3.2-1b", "phi3-mini", "llama-2-70b"), ("gtx-1060-3gb", "t4", "a10g-x4")
    cells = [
        vram.Fit(LISTED.model(m).name, LISTED.card(c).name, n, LISTED.verdict(m, c, n) if n <= LISTED.model(m).context else None)
        for n in (2500, 32768) for m in names for c in cards
    ]  # fmt: skip
    drawn = vram.vram(cells)
    assert "Llama 2 70B, Q4_0 at 2,500 tokens: GTX 1060 3 GB spills (12.4 ×, 5 layers on the card)" in str(
        drawn
    )
    assert "Llama 3.2 1B, Q8_0 at 32,768 tokens: GTX 1060 3 GB tight (91%)" in str(drawn)
    assert "Phi-3 mini 3.8B, Q4_K_M at 32,768 tokens: GTX 1060 3 GB more context than it was made for" in str(
        drawn
    )
    assert len(str(drawn).splitlines()) == 6
    for word in ("✓ fits", "! tight", "▼ spills", "made for"):
        assert word in drawn.svg()


def test_the_heat_map_has_room_for_every_name_and_is_no_wider_for_its_legend() -> None:
    cards = ("gtx-1060-3gb", "t4", "a10g-x4")
    cells = [vram.Fit(m.name, LISTED.card(c).name, 2500, LISTED.verdict(k, c, 2500)) for k, m in LISTED.models.items() for c in cards]  # fmt: skip
    drawn = vram.vram(cells)
    for model in LISTED.models.values():
        assert f">{model.name}<" in drawn.svg(), "cut off"
    alone = vram.vram([cell for cell in cells if cell.verdict and cell.verdict.word == "fits"])
    assert drawn.figure.get_figwidth() == alone.figure.get_figwidth()
    assert drawn.figure.get_figheight() > alone.figure.get_figheight(), "the legend took another line"


def test_a_cell_is_read_however_full_it_is_and_the_fuller_is_the_darker() -> None:
    def turned(colour: tuple[float, ...]) -> tuple[float, ...]:  # as `embedded.DARK` does on a dark page
        red, green, blue = (0.93 - 0.86 * part for part in colour)
        rows = ((-0.574, 1.43, 0.144), (0.426, 0.43, 0.144), (0.426, 1.43, -0.856))
        return tuple(min(1.0, max(0.0, r * red + g * green + b * blue)) for r, g, b in rows)

    def light(colour: tuple[float, ...]) -> float:  # https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in colour)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    fills = []
    for share in (n / 50 for n in range(46)):
        fill, ink = map(to_rgb, vram.shade(share))
        fills.append(light(fill))
        for pair in ((fill, ink), (turned(fill), turned(ink))):
            low, high = sorted(map(light, pair))
            assert (high + 0.05) / (low + 0.05) >= 4.5, share
    assert fills == sorted(fills, reverse=True)


def test_a_model_that_does_not_fit_at_all_is_drawn() -> None:
    model = LISTED.model("llama-2-70b")
    no = fit.verdict(fit.need(model.size, model.dimensions, 4096), 256 << 20, model.layers)
    assert no.word == "no"
    assert "✗ no" in vram.vram([vram.Fit("70B", "nothing", 4096, no)]).svg()


def test_depth_shows_spread_and_what_is_disturbed() -> None:
    points = [
        depth.Point(2500, 36.5, 0.7),
        depth.Point(0, 105.5, 1.9),
        depth.Point(512, 64.4, 2.2, disturbed=True),
    ]
    drawn = depth.depth([depth.Curve("SmolLM2", points), depth.Curve("another", points[:1])])
    assert "SmolLM2, decode: 105.5 ± 1.9 at 0, 64.4 ± 2.2 (disturbed) at 512, 36.5 ± 0.7 at 2,500" in str(
        drawn
    )
    assert "SmolLM2, prefill: not measured" in str(drawn)
    assert "the talk" in drawn.svg()
    assert "not measured" in drawn.svg()
    assert drawn.png()


def test_depth_of_nothing() -> None:
    assert "not measured" in depth.depth([]).svg()


def test_the_roofline_says_ceilings_and_shares() -> None:
    size = LISTED.model("llama-2-70b").size
    drawn = roofline.roofline(
        {"70B": size}, {"A10G": 600.0},
        [roofline.Dot("the talk's", 600.0, size, 2.0, measured=False), roofline.Dot("here", 20.0, 96.6e6, 105.5, 1.9)],
    )  # fmt: skip
    assert "70B reads 38.9 GB for a token, at most (tokens/s): A10G 15.4" in str(drawn)
    assert (
        "the talk's: 2 tokens/s at 600 GB/s, 13% of what is possible (as somebody says, not measured here)"
        in str(drawn)
    )
    assert "here: 106 tokens/s at 20 GB/s, 51% of what is possible (measured)" in str(drawn)
    assert drawn.svg()


def test_costs_are_told_and_ordered() -> None:
    ways = [
        cost.rented(LISTED, "g5-on-demand", 2),
        cost.rented(LISTED, "g4dn-spot", 30),
        cost.at_home(LISTED, "rtx-3060-12gb", 40),
    ]
    drawn = cost_picture(ways)
    lines = str(drawn).splitlines()
    assert lines[0].startswith("RTX 3060 12 GB at home (home): $0.5")
    assert lines[-1].startswith(
        "g5.12xlarge, on demand (on-demand): $787.78 for a million tokens, at $5.67 an hour"
    )
    assert all(meaning in drawn.svg() for _, _, meaning in KINDS.values())


def test_break_even_is_told_and_drawn() -> None:
    own = cost.at_home(LISTED, "rtx-3060-12gb", 40)
    drawn = break_even.break_even(
        own, [cost.rented(LISTED, "g4dn-on-demand", 40), cost.Way("a gift", "spot", 0.001, 40)]
    )
    assert "g4dn.xlarge, on demand ($0.526 an hour at 40 tokens/s): cheaper after 662 hours of work" in str(
        drawn
    )
    assert "against a gift" in str(drawn)
    assert "never cheaper" in str(drawn)
    assert "662 h of work" in drawn.svg()


def test_series_differ_without_their_colours() -> None:
    assert len({mark for _, mark, _ in LOOKS}) == len(LOOKS)
    assert len({str(dashes) for _, _, dashes in LOOKS}) == len(LOOKS)
    assert len({pattern for _, pattern, _ in KINDS.values()}) == len(KINDS)


def test_the_same_data_is_the_same_picture() -> None:
    own = cost.at_home(LISTED, "rtx-3060-12gb", 40)
    assert break_even.break_even(own, []).svg() == break_even.break_even(own, []).svg()
