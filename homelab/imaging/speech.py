"""A sentence, spoken by espeak-ng: a real speech synthesiser, in the voice of a robot of the nineties.

The library comes with the package ``espeakng-loader`` and is loaded while the program runs; it is under the GPL
(version 3), and no part of it is ours. Source: https://github.com/espeak-ng/espeak-ng, its ``speak_lib.h``.
"""

from __future__ import annotations

import ctypes
import threading
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homelab.errors import HomelabError, PrerequisiteMissing

SENTENCE = (
    "The laptop in the living room serves films to the whole family, "
    "and the graphics card paints pictures for anyone who asks."
)
VOICE, SPEED = "en-us", 150  # words a minute
SYNCHRONOUS, UTF8, CHARACTERS, RATE = 2, 1, 1, 1  # of speak_lib.h
LONGEST = 150  # bytes of a path that the library takes without cutting it
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_one_at_a_time = threading.Lock()  # the library keeps its state in globals
_loaded: dict[str, Any] = {}


@dataclass(frozen=True)
class Speech:
    """A WAV file at `path`, `seconds` long, in which `sentence` is spoken."""

    path: Path
    sentence: str
    seconds: float


def speak(sentence: str, path: Path, *, voice: str = VOICE, speed: int = SPEED) -> Speech:
    """Speak `sentence` into the WAV file `path`, at `speed` words a minute.

    Raises:
        PrerequisiteMissing: espeak-ng is not installed.
        HomelabError: there is nothing to say, or no such voice.
    """
    if not sentence.strip():
        raise HomelabError("there is nothing to say: the sentence is empty")
    with _one_at_a_time:
        library, rate = _library()
        heard: list[bytes] = []

        def take(samples: Any, count: int, events: Any) -> int:
            if samples and count > 0:
                heard.append(ctypes.string_at(samples, count * 2))
            return 0

        callback = CALLBACK(take)  # named, or it would be gone while the library still calls it
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()):
            raise HomelabError(f"espeak-ng has no voice {voice!r}", "", "for example en-us, en-gb, es, de")
        library.espeak_SetParameter(RATE, speed, 0)
        text = sentence.encode()
        library.espeak_Synth(text, len(text) + 1, 0, CHARACTERS, 0, UTF8, None, None)
        library.espeak_Synchronize()
    samples = b"".join(heard)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return Speech(path, sentence, len(samples) / 2 / rate)


def _library() -> tuple[Any, int]:
    """The library, initialised once, and the samples per second that it makes."""
    if not _loaded:
        try:
            import espeakng_loader
        except ImportError as error:
            raise PrerequisiteMissing(
                f"espeak-ng is not installed: {error}", "", "see requirements-benchmarks.txt"
            ) from error
        data = str(espeakng_loader.get_data_path()).encode()
        if len(data) > LONGEST:
            raise PrerequisiteMissing(
                "espeak-ng cannot read its data from a path as long as this",
                data.decode(),
                f"move the checkout: at most {LONGEST} bytes",
            )
        library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, 0)
        if rate <= 0:
            raise PrerequisiteMissing("espeak-ng does not start", data.decode(), "install the package again")
        _loaded.update(library=library, rate=rate)
    return _loaded["library"], int(_loaded["rate"])
