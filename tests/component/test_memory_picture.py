"""The bar of a machine's memory, drawn, and in words for those who do not see it."""

from __future__ import annotations

import pytest

from homelab.pictures.memory import GIB, memory


@pytest.mark.parametrize(
    ("parts", "kept", "said"),
    [
        (
            {"a": GIB, "b": 50 << 20},
            ("the game", 6 * GIB),
            "of 16.0 GiB: a 1.0 GiB, b 50 MiB; left: 15.0 GiB, the game wants 6.0 GiB",
        ),
        (
            {"a": 12 * GIB},
            ("the game", 6 * GIB),
            "of 16.0 GiB: a 12.0 GiB; left: 4.0 GiB, the game wants 6.0 GiB",
        ),
        ({"a": 20 * GIB}, ("", 0), "of 16.0 GiB: a 20.0 GiB; 4.0 GiB too much"),
    ],
)
def test_memory_in_words_and_drawn(parts, kept, said) -> None:
    drawn = memory(16 * GIB, parts, kept, "Tequila")
    assert str(drawn) == said
    assert "<svg" in drawn.svg()
    assert all(name in drawn.svg() for name in parts)
