"""Will it fit: pick a model, a context and a card, and see what of the card's memory is taken by what."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homelab.panels.beside import place
from homelab.pictures.memory import memory
from homelab.record import live

if TYPE_CHECKING:
    from homelab.gpu.catalogue import Catalogue
    from homelab.pictures.picture import Picture

STEPS = (512, 2048, 2500, 4096, 8192, 16384, 32768, 65536, 131072)  # tokens
SAVED = "The choice of a model, a card and a context: it works in JupyterLab, once this cell has run."
WORDS = {"fits": "it fits", "tight": "tight", "no": "it does not fit"}


def panel(listed: Catalogue, model: str, card: str, context: int) -> Any:
    """The controls above their picture; without somebody to press them (``HOMELAB_HEADLESS``) the picture alone.

    Raises:
        HomelabError: no such model or card; more context than the model was made for.
    """
    first = picture(listed, model, card, context)
    if os.environ.get("HOMELAB_HEADLESS"):
        return first
    _controls(listed, model, card, context)
    return None


def picture(listed: Catalogue, model: str, card: str, context: int) -> Picture:
    """What `model` needs on `card` with `context` tokens; raises as `panel`."""
    found = listed.verdict(model, card, context)
    need, words = found.need, WORDS.get(found.word, "")
    parts = {"weights": need.weights, "KV cache": need.kv, "compute": need.compute, "driver": need.driver}
    if found.word == "spills":
        words = f"spills: {found.layers_on_card} of {listed.model(model).layers} layers on the card"
    title = f"{listed.model(model).name} with {context:,} tokens on {listed.card(card).name}: {words}, {found.share:.0%}"
    drawn = memory(found.there, parts, title=title)
    return replace(drawn, alternative=f"{title}\n{drawn.alternative}")


def contexts(listed: Catalogue, model: str, also: int) -> list[int]:
    """The contexts to pick from: up to what `model` was made for, `also` among them where it can be."""
    most = listed.model(model).context
    return sorted({n for n in (*STEPS, also, most) if n <= most})


def _controls(listed: Catalogue, model: str, card: str, context: int) -> None:
    import ipywidgets

    models = ipywidgets.Dropdown(
        options=[(m.name, k) for k, m in listed.models.items()], value=model, description="Model"
    )
    cards = ipywidgets.Dropdown(
        options=[(c.name, k) for k, c in listed.cards.items()], value=card, description="Card"
    )
    depth = ipywidgets.SelectionSlider(
        options=contexts(listed, model, context), value=context, description="Context"
    )
    place(ipywidgets.VBox([ipywidgets.HBox([models, cards]), depth]), SAVED)
    show = live()

    def draw(_: object = None) -> None:
        show(picture(listed, models.value, cards.value, depth.value))

    def other_model(_: object = None) -> None:
        there = contexts(listed, models.value, context)
        depth.options = there  # its value moves to the first where the old one is gone
        draw()

    models.observe(other_model, "value")
    for control in (cards, depth):
        control.observe(draw, "value")
    draw()
