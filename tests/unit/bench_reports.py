"""A report as the benchmarks' chapter gets it, and an engine that answers at once: for its tests."""

from __future__ import annotations

from homelab.gpu.bandwidth import Bandwidth
from homelab.llm.engine import Description, Generated
from homelab.llm.result import Case, Report, Sample

MEMORY = Bandwidth(10.0, 0.1, (10.0, 10.0), 2, 1.0, 0.1)


def sample(
    decode: float, disturbed: tuple[str, ...] = (), prefill: float | None = None, **more: float
) -> Sample:
    return Sample(16, 32, 0, prefill, decode, 0.1, prefill, decode, disturbed=disturbed, asking=0.012, **more)


def report(*disturbed: str) -> Report:
    engine = Description(
        "an engine", model="m", weights=100_000_000, kv=20_000, parameters=135_000_000, device="CPU"
    )
    cases = [
        Case(0, 1, [sample(50.0, disturbed) for _ in range(3)]),
        Case(512, 1, [sample(40.0, disturbed, 200.0) for _ in range(3)]),
    ]
    return Report(engine, {}, 3, 32, cases)


class Fake:
    """An engine that answers at once; it has no processor time."""

    name = "fake"

    def describe(self) -> Description:
        return Description("fake", model="m", threads=1)

    def load(self, context: int, slots: int = 1) -> float:
        return 0.0

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        return Generated(prompt_tokens, tokens, 0.0, 0.1, 0.2, 0.2, engine_prompt=0.09)

    def cpu(self) -> None:
        return None
