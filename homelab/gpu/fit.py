"""Will it fit: weights, the KV cache, the compute buffer and the driver's own share, against a memory.

The KV cache is exact, for it is arithmetic: each layer keeps one key and one value for each token. The
compute buffer is llama.cpp's worst step of a batch: either the logits of every vocabulary entry, or, without
flash attention, the scores of every head against every token: what engines logged until 2025, and an upper bound
since, for newer ones keep fewer logits. Tests compare both with engines' logs. What the driver takes is a
published guess (``DRIVER``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.errors import HomelabError

MIB, GIB = 1 << 20, 1 << 30
F16, Q8_0, Q4_0 = 2.0, 34 / 32, 18 / 32  # bytes of one number in the KV cache (`--cache-type-k`)
F32 = 4
BATCH = 512  # tokens that llama.cpp computes at once (`--ubatch-size`)
CELLS = 256  # the engine rounds a context up to whole blocks of so many tokens
# What a CUDA context takes on a card before anything is loaded, as gguf-parser assumes it:
# https://github.com/gpustack/gguf-parser-go/blob/main/cmd/gguf-parser/README.md (--platform-footprint)
DRIVER = 250 * MIB
TIGHT = 0.9  # of the memory: above that, anything else that wants some will be in the way


class TooLarge(HomelabError):
    """A model does not fit: what it `needs` and what there `is` (bytes), and the `largest` context that would fit (0: none)."""

    def __init__(self, what: str, needs: int, there: int, largest: int, hint: str) -> None:
        super().__init__(what, "", hint)
        self.needs, self.there, self.largest = needs, there, largest


class BeyondContext(HomelabError):
    """More context than the model was made for, or none at all."""


@dataclass(frozen=True)
class Shape:
    """What of a model decides about memory. `kv_heads` is one number, or one for each layer.

    `context` is what the model was made for (tokens); `exact` is False where its attention keeps less than
    we count (a sliding window, compressed keys): then the need is an upper bound, and `why` says so.
    """

    layers: int
    kv_heads: int | tuple[int, ...]
    key: int
    value: int
    heads: int
    embedding: int
    vocabulary: int
    context: int
    exact: bool = True
    why: str = ""

    @property
    def kv_heads_in_all(self) -> int:
        """KV heads of all layers together."""
        return sum(self.kv_heads) if isinstance(self.kv_heads, tuple) else self.layers * self.kv_heads


@dataclass(frozen=True)
class Need:
    """Bytes that a model needs at `context` tokens, by what for."""

    context: int
    weights: int
    kv: int
    compute: int
    driver: int

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.weights + self.kv + self.compute + self.driver

    def __str__(self) -> str:
        parts = (
            ("weights", self.weights),
            ("KV cache", self.kv),
            ("compute", self.compute),
            ("driver", self.driver),
        )
        return f"{size(self.total)} = " + " + ".join(f"{name} {size(n)}" for name, n in parts if n)


@dataclass(frozen=True)
class Verdict:
    """Whether a need fits into a memory of `there` bytes: `word` is fits, tight, spills or no.

    *spills*: only `layers_on_card` of the layers fit, the rest is computed by the CPU; *no*: not even one.
    """

    word: str
    need: Need
    there: int
    layers_on_card: int

    @property
    def share(self) -> float:
        """The need as a share of the memory; above 1 it does not fit."""
        return self.need.total / self.there


def cells(context: int) -> int:
    """`context` as the engine allocates it: rounded up to whole blocks (tokens)."""
    return -(-context // CELLS) * CELLS


def kv_per_token(shape: Shape, element: float = F16) -> float:
    """Bytes of KV cache that one token of context takes."""
    return shape.kv_heads_in_all * (shape.key + shape.value) * element


def kv_bytes(shape: Shape, context: int, element: float = F16) -> int:
    """The KV cache of `context` tokens as it is allocated (bytes); `element` is the bytes of one number in it."""
    return round(kv_per_token(shape, element) * cells(context))


def compute_bytes(shape: Shape, context: int, *, flash: bool = True, batch: int = BATCH) -> int:
    """llama.cpp's compute buffer (bytes): the larger of its two worst moments in a batch of `batch` tokens.

    At the end the logits of the whole vocabulary stand beside the last layer's output. Without `flash`
    attention each head's scores against all of the context stand beside a mask and four activations.
    """
    logits = shape.vocabulary + shape.embedding
    scores = 0 if flash else (shape.heads + 1) * cells(context) + 4 * shape.embedding
    return F32 * batch * max(logits, scores)


def need(
    weights: int,
    shape: Shape,
    context: int,
    *,
    element: float = F16,
    flash: bool = True,
    driver: int = DRIVER,
) -> Need:
    """What `weights` bytes of a model of `shape` need at `context` tokens; without a card `driver` is 0.

    Raises:
        BeyondContext: no context at all, or more than the model was made for.
    """
    if context < 1:
        raise BeyondContext(f"a context of {context} tokens holds nothing", "", "one token at least")
    if context > shape.context:
        raise BeyondContext(
            f"a context of {context} tokens is beyond the model's {shape.context}", "",
            f"ask for {shape.context} at most",
        )  # fmt: skip
    kv, compute = kv_bytes(shape, context, element), compute_bytes(shape, context, flash=flash)
    return Need(context, weights, kv, compute, driver)


def verdict(wanted: Need, memory: int, layers: int) -> Verdict:
    """Whether `wanted` fits into `memory` bytes; `layers` is how many the model has."""
    if wanted.total <= memory:
        return Verdict("tight" if wanted.total > TIGHT * memory else "fits", wanted, memory, layers)
    a_layer = (
        wanted.weights + wanted.kv
    ) / layers  # the embeddings count as a part of each: good enough to tell
    on_card = int(max(0.0, memory - wanted.compute - wanted.driver) // a_layer)
    return Verdict("spills" if on_card else "no", wanted, memory, min(on_card, layers - 1))


def largest_context(
    weights: int, shape: Shape, memory: int, *, element: float = F16, flash: bool = True, driver: int = DRIVER
) -> int:
    """The largest context (tokens) that fits into `memory` bytes, at most the model's own; 0 where none does."""

    def fits(context: int) -> bool:
        wanted = need(weights, shape, context, element=element, flash=flash, driver=driver)
        return wanted.total <= memory

    if fits(shape.context):
        return shape.context
    low, high = 0, shape.context // CELLS  # blocks: `low` fits, `high + 1` does not
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * CELLS) else (low, middle - 1)
    return low * CELLS


