"""Fooocus and Fooocus-API are asked as they are at home; a stand-in of the same interface answers."""

from __future__ import annotations

import pytest
import standin_fooocus as stand_in

from homelab.checks import advanced_services
from homelab.errors import HomelabError, NoAnswer
from homelab.imaging import painter, painting, requirements
from homelab.imaging.vram_peak import Memory
from homelab.imaging.wish import Wish
from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader

HERE = LocalMachine("here", Reader(), Pending())
GIB = 2**30


@pytest.mark.parametrize(("kind", "name"), [("fooocus", "Fooocus 2.5.5"), ("api", "Fooocus-API")])
def test_the_painter_is_found_and_paints(kind, name) -> None:
    with stand_in.serving(kind) as server:
        found = painter.find(HERE, server.url + "/")
        assert found.name == name
        assert found.paint(Wish("a laptop")) == stand_in.png(1)


def test_only_the_wish_is_set_and_the_rest_is_the_servers() -> None:
    with stand_in.serving() as server:
        painter.find(HERE, server.url).paint(Wish("a laptop", "704x1408", "Lightning", 7))
        (task,) = server.tasks
    assert task == [
        None, False, "a laptop", "unrealistic", "Lightning", stand_in.SIZES[0], 1, "png", "7", None, 2.0,
    ]  # fmt: skip


def test_the_rest_interface_gets_the_wish() -> None:
    with stand_in.serving("api") as server:
        painter.find(HERE, server.url).paint(Wish("a laptop", "704×1408", "Quality", 7))
        ((task,),) = server.tasks
    assert task["aspect_ratios_selection"] == "704*1408"
    assert (task["prompt"], task["performance_selection"], task["image_seed"]) == ("a laptop", "Quality", 7)


@pytest.mark.parametrize(
    ("kind", "broken", "said"),
    [
        ("fooocus", "dies", "does not paint: status 500"),
        ("fooocus", "refuses", "CUDA out of memory"),
        ("fooocus", "empty", "without a picture"),
        ("fooocus", "lost", "does not give its picture away"),
        ("fooocus", "garbage", "no picture"),
        ("api", "refuses", "body.prompt: field required"),
        ("api", "empty", "without a picture: ERROR"),
        ("api", "garbage", "damaged"),
    ],
)
def test_what_goes_wrong_is_said(kind, broken, said) -> None:
    with stand_in.serving(kind, broken) as server, pytest.raises(HomelabError, match=said):
        painting.measure(painter.find(HERE, server.url), repetitions=1)


@pytest.mark.parametrize(
    ("wish", "hint"),
    [(Wish("x", "704x1407"), "704×1408"), (Wish("x", performance="Fast"), "Extreme Speed")],
)
def test_a_size_or_speed_that_it_has_not_names_those_it_has(wish, hint) -> None:
    with stand_in.serving() as server, pytest.raises(HomelabError) as caught:
        painter.find(HERE, server.url).paint(wish)
    assert hint in caught.value.hint


def test_who_is_no_painter_is_told_so() -> None:
    with stand_in.serving("gradio") as server, pytest.raises(HomelabError, match="no button that paints"):
        painter.find(HERE, server.url)
    with stand_in.serving("nothing") as server, pytest.raises(HomelabError, match="neither Fooocus nor"):
        painter.find(HERE, server.url)
    with stand_in.serving(broken="password") as server, pytest.raises(HomelabError, match="password"):
        painter.find(HERE, server.url)
    with pytest.raises(NoAnswer):
        painter.find(HERE, "http://127.0.0.1:1")


def test_no_time_is_no_picture() -> None:
    with stand_in.serving() as server, pytest.raises(NoAnswer, match="no picture in time"):
        painter.find(HERE, server.url).paint(Wish("x"), seconds=0)


def test_a_measurement_has_its_spread_its_peak_and_a_seed_for_each_picture() -> None:
    used = iter([1, 2, *[3] * 1000])

    def look() -> Memory:
        return Memory(requirements.TEQUILA[0], next(used) * GIB, 3 * GIB)

    with stand_in.serving() as server:
        got = painting.measure(painter.find(HERE, server.url), repetitions=3, look=look)
        seeds = [task[8] for task in server.tasks]
    assert len(set(seeds)) == len(seeds) >= 4  # the first, for the loading, and three or more
    assert len(got.times.quiet) <= len(got.times.repetitions)
    record = got.record()
    assert record["vram_peak_bytes"] > record["vram_before_bytes"] == GIB
    assert record["seconds"] > 0
    assert "asks GTX 10 cards for 8 GB" in got.text()
    assert "data:image/png;base64," in got.html()


def test_no_repetition_is_no_measurement() -> None:
    with stand_in.serving() as server, pytest.raises(ValueError, match="at least 1"):
        painting.measure(painter.find(HERE, server.url), repetitions=0)


@pytest.mark.parametrize(
    ("card", "gib", "suffices", "asked"),
    [
        (*requirements.TEQUILA[:1], 3, False, 8),
        ("NVIDIA GeForce GTX 1080", 8, True, 8),
        ("NVIDIA GeForce RTX 3060", 12, True, 4),
        ("NVIDIA GeForce RTX 3050 Laptop GPU", 3.9, True, 4),
        ("Tesla T4", 15, True, 4),
        ("NVIDIA GeForce MX150", 2, False, 4),
    ],
)
def test_what_fooocus_asks_of_a_card(card, gib, suffices, asked) -> None:
    found = requirements.verdict(card, int(gib * GIB))
    assert (found.suffices, found.asked) == (suffices, asked)
    answer = advanced_services.fooocus_fits(HERE, card, int(gib * GIB))
    assert answer.status == ("ok" if suffices else "warn")


def test_a_card_without_memory_says_nothing() -> None:
    with pytest.raises(ValueError, match="no memory"):
        requirements.verdict("ghost", 0)


def test_the_check_answers_for_a_painter_and_for_nobody() -> None:
    with stand_in.serving() as server:
        assert advanced_services.fooocus_answers(HERE, server.url).status == "ok"
    assert advanced_services.fooocus_answers(HERE, server.url).status == "fail"
