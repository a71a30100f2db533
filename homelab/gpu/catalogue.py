"""Cards, models and prices as data: every figure says its unit, where it is from, and how well it is known.

The files are ``params/hardware.yaml``, ``models.yaml`` and ``prices.yaml``; a reader may keep copies of them
elsewhere. All of them are checked together, with file and line, before anything is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from homelab.errors import HomelabError, ParamsError, Problem, nearest
from homelab.gpu.fit import DRIVER, GIB, Shape, Verdict, need, verdict
from homelab.params import PARAMS, Strict
from homelab.yamldoc import Document, load, problems_of

THE_TALK = "the talk"
BYTES = {"B": 1, "GB": 10**9, "GiB": GIB}


class Known(Strict):
    """How something is known: ``published`` (with its `source`), ``measured`` or ``assumed`` (with a `note`); `date`: when."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["measured", "published", "assumed"]
    date: date
    source: str = ""
    note: str = ""

    @field_validator("source")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and value != THE_TALK and not re.fullmatch(r"https://\S+", value):
            raise ValueError(f"a source is an https:// address, or {THE_TALK!r}")
        return value

    @model_validator(mode="after")
    def _is_backed(self) -> Known:
        if self.kind == "published" and not self.source:
            raise ValueError(f"a published figure needs its source: an https:// address, or {THE_TALK!r}")
        if self.kind != "published" and not self.note:
            raise ValueError(f"a figure that is {self.kind} needs a note: how, or why so much")
        return self


class Figure(Known):
    """A number above zero with its unit; `low` and `high` where it is known as a range."""

    value: float = Field(gt=0)
    unit: str
    low: float | None = Field(None, gt=0)
    high: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _is_in_range(self) -> Figure:
        if (self.low or self.value) > self.value or (self.high or self.value) < self.value:
            raise ValueError(f"{self.value:g} is not between its low and its high")
        return self

    def __str__(self) -> str:
        span = (
            f" ({self.low or self.value:g} to {self.high or self.value:g})" if self.low or self.high else ""
        )
        return f"{self.value:g} {self.unit}{span}, {self.kind}"


def _in(*units: str) -> Callable[[Figure], Figure]:
    def check(figure: Figure) -> Figure:
        if figure.unit not in units:
            raise ValueError(f"is in {' or '.join(units)}, not in {figure.unit!r}")
        return figure

    return check


Gibibytes = Annotated[Figure, AfterValidator(_in("GiB"))]
Bandwidths = Annotated[Figure, AfterValidator(_in("GB/s"))]
Watts = Annotated[Figure, AfterValidator(_in("W"))]
Dollars = Annotated[Figure, AfterValidator(_in("USD"))]
Hourly = Annotated[Figure, AfterValidator(_in("USD/h"))]


class Card(Strict):
    """A kind of card, or `count` of them in one machine; its figures are one card's."""

    name: str
    about: str = ""
    count: int = Field(1, ge=1, le=64)
    vram: Gibibytes
    bandwidth: Bandwidths
    power: Watts
    price: Dollars | None = None

    @property
    def memory(self) -> int:
        """VRAM of all of them, in bytes."""
        return round(self.vram.value * GIB) * self.count


class Model(Strict):
    """A model as a file: its size, and the shape that decides about memory."""

    name: str
    parameters: float = Field(gt=0)
    layers: int = Field(ge=1, le=1000)
    kv_heads: int = Field(ge=1, le=1024)
    key: int = Field(ge=1, le=4096)
    value: int = Field(ge=1, le=4096)
    heads: int = Field(ge=1, le=1024)
    embedding: int = Field(ge=1, le=1 << 20)
    vocabulary: int = Field(ge=1, le=1 << 24)
    context: int = Field(ge=1, le=1 << 28)
    shape: Known
    weights: Annotated[Figure, AfterValidator(_in(*BYTES))]

    @model_validator(mode="after")
    def _has_heads_enough(self) -> Model:
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads cannot share {self.kv_heads} KV heads evenly")
        return self

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return round(self.weights.value * BYTES[self.weights.unit])

    @property
    def dimensions(self) -> Shape:
        """Its shape, as `homelab.gpu.fit` wants it."""
        return Shape(
            self.layers, self.kv_heads, self.key, self.value, self.heads, self.embedding, self.vocabulary, self.context
        )  # fmt: skip