def refuse_too_large(
    name: str, weights: int, shape: Shape, context: int, memory: int,
    others: Mapping[str, tuple[int, Shape]] | None = None, *, driver: int = DRIVER,
) -> Need:  # fmt: skip
    """The need of model `name`, when it fits into `memory` bytes: to be asked before an engine loads it.

    `others` are models by name (weights in bytes, shape), of which the hint names the largest that fits.

    Raises:
        TooLarge: it does not fit, not even tightly.
        BeyondContext: as `need`.
    """
    wanted = need(weights, shape, context, driver=driver)
    if wanted.total <= memory:
        return wanted
    largest = largest_context(weights, shape, memory, driver=driver)
    if largest:
        hint = f"with a context of {largest} tokens it fits"
    else:
        best = largest_model(others or {}, context, memory, driver=driver)
        hint = (
            f"the largest that fits at {context} tokens is {best}" if best else "no model that we know fits"
        )
    what = f"{name} at {context} tokens needs {wanted}, and there is {size(memory)}"
    raise TooLarge(what, wanted.total, memory, largest, hint)


def largest_model(
    models: Mapping[str, tuple[int, Shape]], context: int, memory: int, *, driver: int = DRIVER
) -> str:
    """The name of the model with the most weights that fits with `context` tokens; empty where none does."""
    fitting = {
        name: weights
        for name, (weights, shape) in models.items()
        if context <= shape.context and need(weights, shape, context, driver=driver).total <= memory
    }
    return max(fitting, key=lambda name: fitting[name], default="")


def size(count: float) -> str:
    """Bytes as a card's maker counts them: ``2.46 GiB``, ``97.1 MiB``."""
    return f"{count / GIB:.2f} GiB" if abs(count) >= GIB else f"{count / MIB:.1f} MiB"
