"""How much of a sentence was heard: the word error rate, on words as people compare them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class WordErrors:
    """Words put in, left out or changed, of `words` that were said; `changed` shows them: ``paints → paint``."""

    errors: int
    words: int
    changed: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Errors per word said: 0.0 is all heard; above 1.0 more was made up than said."""
        return self.errors / self.words

    def __str__(self) -> str:
        what = f" ({', '.join(self.changed)})" if self.changed else ""
        return f"{self.errors} of {self.words} words wrong, {self.rate:.1%}{what}"


def spoken(text: str) -> list[str]:
    """The words of `text` without case and punctuation; an apostrophe inside a word stays."""
    return re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'"))


def word_errors(said: str, heard: str) -> WordErrors:
    """The least number of words to put in, leave out or change that turns what was `heard` into what was `said`.

    Raises:
        ValueError: nothing was said, so no rate exists.
    """
    want, got = spoken(said), spoken(heard)
    if not want:
        raise ValueError("no word was said: there is no error rate of nothing")
    costs = [[0] * (len(got) + 1) for _ in range(len(want) + 1)]
    for i in range(len(want) + 1):
        for j in range(len(got) + 1):
            if i == 0 or j == 0:
                costs[i][j] = i or j
            else:
                same = costs[i - 1][j - 1] + (want[i - 1] != got[j - 1])
                costs[i][j] = min(same, costs[i - 1][j] + 1, costs[i][j - 1] + 1)
    return WordErrors(costs[-1][-1], len(want), tuple(reversed(list(_changes(want, got, costs)))))


def _changes(want: list[str], got: list[str], costs: list[list[int]]) -> list[str]:
    """The differences, last first."""
    i, j, changes = len(want), len(got), []
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (want[i - 1] != got[j - 1]):
            if want[i - 1] != got[j - 1]:
                changes.append(f"{want[i - 1]} → {got[j - 1]}")
            i, j = i - 1, j - 1
        elif i and costs[i][j] == costs[i - 1][j] + 1:
            changes.append(f"{want[i - 1]} → nothing")
            i -= 1
        else:
            changes.append(f"nothing → {got[j - 1]}")
            j -= 1
    return changes
