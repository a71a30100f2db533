"""Two edits of one thing as one: whatever only one side changed is as that side has it, and nothing is guessed."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

import pytest

from homelab.three_way import Disagree, items, lines, merge


@dataclass(frozen=True)
class Thing:
    on: bool = False
    name: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""


WORDS = tuple(f"tag:{letter}" for letter in "abcdefgh")


def _any(draw: random.Random, base: Thing | None = None) -> Thing:
    """A thing; or `base` with some of it changed."""
    made = Thing(
        draw.random() < 0.5,
        draw.choice("xyz"),
        tuple(draw.sample(WORDS, draw.randint(0, 5))),
        "".join(f"line {n} {draw.choice('pq')}\n" for n in range(draw.randint(0, 9))),
    )
    if base is None:
        return made
    kept = {f.name: getattr(base, f.name) for f in fields(Thing) if draw.random() < 0.6}
    return Thing(**{**vars(made), **kept})


def _merged(base: Thing, one: Thing, other: Thing) -> tuple[Thing | None, str]:
    try:
        return merge(base, one, other), ""
    except Disagree as error:
        return None, error.what


@pytest.mark.parametrize("seed", range(300))
def test_what_always_holds(seed: int) -> None:
    draw = random.Random(seed)
    base = _any(draw)
    one, other = _any(draw, base), _any(draw, base)
    assert merge(base, one, base) == one
    assert merge(base, base, other) == other
    assert merge(base, one, one) == one
    both, field = _merged(base, one, other)
    if both is None:
        assert getattr(one, field) != getattr(other, field), "they agree on this"
        assert getattr(base, field) not in (getattr(one, field), getattr(other, field))
        assert _merged(base, other, one)[0] is None
        return
    assert {**vars(merge(base, other, one)), "tags": None} == {**vars(both), "tags": None}, (
        "no side is preferred"
    )
    assert set(merge(base, other, one).tags) == set(both.tags)
    for field in fields(Thing):
        was, mine, theirs = (getattr(t, field.name) for t in (base, one, other))
        if mine == was or theirs == was:
            assert getattr(both, field.name) == (theirs if mine == was else mine)
    for tag in WORDS:
        asked = [tag in side.tags for side in (one, other) if (tag in side.tags) != (tag in base.tags)]
        assert (tag in both.tags) == (asked[0] if asked else tag in base.tags)


def test_routes_and_tags_of_both_stay_in_order() -> None:
    assert items(("a", "b"), ("a", "b", "c"), ("b", "d")) == ("b", "c", "d")
    assert items((), ("fd00::/8",), ("fd7a::/16", "10.0.0.0/8")) == ("fd00::/8", "fd7a::/16", "10.0.0.0/8")
    assert items((), ("tag:x",), ("tag:y",)) == ("tag:x", "tag:y")


@pytest.mark.parametrize(
    ("base", "one", "other"),
    [
        ((), ("A=1",), ("A=2",)),
        (("compose.yaml:00",), ("compose.yaml:11",), ("compose.yaml:22",)),
        (("80:80",), ("80:81",), ("80:82",)),
        ((("a", "old", 1),), (("a", "new", 1),), (("a", "other", 1),)),
    ],
)
def test_two_values_for_one_key_are_not_guessed(base: tuple, one: tuple, other: tuple) -> None:
    with pytest.raises(Disagree):
        items(base, one, other)


TEXT = "".join(f"{n}\n" for n in range(12))


def test_edits_that_are_apart_are_both_made() -> None:
    one, other = TEXT.replace("2\n", "two\n", 1), TEXT.replace("9\n", "9\nand a half\n")
    both = lines(TEXT, one, other)
    assert both == one.replace("9\n", "9\nand a half\n") == lines(TEXT, other, one)


def test_edits_of_the_same_place_are_not() -> None:
    for other in (
        TEXT.replace("2\n", "deux\n", 1),
        TEXT.replace("3\n", "drei\n", 1),
        TEXT.replace("2\n", "2\nx\n", 1),
    ):
        with pytest.raises(Disagree):
            lines(TEXT, TEXT.replace("2\n", "two\n", 1), other)


def test_a_state_that_its_resource_refuses_is_none() -> None:
    from homelab.resources.file import State

    base = State("/x", "a\nb\nc\nd\ne\n", 0o600)
    one, other = State("/x", base.text, 0o644), State("/x", "a\nb\nc\nd\nkey={{env:KEY}}\n", 0o600)
    with pytest.raises(Disagree, match="owner alone"):
        merge(base, one, other)
