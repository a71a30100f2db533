"""What every engine can do, and what it tells: the one shape that the measurement knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from homelab.errors import HomelabError, nearest


class EngineGone(HomelabError):
    """The engine died, or stopped answering, while it was asked."""


class ModelUnknown(HomelabError):
    """The engine has no model of this name."""


class ContextTooLong(HomelabError):
    """More context was asked for than the model was trained for, or than was loaded."""


class OutOfMemory(HomelabError):
    """The model does not fit: refused before it is loaded. `largest` is the longest context that fits (tokens)."""

    def __init__(self, what: str, where: str = "", hint: str = "", largest: int = 0) -> None:
        super().__init__(what, where, hint)
        self.largest = largest


@dataclass(frozen=True)
class Description:
    """Engine and model, as a record needs them; empty or zero: the engine does not tell.

    `weights` are the bytes that every token of decode reads, `kv` the bytes of cache per token before it;
    `context` is for one request, of which the engine serves `slots` at once with `threads`. `host` is the machine
    that it runs on, where that is another than this one.
    """

    engine: str
    version: str = ""
    build: str = ""
    model: str = ""
    sha256: str = ""
    quantization: str = ""
    parameters: int = 0
    weights: int = 0
    kv: int = 0
    trained_context: int = 0
    context: int = 0
    slots: int = 1
    threads: int = 0
    device: str = ""
    host: str = ""


@dataclass(frozen=True)
class Generated:
    """One answer. Times are seconds of one clock, the asker's; what the engine's own clock said is beside them.

    `cached` tokens of the prompt were not computed. When the first piece arrived (`first`), it stood for
    `first_tokens` tokens: an engine keeps back half a character. `asking` is what of the time from there on the
    asker's processor worked (s): the most that the engine can have lost to us.
    """

    prompt_tokens: int
    tokens: int
    start: float
    first: float
    last: float
    end: float
    cached: int = 0
    first_tokens: int = 1
    engine_prompt: float | None = None  # seconds
    engine_decode: float | None = None  # seconds, from the first token to the last
    asking: float = 0.0

    @property
    def steps(self) -> int:
        """The tokens that were decoded between `first` and `last`; the first one comes out of prefill."""
        return self.tokens - self.first_tokens

    @property
    def wait(self) -> float:
        """Time to first token, in seconds."""
        return self.first - self.start


class Engine(Protocol):
    """Something that answers prompts, and says how long it took."""

    name: str

    def describe(self) -> Description:
        """What it is, as loaded now."""
        ...

    def load(self, context: int, slots: int = 1) -> float:
        """Have the model in memory for `slots` requests of `context` tokens each; the seconds that it took.

        Raises:
            ContextTooLong, ModelUnknown, OutOfMemory, EngineGone.
        """
        ...

    def generate(self, prompt_tokens: int, tokens: int, seed: int) -> Generated:
        """Answer a random prompt of (about) `prompt_tokens` with `tokens`; another `seed` shares no prefix with it.

        Raises:
            EngineGone: it died or stopped on the way.
        """
        ...

    def cpu(self) -> float | None:
        """Processor seconds that the engine has used so far; None where that cannot be seen."""
        ...


def elsewhere(url: str) -> str:
    """The machine in `url`; empty where it is this one."""
    host = urlsplit(url).hostname or ""
    return "" if host == "localhost" or host.startswith("127.") or host == "::1" else host


def unknown_model(name: str, known: Sequence[str], where: str) -> ModelUnknown:
    """The error for a model that is not there, with the nearest names that are."""
    hint = nearest(name, known) if known else "it has none: pull one first"
    return ModelUnknown(f"no model is called {name!r}", where, hint)


def too_long(asked: int, most: int, model: str) -> ContextTooLong:
    """The error for a context that the model was not trained for (tokens)."""
    return ContextTooLong(
        f"{asked} tokens of context are more than {model or 'the model'} was trained for ({most})",
        "",
        f"ask for {most} at most: beyond that its answers are noise, and so is their speed",
    )
