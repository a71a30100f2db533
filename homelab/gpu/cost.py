"""What a token costs: by the hour of a rented machine, or by the electricity and the price of one's own card.

All amounts are dollars. A speed is that of one stream of tokens: a server that answers many at once gets
more out of the same hour, and each token is cheaper there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from homelab.errors import HomelabError
from homelab.gpu.catalogue import Card, Catalogue, one

MILLION = 1_000_000
HOUR = 3600  # seconds


@dataclass(frozen=True)
class Way:
    """A way to get tokens: `per_hour` dollars while it works, `price` dollars before; `speed` in tokens/s; `known` how well."""

    name: str
    kind: str  # home, spot, on-demand
    per_hour: float
    speed: float
    price: float = 0.0
    known: str = ""

    @property
    def per_million(self) -> float:
        """Dollars for a million tokens, without what it cost to buy."""
        return per_million(self.per_hour, self.speed)


def per_million(per_hour: float, tokens_per_second: float) -> float:
    """Dollars for a million tokens.

    Raises:
        HomelabError: no speed at all.
    """
    if not tokens_per_second > 0 or not math.isfinite(tokens_per_second):
        raise HomelabError(
            f"at {tokens_per_second:g} tokens/s a million never comes", "", "measure the speed again"
        )
    return per_hour / (tokens_per_second * HOUR) * MILLION


def electricity(watts: float, per_kwh: float) -> float:
    """Dollars for an hour of `watts`."""
    return watts / 1000 * per_kwh


def break_even(own: Way, rented: Way) -> float:
    """Hours of work after which one's own card is cheaper than renting the same tokens; infinite where never.

    `rented` is asked for as many tokens as one's own card makes in that time, which may take it more or fewer hours.
    """
    rented_per_hour = (
        rented.per_million / MILLION * own.speed * HOUR
    )  # for as many tokens as ours makes in an hour
    saved = rented_per_hour - own.per_hour
    return own.price / saved if saved > 0 else math.inf


def spent(way: Way, hours: float, speed: float = 0.0) -> float:
    """Dollars after `hours` of making `speed` tokens/s (0: its own speed) by this way, its price included."""
    return way.price + way.per_hour * hours * ((speed or way.speed) / way.speed)


def at_home(
    catalogue: Catalogue, card: str, speed: float, *, watts: float = 0.0, tariff: str = "eu-home"
) -> Way:
    """A `card` in one's own machine; `watts` measured for all of it, else the card's limit and the assumed rest."""
    what = catalogue.card(card)
    draws = watts or what.power.value * what.count + catalogue.prices.machine.value
    known = "measured power" if watts else "the card's power limit, and an assumed rest of the machine"
    price = what.price.value * what.count if what.price else 0.0
    return Way(
        f"{what.name} at home",
        "home",
        electricity(draws, catalogue.prices.per_kwh(tariff)),
        speed,
        price,
        known,
    )


def rented(catalogue: Catalogue, name: str, speed: float) -> Way:
    """A machine of the price list."""
    rent = one(catalogue.prices.rent, name, "machine to rent")
    return Way(rent.name, rent.market, rent.price.value, speed, 0.0, str(rent.price))


def ceiling(card: Card, bytes_per_token: float, *, together: bool = False) -> float:
    """Tokens/s that reading `bytes_per_token` for each token allows: no card decodes one stream faster.

    Several cards read one after the other, layer by layer; only `together` (tensor parallel) do they read at once.
    """
    return card.bandwidth.value * 1e9 * (card.count if together else 1) / bytes_per_token
