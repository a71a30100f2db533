"""Cards, models and prices as data, what a token costs, and the talk's figures beside their arithmetic."""

from __future__ import annotations

import math
import re
import shutil

import pytest

from homelab.errors import HomelabError, ParamsError
from homelab.gpu import catalogue, cost, talk_figures
from homelab.gpu.catalogue import Figure
from homelab.params import PARAMS

LISTED = catalogue.read()


def figures(of: object) -> list[Figure]:
    if isinstance(of, Figure):
        return [of]
    if isinstance(of, dict):
        return [figure for one in of.values() for figure in figures(one)]
    if hasattr(of, "__pydantic_fields__"):
        return [figure for name in type(of).model_fields for figure in figures(getattr(of, name))]
    return []


def test_every_figure_says_where_it_is_from() -> None:
    found = figures(LISTED)
    assert len(found) > 40
    for figure in found:
        assert figure.source if figure.kind == "published" else figure.note
        assert figure.date.year >= 2024


@pytest.fixture
def copied(tmp_path):
    """Our files in a folder of their own, and a function that changes a line of one."""
    for name in ("hardware", "models", "prices"):
        shutil.copy(PARAMS / f"{name}.yaml", tmp_path)

    def changed(name: str, old: str, new: str) -> int:
        file = tmp_path / f"{name}.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return text[: text.index(old)].count("\n") + 1

    changed.folder = tmp_path
    return changed


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("hardware", "value: 192.2, unit: GB/s", "value: 192.2, unit: MB/s", r"is in GB/s, not in 'MB/s'"),
        ("hardware", "value: 192.2", "value: -1", "hardware.yaml:[0-9]+: cards.gtx-1060-3gb.bandwidth.value"),
        ("hardware", "value: 192.2", "value: .inf", "finite"),
        ("hardware", "value: 192.2, unit: GB/s, kind: published", "value: 192.2, unit: GB/s, kind: guessed", "measured"),
        ("hardware", 'source: "https://cputronic.com/gpu/nvidia-geforce-gtx-1060-3-gb", ', "", "needs its source"),
        ("hardware", 'source: "https://cputronic.com/', 'source: "somewhere', "bandwidth.source: a source is an https:// address"),
        ("hardware", "low: 280, high: 320", "low: 310, high: 320", "not between its low and its high"),
        ("hardware", "    name: T4", "    nane: T4", "did you mean 'name'"),
        ("models", "kv_heads: 3", "kv_heads: 2", "cannot share 2 KV heads"),
        ("models", "layers: 30", "layers: 0", "at least 1"),
        ("models", "kind: measured, date: 2026-11-27, note: read from", "kind: measured, date: yesterday, note: read from", "date"),
        ("prices", "card: t4", "card: t5", "did you mean 't4'"),
        ("prices", "unit: USD/EUR", "unit: EUR/USD", "is in USD/EUR"),
        ("prices", 'note: "the rest of a home machine', 'nota: "the rest of a home machine', "needs a note|unknown key"),
    ],
)  # fmt: skip
def test_a_wrong_figure_is_refused_with_its_line(copied, file, old, new, said) -> None:
    line = copied(file, old, new)
    with pytest.raises(ParamsError) as caught:
        catalogue.read(copied.folder)
    told = str(caught.value)
    assert re.search(said, told), told
    assert re.search(rf"{file}\.yaml:(\d+)", told)
    places = [int(n) for n in re.findall(rf"{file}\.yaml:(\d+)", told)]
    assert any(line - 4 <= place <= line for place in places)  # of a whole entry, it is where that begins


def test_all_problems_of_all_files_at_once(copied) -> None:
    copied("hardware", "value: 192.2", "value: 0")
    copied("models", "layers: 30", "layers: none")
    (copied.folder / "prices.yaml").unlink()
    with pytest.raises(ParamsError) as caught:
        catalogue.read(copied.folder)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(("ask", "near"), [(LISTED.card, "gtx-1060-3g"), (LISTED.model, "phi3-min")])
def test_an_unknown_name_gets_the_nearest(ask, near) -> None:
    with pytest.raises(HomelabError) as caught:
        ask(near)
    assert "did you mean" in caught.value.hint


def test_the_verdict_adds_up_several_cards() -> None:
    found = LISTED.verdict("llama-2-70b", "a10g-x4", 2500)
    assert found.word == "fits"
    assert found.there == 96 << 30
    assert found.need.driver == 4 * 250 << 20
    assert LISTED.verdict("llama-2-70b", "rtx-3090", 2500).word == "spills"


def test_a_million_tokens() -> None:
    assert cost.per_million(2.0, 2.0) == pytest.approx(277.78, abs=0.01)
    assert cost.per_million(5.672, 2.0) == pytest.approx(787.78, abs=0.01)
    assert cost.electricity(1000, 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf])
def test_no_speed_has_no_price(speed) -> None:
    with pytest.raises(HomelabError, match="never comes"):
        cost.per_million(1.0, speed)


def test_break_even_is_where_the_sums_meet() -> None:
    own = cost.at_home(LISTED, "rtx-3060-12gb", 40.0)
    for name in ("g4dn-spot", "g4dn-on-demand"):
        hired = cost.rented(LISTED, name, 30.0)
        hours = cost.break_even(own, hired)
        assert cost.spent(own, hours) == pytest.approx(cost.spent(hired, hours, own.speed))
        assert cost.spent(own, hours * 0.9) > cost.spent(hired, hours * 0.9, own.speed)


def test_break_even_may_never_come() -> None:
    slow = cost.at_home(LISTED, "a100-80gb", 1.0)
    assert math.isinf(cost.break_even(slow, cost.rented(LISTED, "g4dn-spot", 40.0)))


def test_measured_watts_count_for_all_of_the_machine() -> None:
    assert cost.at_home(LISTED, "t4", 1.0, watts=1000).per_hour == pytest.approx(0.2872 * 1.1)
    assert cost.at_home(LISTED, "t4", 1.0, watts=1000).known == "measured power"
    assert "assumed" in cost.at_home(LISTED, "t4", 1.0).known


def test_the_ceiling_of_cards_after_each_other_and_together() -> None:
    card = LISTED.card("a10g-x4")
    assert cost.ceiling(card, 38.9e9) == pytest.approx(15.4, abs=0.05)
    assert cost.ceiling(card, 38.9e9, together=True) == pytest.approx(61.7, abs=0.05)


def test_the_talks_figures_have_their_arithmetic() -> None:
    found = talk_figures.claims(LISTED)
    told = "\n".join(f"{c.said} {c.arithmetic} {c.why}" for c in found)
    assert {c.verdict for c in found} == {"holds", "loose", "open"}
    for figure in (
        "2 tokens/s",
        "2500 tokens",
        "$2 per hour",
        "$0.16",
        "$10K",
        "3 GB",
        "$278",
        "$788",
        "7,200",
        "65% less",
        "0.82 GB",
    ):
        assert figure in told
    assert all(c.said and c.arithmetic and c.why.endswith(".") for c in found)


def test_the_talks_figures_follow_the_prices(copied) -> None:
    copied("prices", "{value: 5.672", "{value: 4.0")
    assert "50% less" in str(talk_figures.claims(catalogue.read(copied.folder)))