class Tariff(Strict):
    """Electricity somewhere."""

    name: str
    price: Annotated[Figure, AfterValidator(_in("EUR/kWh", "USD/kWh"))]


class Rent(Strict):
    """A machine with a `card` of the list, by the hour."""

    name: str
    card: str
    market: Literal["on-demand", "spot"]
    price: Hourly


class Talk(Strict):
    """The talk's own figures."""

    speed: Annotated[Figure, AfterValidator(_in("tokens/s"))]
    context: Annotated[Figure, AfterValidator(_in("tokens"))]
    g5: Hourly
    g4dn: Hourly
    a100: Dollars
    vram: Gibibytes


class Hardware(Strict):
    """``hardware.yaml``."""

    cards: dict[str, Card] = Field(min_length=1)


class Models(Strict):
    """``models.yaml``."""

    models: dict[str, Model] = Field(min_length=1)


class Prices(Strict):
    """``prices.yaml``."""

    electricity: dict[str, Tariff] = Field(min_length=1)
    euro: Annotated[Figure, AfterValidator(_in("USD/EUR"))]
    machine: Watts
    rent: dict[str, Rent]
    talk: Talk

    def per_kwh(self, name: str = "eu-home") -> float:
        """A kilowatt-hour in dollars."""
        price: Figure = one(self.electricity, name, "tariff").price
        return price.value * (self.euro.value if price.unit.startswith("EUR") else 1.0)


class Catalogue(Strict):
    """All three files."""

    cards: dict[str, Card]
    models: dict[str, Model]
    prices: Prices

    def card(self, name: str) -> Card:
        """The card called `name` in the file.

        Raises:
            HomelabError: there is none; with the nearest name.
        """
        found: Card = one(self.cards, name, "card")
        return found

    def model(self, name: str) -> Model:
        """The model called `name` in the file; raises as `card`."""
        found: Model = one(self.models, name, "model")
        return found

    def verdict(self, model: str, card: str, context: int) -> Verdict:
        """Whether `model` with `context` tokens fits on an otherwise idle `card`; raises as `card` and `fit.need`.

        Of several cards the memory is added up: layers are spread over them, and each has a driver's share.
        """
        what, where = self.model(model), self.card(card)
        wanted = need(what.size, what.dimensions, context, driver=DRIVER * where.count)
        return verdict(wanted, where.memory, what.layers)

    def sizes(self) -> dict[str, tuple[int, Shape]]:
        """Weights (bytes) and shape of every model by its name, as `fit.refuse_too_large` wants them."""
        return {name: (model.size, model.dimensions) for name, model in self.models.items()}


def one(among: Mapping[str, Any], name: str, what: str) -> Any:
    """The entry `name`.

    Raises:
        HomelabError: there is no such; with the nearest name.
    """
    if name not in among:
        raise HomelabError(f"there is no {what} {name!r} in the list", "", nearest(name, among))
    return among[name]


def read(folder: Path = PARAMS) -> Catalogue:
    """The three files in `folder`.

    Raises:
        ParamsError: every problem of all of them, with file and line.
    """
    problems: list[Problem] = []
    made: dict[str, Any] = {}
    documents: dict[str, Document] = {}
    for name, kind in (("hardware", Hardware), ("models", Models), ("prices", Prices)):
        try:
            documents[name] = load(folder / f"{name}.yaml")
            made[name] = kind.model_validate(documents[name].data)
        except ParamsError as error:
            problems += error.problems
        except ValidationError as error:
            problems += problems_of(error, kind, documents[name])
    if {"hardware", "prices"} <= made.keys():
        cards = made["hardware"].cards
        for key, rent in made["prices"].rent.items():
            if rent.card not in cards:
                where = documents["prices"].where(("rent", key, "card"))
                problems.append(Problem(where, f"there is no card {rent.card!r}", nearest(rent.card, cards)))
    if problems:
        raise ParamsError(problems)
    return Catalogue(cards=made["hardware"].cards, models=made["models"].models, prices=made["prices"])
