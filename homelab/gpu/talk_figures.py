"""The talk's figures about cards and prices, each beside its arithmetic: what holds, and what is loose."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.gpu.catalogue import Catalogue, one
from homelab.gpu.cost import HOUR, at_home, break_even, ceiling, per_million, rented
from homelab.gpu.fit import GIB, kv_bytes, kv_per_token, size

FOOOCUS = 4 * GIB  # bytes of VRAM that it asks for: https://github.com/lllyasviel/Fooocus#minimal-requirement


@dataclass(frozen=True)
class Claim:
    """`said` in the talk; the `arithmetic`; `verdict` is holds, loose or open; `why`, in a sentence."""

    said: str
    arithmetic: str
    verdict: str
    why: str


def claims(catalogue: Catalogue) -> tuple[Claim, ...]:
    """All of them, computed from the lists of models, cards and prices as they are."""
    return (
        _which_model(catalogue), _speed(catalogue), _dollars(catalogue), _spot(catalogue), _fits_the_t4(catalogue),
        _a100(catalogue), _vram_is_the_limit(catalogue),
    )  # fmt: skip


def _which_model(catalogue: Catalogue) -> Claim:
    talk, model = catalogue.prices.talk, catalogue.model("llama-2-70b")
    found = catalogue.verdict("llama-2-70b", "a10g-x4", int(talk.context.value))
    return Claim(
        "Llama 2 90B on a g5.12xlarge (96 GB of VRAM)",
        f"{model.name}: {found.need}, of {size(found.there)}: {found.share:.0%}",
        "loose",
        "The article that the notes cite is about 70B, a slip of one digit; and it does fit, in four bits.",
    )


def _speed(catalogue: Catalogue) -> Claim:
    talk, model, card = catalogue.prices.talk, catalogue.model("llama-2-70b"), catalogue.card("a10g-x4")
    depth = int(talk.context.value)
    read = model.size + kv_per_token(model.dimensions) * depth
    one, four = ceiling(card, read), ceiling(card, read, together=True)
    return Claim(
        f"{talk.speed.value:g} tokens/s with {depth} tokens of context",
        f"a token reads {model.size / 1e9:.1f} GB of weights and {kv_per_token(model.dimensions) * depth / 1e9:.2f} GB"
        f" of KV cache ({kv_per_token(model.dimensions) / 1024:.0f} KiB × {depth}): at {card.bandwidth.value:g} GB/s at most"
        f" {one:.1f} tokens/s card after card, {four:.1f} with all four at once; measured is {talk.speed.value / one:.0%}"
        f" and {talk.speed.value / four:.0%} of that",
        "open",
        "If the weights were four bits wide and all on the cards, something else held it back; the notes say neither,"
        f" and in sixteen bits ({model.parameters * 2 / 1e9:.0f} GB) it could not have been on the cards at all.",
    )


def _dollars(catalogue: Catalogue) -> Claim:
    talk, demand = catalogue.prices.talk, rented(catalogue, "g5-on-demand", 1.0).per_hour
    speed, price = talk.speed.value, talk.g5.value
    return Claim(
        f"a g5.12xlarge at ${price:g} per hour",
        f"{speed:g} tokens/s × {HOUR} s = {speed * HOUR:,.0f} tokens an hour: ${price:g} ÷ {speed * HOUR:,.0f} × 10⁶ ="
        f" ${per_million(price, speed):,.0f} for a million tokens; on demand, at ${demand:g} an hour,"
        f" ${per_million(demand, speed):,.0f}",
        "loose",
        f"On demand it is ${demand:g}. ${price:g} is {1 - price / demand:.0%} less, which spot machines do reach,"
        " and then somebody else may want it back at any moment.",
    )


def _spot(catalogue: Catalogue) -> Claim:
    rents = catalogue.prices.rent
    rent, demand = (one(rents, name, "machine to rent").price for name in ("g4dn-spot", "g4dn-on-demand"))
    return Claim(
        f"a g4dn.xlarge at spot for ${catalogue.prices.talk.g4dn.value:g} per hour",
        f"${rent.value:g} of ${demand.value:g} on demand: {1 - rent.value / demand.value:.0%} off; others saw"
        f" ${rent.low or rent.value:g} to ${rent.high or rent.value:g}",
        "holds",
        "It is within what others saw. Spot prices move by the hour and the place: look before you count on it.",
    )


def _fits_the_t4(catalogue: Catalogue) -> Claim:
    fitting = {name: catalogue.verdict(name, "t4", 2048) for name in catalogue.models}
    good = [catalogue.models[name].name for name, found in fitting.items() if found.word in ("fits", "tight")]
    largest = max((found.share for found in fitting.values() if found.share <= 1), default=0.0)
    return Claim(
        "16 GB run smaller models fluently",
        f"at 2048 tokens {len(good)} of the {len(fitting)} models of our list fit a T4; the largest takes {largest:.0%}",
        "holds",
        f"They fit; how fluently, its bandwidth of {catalogue.card('t4').bandwidth.value:g} GB/s says.",
    )


def _a100(catalogue: Catalogue) -> Claim:
    talk, card = catalogue.prices.talk, catalogue.card("a100-80gb")
    model = catalogue.model("llama-2-70b")
    speed = ceiling(card, model.size + kv_bytes(model.dimensions, int(talk.context.value)))
    own, hourly = at_home(catalogue, "a100-80gb", speed), rented(catalogue, "a100-hour", speed)
    hours = break_even(own, hourly)
    low, high = (card.price.low, card.price.high) if card.price else (None, None)
    return Claim(
        f"an A100 with 80 GB costs around ${talk.a100.value / 1000:g}K",
        f"offered for ${low or 0:,.0f} (used) to ${high or 0:,.0f} (new); against ${hourly.per_hour:g} an hour, and"
        f" ${own.per_hour:.2f} an hour of electricity at home, bought after {hours:,.0f} hours of work"
        f" ({hours / 24 / 365:.1f} years, day and night)",
        "holds",
        "Within what is asked. WTF is fair: the hours say for whom it pays, and a card in a living room rests at night.",
    )


def _vram_is_the_limit(catalogue: Catalogue) -> Claim:
    talk = catalogue.prices.talk
    words = {name: catalogue.verdict(name, "gtx-1060-3gb", 2048).word for name in catalogue.models}
    good = [catalogue.models[name].name for name, word in words.items() if word in ("fits", "tight")]
    return Claim(
        "VRAM is the biggest limitation at home (a GTX 1060 with 3 GB)",
        f"{talk.vram.value:g} GiB hold {len(good)} of our {len(words)} models at 2048 tokens ({'; '.join(good)});"
        f" Fooocus asks for {size(FOOOCUS)}",
        "holds",
        "Here it is. On a card that is large enough the bandwidth is the next: it sets the speed.",
    )
