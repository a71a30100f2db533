"""The head of a GGUF file: what a model is, read from a local file or over HTTP without a download.

The head stands first, so a few range requests get it (a megabyte or a few, of gigabytes). The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import requests

from homelab.errors import HomelabError
from homelab.gpu.fit import Shape
from homelab.gpu.gguf_types import BLOCKS, FILE_TYPES

MAGIC = b"GGUF"
STEP = 1 << 20  # bytes that one range request asks for
LARGEST_HEAD = 128 << 20  # bytes; a vocabulary of a million words is a tenth of that
MOST = 10_000_000  # of anything that is counted in the head
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
TIMEOUT = 20.0  # seconds for one answer of a server


class NotGguf(HomelabError):
    """This is no GGUF file that can be used; `kind` is missing, other, truncated, version, damaged, or server."""

    def __init__(self, kind: str, what: str, where: str, hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.kind = kind


@dataclass(frozen=True)
class Tensor:
    """A matrix of weights: `count` numbers in `size` bytes, `offset` bytes into the data."""

    name: str
    kind: str
    count: int
    size: int
    offset: int


@dataclass(frozen=True)
class Head:
    """A file's head: `metadata` as in the file (long lists as their length), its `tensors`, and the file's `size` (bytes).

    `read` is how many bytes were read to know it.
    """

    source: str
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    size: int
    read: int

    @property
    def name(self) -> str:
        """What the file calls its model."""
        return str(self.metadata.get("general.name") or Path(self.source).name)

    @property
    def architecture(self) -> str:
        """``llama``, ``qwen2``, ``phi3`` …"""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def quantization(self) -> str:
        """How most of the weights are stored: ``Q4_K_M``."""
        return FILE_TYPES.get(self.metadata.get("general.file_type", -1), "unknown")

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(one.count for one in self.tensors)

    @property
    def weights(self) -> int:
        """Bytes of all tensors; of this file alone, where a model is split into several."""
        return sum(one.size for one in self.tensors)

    @property
    def parts(self) -> int:
        """How many files the model is split into."""
        return int(self.metadata.get("split.count", 1) or 1)

    @property
    def shape(self) -> Shape:
        """What decides about memory.

        Raises:
            NotGguf: the file does not say (it is no language model).
        """
        return _shape(self)


class Source(Protocol):
    """Bytes from somewhere: `size` of the whole (bytes), and a piece of it."""

    size: int

    def piece(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start` on."""
        ...


def read(source: str | Path) -> Head:
    """The head of the GGUF file at a path or an ``https://`` address.

    Raises:
        NotGguf: nothing there, something else, cut off, or a server that does not serve parts of files.
    """
    text = str(source)
    with _opened(text) as opened:
        return _Reader(opened, text).head()


@contextmanager
def _opened(text: str) -> Iterator[Source]:
    if text.startswith(("http://", "https://")):
        with requests.Session() as session:
            yield _Remote(session, text)
        return
    path = Path(text).expanduser()
    try:
        with path.open("rb") as file:
            yield _Local(file, path.stat().st_size)
    except OSError as error:
        hint = "give the path of a .gguf file, or its https:// address"
        raise NotGguf("missing", f"cannot be read: {error.strerror}", text, hint) from error


class _Local:
    def __init__(self, file: Any, size: int) -> None:
        self.file, self.size = file, size

    def piece(self, start: int, count: int) -> bytes:
        self.file.seek(start)
        return bytes(self.file.read(count))


class _Remote:
    """A file on a web server, read by ranges: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests."""

    def __init__(self, session: requests.Session, address: str) -> None:
        self.session, self.address, self.size = session, address, 0

    def piece(self, start: int, count: int) -> bytes:
        wanted = {"Range": f"bytes={start}-{start + count - 1}", "Accept-Encoding": "identity"}
        try:
            with self.session.get(self.address, headers=wanted, timeout=TIMEOUT, stream=True) as answer:
                if answer.status_code == 416:
                    return b""
                if answer.status_code != 206:
                    raise self._refused(answer.status_code)
                self.size = self._whole(answer.headers.get("Content-Range", ""), start)
                return answer.content
        except requests.RequestException as error:
            what = f"the server did not answer as it should: {type(error).__name__}"
            raise NotGguf(
                "server", what, self.address, "is the address right, and the network there?"
            ) from error

    def _whole(self, said: str, start: int) -> int:
        unit, _, rest = said.partition(" ")
        span, _, whole = rest.partition("/")
        if unit != "bytes" or not span.startswith(f"{start}-") or not whole.isdigit():
            what = f"the server sent another part than the one asked for ({said or 'no Content-Range'})"
            raise NotGguf("server", what, self.address, "download the file and give its path")
        return int(whole)

    def _refused(self, status: int) -> NotGguf:
        if status == 200:
            what, hint = "the server sends whole files only, no parts", "download the file and give its path"
        elif status in (401, 403):
            what, hint = (
                f"the server refuses (status {status})",
                "the model may ask for a login or consent first",
            )
        else:
            what, hint = (
                f"the server answers with status {status}",
                "is the address the file's own (…/resolve/…)?",
            )
        return NotGguf("missing" if status == 404 else "server", what, self.address, hint)


