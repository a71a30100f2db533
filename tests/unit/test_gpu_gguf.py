"""The head of a GGUF file, from a disk and over HTTP by ranges; and everything that is none."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from homelab.gpu import gguf_file
from homelab.gpu.gguf_types import BLOCKS, FILE_TYPES
from tests.tiny_gguf import LLAMA, TENSORS, gguf, text, value


@contextmanager
def served(
    content: bytes, answer: Callable[[str | None, bytes], tuple[int, dict[str, str], bytes]]
) -> Iterator[tuple[str, list]]:
    """A web server on loopback with one file; what was asked of it is in the list."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Range"))
            status, headers, body = answer(self.headers.get("Range"), content)
            self.send_response(status)
            for key, word in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, word)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tiny.gguf", asked
    finally:
        server.shutdown()
        server.server_close()


def by_range(wanted: str | None, content: bytes) -> tuple[int, dict[str, str], bytes]:
    assert wanted
    first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
    if first >= len(content):
        return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
    body = content[first : last + 1]
    return 206, {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(content)}"}, body


def test_a_local_file(tmp_path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(gguf())
    head = gguf_file.read(file)
    assert (head.name, head.architecture, head.quantization, head.parts) == ("tiny", "llama", "Q4_0", 1)
    assert head.weights == 384 + 2304
    assert head.parameters == 64 * 3 + 64 * 64
    assert head.size == len(gguf())
    assert head.shape == gguf_file.Shape(2, 2, 16, 16, 4, 64, 3, 4096)


def test_over_http_only_the_head_is_fetched() -> None:
    large = gguf(tensors=(*TENSORS, ("big", (1 << 20, 8), 1, 16 << 20)))
    with served(large, by_range) as (address, asked):
        head = gguf_file.read(address)
    assert head.size == len(large) > 16 << 20
    assert asked == [f"bytes=0-{gguf_file.STEP - 1}"]
    assert head.read == gguf_file.STEP
    assert head.weights == (16 << 20) + 384 + 2304


def test_a_long_head_takes_several_ranges(monkeypatch) -> None:
    monkeypatch.setattr(gguf_file, "STEP", 100)
    with served(gguf(), by_range) as (address, asked):
        assert gguf_file.read(address).name == "tiny"
    assert asked[:2] == ["bytes=0-99", "bytes=100-199"]
    assert len(asked) > 3


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (lambda r, c: (200, {}, c), "server", "whole files only"),
        (lambda r, c: (404, {}, b""), "missing", "status 404"),
        (lambda r, c: (403, {}, b""), "server", "refuses"),
        (lambda r, c: (206, {"Content-Range": "bytes 7-9/99"}, c[7:10]), "server", "another part"),
        (lambda r, c: (206, {"Content-Length": "999999"}, c[:10]), "server", "did not answer|another part"),
    ],
)
def test_a_server_that_does_not_serve_parts(answer, kind, said) -> None:
    with served(gguf(), answer) as (address, _), pytest.raises(gguf_file.NotGguf, match=said) as caught:
        gguf_file.read(address)
    assert caught.value.kind == kind


def test_nobody_there() -> None:
    with pytest.raises(gguf_file.NotGguf, match="did not answer") as caught:
        gguf_file.read("http://127.0.0.1:9/x.gguf")
    assert caught.value.kind == "server"


def test_a_download_that_was_cut_off_over_http() -> None:
    with served(gguf()[:-2000], by_range) as (address, _), pytest.raises(gguf_file.NotGguf) as caught:
        gguf_file.read(address)
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize("left", [0, 3, 4, 20, 100, 300, len(gguf()) - 1])
def test_a_truncated_file_at_any_place(tmp_path, left) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(gguf()[:left])
    with pytest.raises(gguf_file.NotGguf) as caught:
        gguf_file.read(file)
    assert caught.value.kind == "truncated"
    assert str(file) in str(caught.value)
    assert "fetch it again" in caught.value.hint


HEAD = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"PK\x03\x04" + b"x" * 99, "other", "begins with b'PK"),
        (gguf(version=1), "version", "is GGUF 1"),
        (gguf()[:4] + struct.pack(">I", 3) + gguf()[8:], "version", "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "damaged", "claims"),
        (HEAD + struct.pack("<Q", 1 << 50), "damaged", "letters in a word"),
        (HEAD + text("k") + struct.pack("<I", 99), "damaged", "unknown kind 99"),
        (gguf(tensors=(("odd", (32,), 77, 32),)), "damaged", "type 77"),
    ],
)
def test_what_is_no_gguf(tmp_path, content, kind, said) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(gguf_file.NotGguf, match=said) as caught:
        gguf_file.read(file)
    assert caught.value.kind == kind


def test_a_file_that_is_not_there_and_a_model_that_is_none(tmp_path) -> None:
    with pytest.raises(gguf_file.NotGguf, match="No such file") as caught:
        gguf_file.read(tmp_path / "none.gguf")
    assert caught.value.kind == "missing"
    file = tmp_path / "image.gguf"
    file.write_bytes(gguf({"general.architecture": "flux"}))
    with pytest.raises(gguf_file.NotGguf, match="language model"):
        _ = gguf_file.read(file).shape


@pytest.mark.parametrize(
    ("more", "exact", "kv_heads"),
    [
        ({"llama.attention.head_count_kv": [2, 1]}, True, 3),
        ({"llama.attention.sliding_window": 512}, False, 4),
        ({"llama.attention.kv_lora_rank": 512}, False, 4),
    ],
)
def test_attention_that_is_special(tmp_path, more, exact, kv_heads) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(gguf(LLAMA | more))
    shape = gguf_file.read(file).shape
    assert (shape.exact, shape.kv_heads_in_all) == (exact, kv_heads)
    assert bool(shape.why) is not exact


def test_the_tables_are_the_formats_own() -> None:
    theirs = pytest.importorskip("gguf.constants")
    for kind, (block, size) in theirs.GGML_QUANT_SIZES.items():
        assert BLOCKS[int(kind)] == (kind.name, block, size)
    for kind in theirs.LlamaFileType:
        assert FILE_TYPES[int(kind)] in kind.name


def test_values_of_every_kind_are_read(tmp_path) -> None:
    assert value("x").startswith(struct.pack("<I", 8))
    forms = {n: struct.pack(f"<{form}", 1) for n, form in gguf_file.SCALARS.items()}
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, len(forms))
    content += b"".join(text(f"k{n}") + struct.pack("<I", n) + raw for n, raw in forms.items())
    file = tmp_path / "x.gguf"
    file.write_bytes(content + b"\0" * 32)
    assert set(gguf_file.read(file).metadata.values()) == {1}
