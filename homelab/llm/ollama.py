"""Ollama by HTTP: on this machine, in a container, or a device of the tailnet.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md. It takes text only, so the prompt's
length is what it counts, not what was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from homelab.clients.json_api import ApiError, JsonApi
from homelab.llm import words
from homelab.llm.engine import Description, EngineGone, Generated, elsewhere, too_long, unknown_model
from homelab.llm.stream import clock, collected, pieces

if TYPE_CHECKING:
    import requests

PORT = 11434
NANO = 1e9


class Ollama:
    """The model `model` of the Ollama server at `url`; requests start where `session` does."""

    def __init__(self, session: requests.Session, url: str, model: str) -> None:
        self.name = f"Ollama at {url}"
        self._session, self._url, self._model = session, url.rstrip("/"), model
        self.api = JsonApi(session, self._url, "Ollama")
        self._context = 0
        self._slots = 1

    def describe(self) -> Description:
        """See `Engine.describe`.

        Raises:
            ModelUnknown: with the nearest names.
            NoAnswer: nobody is there.
        """
        found = model(self.api, self._model)
        shown = self.api.json("POST", "/api/show", json={"model": found["name"]})
        info, details = shown.get("model_info") or {}, shown.get("details") or {}
        kind = str(info.get("general.architecture", ""))
        running = self._running()
        return Description(
            engine="Ollama",
            version=str(self.api.json("GET", "/api/version").get("version", "")),
            model=str(found["name"]),
            sha256=str(found.get("digest", "")),
            quantization=str(details.get("quantization_level", "")),
            parameters=int(info.get("general.parameter_count") or 0),
            kv=_kv(info, kind),
            weights=int(found.get("size") or 0),
            trained_context=int(info.get(f"{kind}.context_length") or 0),
            context=self._context,
            slots=self._slots,
            device=_device(running),
            host=elsewhere(self._url),
        )

    def load(self, context: int, slots: int = 1) -> float:
        """Load it with `context` tokens (an empty prompt does that). `slots` is OLLAMA_NUM_PARALLEL's, on the server.

        Raises:
            ContextTooLong, ModelUnknown, EngineGone; ApiError when it does not fit there.
        """
        most = self.describe().trained_context
        if most and context > most:
            raise too_long(context, most, self._model)
        self._context, self._slots = context, slots
        start = time.monotonic()
        body = {"model": self._model, "options": self._options(0), "stream": False}
        self.api.json("POST", "/api/generate", json=body, timeout=300)
        return time.monotonic() - start

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        """See `Engine.generate`.

        Raises:
            ApiError: it refuses.
            EngineGone: it stops on the way.
            NoAnswer: nobody is there.
        """
        body = {
            "model": self._model,
            "prompt": words.prompt(prompt_tokens, seed),
            "raw": True,  # no template around it
            "stream": True,
            "options": self._options(tokens),
        }
        self._session.get(
            f"{self._url}/api/version"
        )  # so that a connection is open: to make one is not the engine's
        start = clock()
        first = last = 0.0
        told: dict[str, Any] = {}
        answer = collected(self._session, f"{self._url}/api/generate", body)
        for at, told in answer.pieces:
            if not told.get("done"):
                first, last = first or at, at
        if not told.get("done"):
            raise EngineGone("the engine stopped in the middle of an answer", self._url, "its log says why")
        return Generated(
            prompt_tokens=int(told.get("prompt_eval_count") or 0),
            tokens=int(told.get("eval_count") or 0),
            start=start,
            first=first or at,
            last=last or at,
            end=at,
            engine_prompt=_seconds(told.get("prompt_eval_duration")),
            engine_decode=_seconds(told.get("eval_duration")),
            asking=answer.spent,
        )

    def models(self) -> list[str]:
        """What the server calls the models that it has; raises as `models` below."""
        return [str(m["name"]) for m in models(self.api)]

    def cpu(self) -> float | None:
        """It does not tell."""
        return None

    def _options(self, tokens: int) -> dict[str, Any]:
        options: dict[str, Any] = {"temperature": 0, "seed": 1, "num_predict": tokens}
        return options | ({"num_ctx": self._context} if self._context else {})

    def _running(self) -> dict[str, Any]:
        for found in self.api.json("GET", "/api/ps").get("models") or []:
            if found.get("name") in (self._model, f"{self._model}:latest"):
                return dict(found)
        return {}


def models(api: JsonApi) -> list[dict[str, Any]]:
    """The models that the server has.

    Raises:
        NoAnswer: nobody is there.
    """
    return list(api.json("GET", "/api/tags").get("models") or [])


def model(api: JsonApi, name: str) -> dict[str, Any]:
    """What the server says of the model `name`; ``:latest`` is understood.

    Raises:
        ModelUnknown: with the nearest names.
        NoAnswer: nobody is there.
    """
    there = models(api)
    for found in there:
        if found["name"] in (name, f"{name}:latest"):
            return found
    raise unknown_model(name, [str(m["name"]) for m in there], api.url)


def pulling(api: JsonApi, name: str) -> Iterator[dict[str, Any]]:
    """Pull `name`, and yield the server's events: ``status``, and for a layer ``digest``, ``total``, ``completed``.

    Raises:
        ModelUnknown: the registry has no such model.
        EngineGone: the server stopped on the way; the next pull goes on from there.
    """
    try:
        for _, event in pieces(api.session, f"{api.url}/api/pull", {"model": name, "stream": True}):
            yield event
    except ApiError as error:
        if "not exist" in error.what or "not found" in error.what:
            near = unknown_model(name, [str(m["name"]) for m in models(api)], api.url)
            near.hint = "names are those of https://ollama.com/library, such as llama3.2:1b"
            raise near from error
        raise


def _seconds(nanoseconds: object) -> float | None:
    return float(nanoseconds) / NANO if isinstance(nanoseconds, int | float) else None


def _kv(info: dict[str, Any], kind: str) -> int:
    """Bytes of cache per token, two for each number, as Ollama's default is; 0 where the metadata does not say."""
    layers, heads = info.get(f"{kind}.block_count"), info.get(f"{kind}.attention.head_count_kv")
    width = info.get(f"{kind}.embedding_length", 0) // (info.get(f"{kind}.attention.head_count") or 1)
    if not isinstance(layers, int) or not isinstance(heads, int):
        return 0
    key = info.get(f"{kind}.attention.key_length") or width
    value = info.get(f"{kind}.attention.value_length") or width
    return int(layers * heads * (key + value) * 2)


def _device(running: dict[str, Any]) -> str:
    size, there = int(running.get("size") or 0), int(running.get("size_vram") or 0)
    if not size:
        return ""
    return (
        "CPU"
        if not there
        else "GPU"
        if there >= size
        else f"GPU, {100 * (size - there) // size} % on the CPU"
    )
