"""What is to be painted, whoever paints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """The `prompt`, and how it is painted: ``width×height`` as Fooocus offers it, its word for speed, the seed."""

    prompt: str
    size: str = "1152×896"
    performance: str = "Speed"
    seed: int = 1
