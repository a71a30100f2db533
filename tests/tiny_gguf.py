"""GGUF files of a few hundred bytes, written by hand after the format's description."""

from __future__ import annotations

import struct

LLAMA = {
    "general.architecture": "llama",
    "general.name": "tiny",
    "general.file_type": 2,
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}
TENSORS = (("token_embd.weight", (64, 3), 1, 384), ("blk.0.attn_q.weight", (64, 64), 2, 2304))


def text(word: str) -> bytes:
    return struct.pack("<Q", len(word.encode())) + word.encode()


def value(of: object) -> bytes:
    if isinstance(of, str):
        return struct.pack("<I", 8) + text(of)
    if isinstance(of, list) and of and isinstance(of[0], str):
        return struct.pack("<IIQ", 9, 8, len(of)) + b"".join(map(text, of))
    if isinstance(of, list):
        return struct.pack("<IIQ", 9, 4, len(of)) + struct.pack(f"<{len(of)}I", *of)
    return struct.pack("<II", 4, of)


def gguf(metadata=LLAMA, tensors=TENSORS, version: int = 3, magic: bytes = b"GGUF") -> bytes:
    """A file with zeros for weights; each tensor is (name, dimensions, type, bytes)."""
    head = magic + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(key) + value(of) for key, of in metadata.items())
    offset = 0
    for name, dimensions, kind, size in tensors:
        head += text(name) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        head += struct.pack("<IQ", kind, offset)
        offset += -(-size // 32) * 32
    return head + b"\0" * (-len(head) % 32) + b"\0" * offset
