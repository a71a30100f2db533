"""What the benchmark panel offers: every engine that can be asked here, with every model that it has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homelab.llm import model
from homelab.llm.embedded import Embedded
from homelab.llm.ollama import Ollama
from homelab.llm.openai import OpenAI
from homelab.stages import gpu_benchmarks as chapter

if TYPE_CHECKING:
    from homelab.llm.engine import Engine
    from homelab.stages.gpu_benchmarks import Params
    from homelab.world import World

BESIDE = "beside this notebook"


@dataclass(frozen=True)
class Choice:
    """`model` of an engine, asked from `place`; `most` is the context that it takes (tokens, 0: it does not tell)."""

    place: str
    model: str
    most: int
    opened: Callable[[], AbstractContextManager[Engine]]


def choices(world: World, wish: Params, engines: dict[str, Engine]) -> list[Choice]:
    """What of the chapter's `engines` can be chosen, and the small engine beside the notebook, which holds more context.

    Nothing where nothing may be measured.

    Raises:
        HomelabError: an engine does not answer.
    """
    found: list[Choice] = []
    for place, engine in engines.items():
        if isinstance(engine, Ollama | OpenAI):
            for name in engine.models():
                other = wish.model_copy(update={"served": name})
                named = engine if wish.engine == "embedded" else chapter.engines(world, other)[place]
                about = named.describe()
                most = about.context or about.trained_context
                found.append(Choice(place, about.model, most, _as_it_is(named)))
    if engines and wish.engine == "embedded" and not chapter.missing():
        small = model.bundled()
        found.append(Choice(BESIDE, small.name, small.context, Embedded))
    return found


def _as_it_is(engine: Engine) -> Callable[[], AbstractContextManager[Engine]]:
    """A server goes on afterwards."""
    return lambda: nullcontext(engine)