class _Reader:
    """Reads a head piece by piece, and never more than it needs."""

    def __init__(self, source: Source, where: str) -> None:
        self.source, self.where = source, where
        self.seen, self.at = bytearray(), 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > LARGEST_HEAD:
            raise self.bad("damaged", f"its head claims more than {LARGEST_HEAD >> 20} MiB")
        while len(self.seen) < end:
            more = self.source.piece(len(self.seen), max(STEP, end - len(self.seen)))
            if not more:
                raise self.bad("truncated", f"ends after {len(self.seen)} bytes, in the middle of its head")
            self.seen += more
        taken = bytes(self.seen[self.at : end])
        self.at = end
        return taken

    def bad(self, kind: str, what: str) -> NotGguf:
        hints = {"truncated": "the download was cut off: fetch it again", "damaged": "fetch it again"}
        return NotGguf(kind, what, self.where, hints.get(kind, "give a .gguf file"))

    def scalar(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def counted(self, what: str) -> int:
        count = int(self.scalar("Q"))
        if count > MOST:
            raise self.bad("damaged", f"claims {count} {what}")
        return count

    def text(self) -> str:
        return self.take(self.counted("letters in a word")).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self.array()
        if kind not in SCALARS:
            raise self.bad("damaged", f"has a value of the unknown kind {kind}")
        return self.scalar(SCALARS[kind])

    def array(self) -> Any:
        """Its values where they are few, else their number: a vocabulary is only counted."""
        kind, count = int(self.scalar("I")), self.counted("values in a list")
        if kind in SCALARS:
            form = f"<{count}{SCALARS[kind]}"
            values = struct.unpack(form, self.take(struct.calcsize(form)))
            return values if count <= 1024 else count
        for _ in range(count):
            self.value(kind)
        return count

    def head(self) -> Head:
        if (magic := self.take(4)) != MAGIC:
            raise self.bad("other", f"is no GGUF file: it begins with {magic!r}")
        version = int(self.scalar("I"))
        if version not in (2, 3):
            told = version if version < 1 << 16 else "for big-endian machines"
            raise self.bad("version", f"is GGUF {told}; versions 2 and 3 are read")
        tensors, pairs = self.counted("tensors"), self.counted("values")
        metadata = {}
        for _ in range(pairs):
            key = self.text()
            metadata[key] = self.value(int(self.scalar("I")))
        found = tuple(self.tensor() for _ in range(tensors))
        start = _aligned(self.at, int(metadata.get("general.alignment", 32)) or 32)
        end = start + max((one.offset + one.size for one in found), default=0)
        if self.source.size < end:
            raise self.bad("truncated", f"has {self.source.size} bytes, and its tensors end at {end}")
        return Head(self.where, metadata, found, self.source.size, len(self.seen))

    def tensor(self) -> Tensor:
        name, dimensions = self.text(), int(self.scalar("I"))
        if dimensions > 8:
            raise self.bad("damaged", f"has a tensor of {dimensions} dimensions")
        count = math.prod(int(self.scalar("Q")) for _ in range(dimensions))
        kind, offset = int(self.scalar("I")), int(self.scalar("Q"))
        if kind not in BLOCKS:
            raise self.bad("damaged", f"stores {name} in a way that we do not know (type {kind})")
        word, block, bytes_of_block = BLOCKS[kind]
        return Tensor(name, word, count, count // block * bytes_of_block, offset)


def _aligned(at: int, to: int) -> int:
    return -(-at // to) * to


def _shape(head: Head) -> Shape:
    def number(key: str, default: int | None = None) -> Any:
        value = head.metadata.get(f"{head.architecture}.{key}", default)
        if value is None:
            what = f"says no {head.architecture or 'general'}.{key}: is it a language model at all?"
            raise NotGguf("other", what, head.source, "give the .gguf file of a language model")
        return value

    layers, embedding = int(number("block_count")), int(number("embedding_length"))
    heads = number("attention.head_count")
    kv_heads = number("attention.head_count_kv", heads)
    most_heads = max(heads) if isinstance(heads, tuple) else int(heads)
    each = embedding // most_heads
    vocabulary = number("vocab_size", head.metadata.get("tokenizer.ggml.tokens"))
    window = head.metadata.get(f"{head.architecture}.attention.sliding_window")
    squeezed = f"{head.architecture}.attention.kv_lora_rank" in head.metadata
    why = (
        f"some layers only look back {window} tokens"
        if window
        else "its keys are stored compressed"
        if squeezed
        else ""
    )
    return Shape(
        layers, kv_heads if isinstance(kv_heads, tuple) else int(kv_heads),
        int(number("attention.key_length", each)), int(number("attention.value_length", each)),
        most_heads, embedding, int(vocabulary), int(number("context_length")), not why, why,
    )  # fmt: skip
