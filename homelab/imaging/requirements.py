"""What Fooocus asks of a card, as its own page says, and whether a card has it.

Source: https://github.com/lllyasviel/Fooocus#minimal-requirement, readme.md at 59f183a (2025-01-24), looked up
2026-11-27. The least of all is 4 GB, on RTX cards; older generations need more. On the processor alone it runs
with 32 GB of memory, "about 17x slower" than an RTX 30.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "https://github.com/lllyasviel/Fooocus#minimal-requirement"
LEAST = 4  # GB of VRAM; the page's "minimal requirement", on an RTX 20, 30 or 40
BY_NAME = (("RTX", 4), ("GTX 10", 8), ("GTX 9", 8))  # part of a card's name: GB
UNCERTAIN = {"GTX 10": "reports differ on whether 6 GB will do"}
GB = 2**30 * 0.94  # a card sold with 4 GB shows a little less than 4 GiB
TEQUILA = ("NVIDIA GeForce GTX 1060 3GB", 3 * 2**30)  # the talk's laptop


@dataclass(frozen=True)
class Verdict:
    """Whether a card `suffices`, what is `asked` (GB of VRAM), and the sentence that says so."""

    suffices: bool
    asked: int
    said: str

    def __str__(self) -> str:
        return self.said


def verdict(card: str, total: int) -> Verdict:
    """Whether Fooocus' page says that a `card` with `total` bytes of VRAM is enough.

    Raises:
        ValueError: a card without memory.
    """
    if total <= 0:
        raise ValueError(f"{card} has no memory ({total} bytes): nothing can be said")
    part, asked = next(((p, n) for p, n in BY_NAME if p in card), ("", LEAST))
    ask = f"Fooocus asks {f'{part} cards' if part else 'a card'} for {asked} GB of VRAM"
    has = f"{card} has {total / 2**30:.1f} GiB"
    if total >= asked * GB:
        return Verdict(True, asked, f"{ask}; {has}: enough")
    doubt = f" ({UNCERTAIN[part]})" if part in UNCERTAIN else ""
    least = f", and any card for {LEAST} GB" if asked > LEAST else ""
    return Verdict(False, asked, f"{ask}{doubt}{least}; {has}: not enough")
