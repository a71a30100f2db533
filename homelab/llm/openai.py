"""Any server that speaks OpenAI's completions API: llama.cpp's own, vLLM, LM Studio, Ollama under /v1.

Source: https://platform.openai.com/docs/api-reference/completions; what llama.cpp adds to it:
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md. A server that refuses the
additions is asked without them, and then times and counts are what the standard gives.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homelab.clients.json_api import ApiError, JsonApi
from homelab.llm import words
from homelab.llm.engine import Description, EngineGone, Generated, elsewhere, too_long, unknown_model
from homelab.llm.stream import DONE, clock, collected

if TYPE_CHECKING:
    import requests

LOWEST, HIGHEST = 1000, 30_000  # token numbers that are plain text in every common vocabulary
REFUSED = (400, 422)


class OpenAI:
    """The engine behind `url`, such as ``http://fooocus:8080``; requests start where `session` does.

    `model` may stay empty where the server has one. `about` is what is known of the engine otherwise (the
    program's first line, on a machine of ours), `cpu` tells its processor seconds.
    """

    def __init__(
        self,
        session: requests.Session,
        url: str,
        model: str = "",
        *,
        name: str = "",
        about: Description | None = None,
        cpu: Callable[[], float | None] | None = None,
    ) -> None:
        self.name = name or f"OpenAI at {url}"
        self._session, self.url, self._model = session, url.rstrip("/"), model
        self._about, self._cpu = about or Description("OpenAI-compatible", host=elsewhere(self.url)), cpu
        self._api = JsonApi(session, self.url, "an OpenAI-compatible server")
        self._extras = True  # until the server refuses them
        self._tokens = True  # token numbers as a prompt; else words

    def describe(self) -> Description:
        """See `Engine.describe`."""
        found = self._found()
        meta = found.get("meta") or {}
        told: dict[str, Any] = {
            "model": str(found["id"]),
            "quantization": str(meta.get("ftype", "")),
            "parameters": int(meta.get("n_params") or 0),
            "weights": int(meta.get("size") or 0),
            "trained_context": int(meta.get("n_ctx_train") or 0),
            "context": int(meta.get("n_ctx") or found.get("max_model_len") or 0),
        }
        return replace(self._about, **{k: v for k, v in told.items() if v and not getattr(self._about, k)})

    def load(self, context: int, slots: int = 1) -> float:
        """Ask it for one token, so that the model is in memory. How much context it has was said when it was started.

        Raises:
            ContextTooLong, ModelUnknown, EngineGone.
        """
        has = self.describe()
        most = has.context or has.trained_context
        if most and context > most:
            raise too_long(context, most, has.model)
        got = self.generate(8, 1, 0)
        return got.end - got.start

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        """See `Engine.generate`.

        Raises:
            ApiError: it refuses, even without the additions.
            EngineGone: it stops on the way.
            NoAnswer: nobody is there.
        """
        while True:
            try:
                return self._generate(prompt_tokens, tokens, seed)
            except ApiError as error:
                if error.status not in REFUSED or not (self._extras or self._tokens):
                    raise
                if self._extras:
                    self._extras = False
                else:
                    self._tokens = False

    def cpu(self) -> float | None:
        """See `Engine.cpu`."""
        return self._cpu() if self._cpu else None

    def models(self) -> list[str]:
        """What the server calls the models that it has.

        Raises:
            NoAnswer: nobody is there.
        """
        return [str(m["id"]) for m in self._listed()]

    def _listed(self) -> list[dict[str, Any]]:
        return self._api.json("GET", "/v1/models").get("data") or []

    def _found(self) -> dict[str, Any]:
        listed = self._listed()
        if not self._model and listed:
            self._model = str(listed[0]["id"])
        for found in listed:
            if self._model in (found["id"], *found.get("aliases", ())):
                return dict(found)
        raise unknown_model(self._model, [str(m["id"]) for m in listed], self.url)

    def _generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        self._session.get(
            f"{self.url}/v1/models"
        )  # so that a connection is open: to make one is not the engine's
        start = clock()
        first = last = end = 0.0
        pieces_seen, first_tokens, whole = 0, 1, False
        usage: dict[str, Any] = {}
        timings: dict[str, Any] = {}
        body = self._body(prompt_tokens, tokens, seed)
        answer = collected(self._session, f"{self.url}/v1/completions", body)
        for at, told in answer.pieces:
            if told is DONE:
                whole = True
                continue
            end = at
            timings = told.get("timings") or timings
            usage = told.get("usage") or usage
            choices = told.get("choices") or [{}]
            whole = whole or bool(choices[0].get("finish_reason"))
            if "text" in choices[0] and not choices[0].get("finish_reason"):
                pieces_seen += 1
                last = at
                if not first:
                    first, first_tokens = at, int(timings.get("predicted_n") or 1)
            elif choices[0].get("text"):  # some servers put the last piece and the reason into one
                pieces_seen, last, first = pieces_seen + 1, at, first or at
        if not end:
            raise EngineGone("the engine ended the answer before it began", self.url, "its log says why")
        if not whole:  # a proxy in between closes the connection as if all were well
            seen = int(timings.get("predicted_n") or pieces_seen)
            what = f"the engine stopped in the middle of an answer: cut short after {seen} of {tokens} tokens"
            raise EngineGone(what, self.url, "does it still run? its log says why")
        made = int(usage.get("completion_tokens") or timings.get("predicted_n") or pieces_seen)
        cached = (
            (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or timings.get("cache_n") or 0
        )
        told_ms = timings.get("prompt_ms"), timings.get("predicted_ms")
        return Generated(
            prompt_tokens=int(usage.get("prompt_tokens") or timings.get("prompt_n") or 0),
            tokens=made,
            start=start,
            first=first or end,
            last=last or end,
            end=end,
            cached=int(cached),
            first_tokens=first_tokens,
            engine_prompt=told_ms[0] / 1000 if told_ms[0] is not None else None,
            engine_decode=told_ms[1] / 1000 if told_ms[1] is not None else None,
            asking=answer.spent,
        )

    def _body(self, prompt_tokens: int, tokens: int, seed: int) -> dict[str, Any]:
        rng = random.Random(seed)
        ids = [rng.randrange(LOWEST, HIGHEST) for _ in range(prompt_tokens)]
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": ids if self._tokens else words.prompt(prompt_tokens, seed),
            "max_tokens": tokens,
            "temperature": 0,
            "seed": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._extras:
            body |= {"cache_prompt": False, "ignore_eos": True, "timings_per_token": True}
        return body
