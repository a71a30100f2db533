"""A drawing of ours becomes larger by a real network, and nearer to the truth than by stretching."""

from __future__ import annotations

import pytest

from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.imaging import upscale
from homelab.imaging.drawing import tequila


def test_the_drawing_is_the_same_scene_at_every_size() -> None:
    small, large = tequila(64, 48), tequila(256, 192)
    assert (small.size, large.size) == ((64, 48), (256, 192))
    assert upscale.likeness(large.resize((64, 48)), small) > 25
    assert upscale.likeness(small, small) == float("inf")
    assert len(set(small.convert("P").tobytes())) > 10


def test_a_picture_too_small_to_show_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 pixels"):
        tequila(15, 100)


@pytest.fixture
def weights():
    pytest.importorskip("ncnn")
    try:
        return upscale.weights()
    except PrerequisiteMissing as missing:
        pytest.skip(str(missing))


def test_the_network_makes_it_larger_and_truer(weights) -> None:
    got = upscale.measure(width=96, height=72, repetitions=1, threads=1)
    assert got.large.size == got.truth.size == (192, 144)
    assert got.likeness > got.plain > 20  # dB; the network, and bicubic stretching
    assert got.megapixels == pytest.approx(192 * 144 / 1e6 / got.times.seconds.mean)
    assert got.text().startswith("upscaling, not Fooocus")
    assert got.html().count("data:image/png;base64,") == 2
    assert got.record()["what"] == "upscaling, not Fooocus"


def test_more_than_a_megapixel_is_refused_before_it_takes_the_memory(weights) -> None:
    from PIL import Image

    with pytest.raises(HomelabError, match="more than a megapixel"):
        upscale.Upscaler(threads=1).upscale(Image.new("RGB", (1200, 900)))


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(HomelabError) as caught:
        upscale.weights("realesrgan-x4pluss")
    assert "realesrgan-x4plus" in caught.value.hint


def test_weights_that_are_not_installed_are_named(monkeypatch) -> None:
    monkeypatch.setattr(upscale, "CARRIER", "no_such_package_of_ours")
    with pytest.raises(PrerequisiteMissing, match="are not installed"):
        upscale.weights()
