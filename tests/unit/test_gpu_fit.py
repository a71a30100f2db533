"""Will it fit: the arithmetic against what engines and published tables say, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from homelab.gpu import catalogue, fit
from homelab.gpu.fit import GIB, MIB, Shape

SMOLLM2 = Shape(30, 3, 64, 64, 9, 576, 49152, 8192)
LISTED = catalogue.read()
# https://github.com/gpustack/gguf-parser-go/blob/8dc7a622149dd1e477c86778fc1123fc1c0a316a/README.md, and of
# Mistral …/blob/0930736f1553ba5d9dac27ef7feac71d0ce23c9e/README.md: VRAM at a context, without flash attention
TABLE = [
    ("mistral-7b", 4.78, 32768, 4.0, 11.16),
    ("qwen2.5-7b", 7.54, 131072, 7.0, 21.82),
    ("qwen2.5-7b", 4.36, 131072, 7.0, 18.89),
    ("qwen2.5-72b", 44.15, 32768, 10.0, 58.18),
    ("llama-3.3-70b", 37.35, 131072, 40.0, 93.62),
    ("llama-3.3-70b", 39.59, 131072, 40.0, 95.86),
    ("llama-3.3-70b", 39.59, 2048, 0.625, 40.49),
]


@pytest.mark.parametrize(("context", "mib"), [(2048, 45), (4096, 90), (8192, 180)])
def test_the_kv_cache_is_what_llama_cpp_logs(context, mib) -> None:
    assert fit.kv_per_token(SMOLLM2) == 23_040
    assert fit.kv_bytes(SMOLLM2, context) == mib * MIB


@pytest.mark.parametrize(
    ("shape", "context", "kv", "compute"),
    [
        # https://github.com/danbev/learning-ai/blob/main/agents/llama-cpp-agent/README.md (phi3)
        (LISTED.model("phi3-mini").dimensions, 2048, 768.0, None),
        # https://github.com/JamePeng/llama-cpp-python/pull/1 (qwen2, 28 layers of 4 KV heads)
        (Shape(28, 4, 128, 128, 28, 3584, 152064, 131072), 2048, 112.0, 304.0),
        # https://github.com/SciSharp/LLamaSharp/issues/1099 (qwen2, 36 layers of 2 KV heads)
        (Shape(36, 2, 128, 128, 16, 2048, 151936, 32768), 4096, 144.0, 300.75),
    ],
    ids=["phi3 mini", "qwen2.5 7B", "qwen2.5 3B"],
)
def test_caches_and_buffers_are_what_engines_logged_elsewhere(shape, context, kv, compute) -> None:
    assert fit.kv_bytes(shape, context) / MIB == kv
    if compute:
        assert fit.compute_bytes(shape, context) / MIB == compute


@pytest.mark.parametrize(("name", "weights", "context", "kv", "published"), TABLE)
def test_need_is_near_published_tables(name, weights, context, kv, published) -> None:
    """They leave the input embeddings in RAM, which we count: ours is the larger, by no more than that."""
    shape = LISTED.model(name).dimensions
    need = fit.need(round(weights * GIB), shape, context, flash=False)
    assert need.kv / GIB == kv
    embeddings = shape.vocabulary * shape.embedding * weights * GIB / LISTED.model(name).parameters
    assert published * GIB * 0.99 < need.total < published * GIB * 1.01 + embeddings
    for there in (8, 12, 24, 48, 80, 96):  # the cards that one meets: both come to the same verdict
        if abs(published - there) > 1.0:
            assert (need.total <= there * GIB) == (published <= there)


def test_a_context_is_allocated_in_whole_blocks() -> None:
    assert fit.cells(2500) == 2560
    assert fit.kv_bytes(SMOLLM2, 2500) == fit.kv_bytes(SMOLLM2, 2560) > fit.kv_bytes(SMOLLM2, 2304)


def test_a_quantized_cache_and_heads_that_differ_by_layer() -> None:
    assert fit.kv_per_token(SMOLLM2, fit.Q8_0) == 23_040 * 34 / 64
    assert fit.kv_per_token(dataclasses.replace(SMOLLM2, kv_heads=(3,) * 30)) == 23_040


@pytest.mark.parametrize(
    ("memory", "word", "layers"),
    [(12 * GIB, "fits", 32), (round(5.7 * GIB), "tight", 32), (3 * GIB, "spills", 16), (200 * MIB, "no", 0)],
)
def test_the_verdict_on_llama_8b(memory, word, layers) -> None:
    model = LISTED.model("llama-3.1-8b")
    found = fit.verdict(fit.need(model.size, model.dimensions, 2048), memory, model.layers)
    assert (found.word, found.layers_on_card) == (word, layers)


@pytest.mark.parametrize("memory", [1 * GIB, 3 * GIB, 6 * GIB, 12 * GIB, 80 * GIB])
@pytest.mark.parametrize("name", list(LISTED.models))
def test_the_largest_context_fits_and_one_block_more_does_not(name, memory) -> None:
    model = LISTED.model(name)
    largest = fit.largest_context(model.size, model.dimensions, memory)
    if largest:
        assert fit.need(model.size, model.dimensions, largest).total <= memory
    if largest < model.context:
        more = min(largest + fit.CELLS, model.context)
        assert fit.need(model.size, model.dimensions, more).total > memory


def test_too_large_is_refused_with_the_largest_context() -> None:
    model = LISTED.model("phi3-mini")
    with pytest.raises(
        fit.TooLarge, match=r"phi3 at 2500 tokens needs 3.* GiB = weights .* there is 3.00 GiB"
    ) as caught:
        fit.refuse_too_large("phi3", model.size, model.dimensions, 2500, 3 * GIB, LISTED.sizes())
    assert caught.value.largest == 1024
    assert caught.value.hint == "with a context of 1024 tokens it fits"
    assert fit.refuse_too_large("phi3", model.size, model.dimensions, 1024, 3 * GIB)


def test_too_large_at_any_context_names_the_largest_model_that_fits() -> None:
    model = LISTED.model("llama-2-70b")
    with pytest.raises(fit.TooLarge) as caught:
        fit.refuse_too_large("the 70B", model.size, model.dimensions, 2048, 3 * GIB, LISTED.sizes())
    assert caught.value.hint == "the largest that fits at 2048 tokens is llama-3.2-3b"
    with pytest.raises(fit.TooLarge) as caught:
        fit.refuse_too_large("the 70B", model.size, model.dimensions, 2048, 1 * MIB, LISTED.sizes())
    assert caught.value.hint == "no model that we know fits"


@pytest.mark.parametrize(
    ("context", "said"), [(0, "holds nothing"), (-1, "holds nothing"), (8193, "beyond the model's 8192")]
)
def test_a_context_that_is_none(context, said) -> None:
    with pytest.raises(fit.BeyondContext, match=said):
        fit.need(1, SMOLLM2, context)
