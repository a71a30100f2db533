"""Prompts for engines that take only text: common short words, which most vocabularies hold as one token each."""

from __future__ import annotations

import random

TEXT = (
    "time year people way day man thing woman life child world school state family student group country "
    "problem hand part place case week company system program question work night point home water room "
    "mother area money story fact month lot right study book eye job word business issue side kind head "
    "house service friend father power hour game line end member law car city name team minute idea body"
)
WORDS = TEXT.split()


def prompt(tokens: int, seed: int) -> str:
    """About `tokens` tokens of words in an order of chance: no two seeds begin alike, so no cache helps."""
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(max(1, tokens)))
