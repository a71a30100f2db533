"""A sentence that espeak-ng speaks and Whisper hears, and how much of it is counted as heard."""

from __future__ import annotations

import wave

import pytest

from homelab.errors import HomelabError, PrerequisiteMissing
from homelab.imaging import whisper
from homelab.imaging.words import word_errors


@pytest.mark.parametrize(
    ("said", "heard", "errors", "changed"),
    [
        ("It mostly works.", "it mostly works", 0, ()),
        ("It mostly works.", "It's mostly works!", 1, ("it → it's",)),
        ("It mostly works.", "mostly works", 1, ("it → nothing",)),
        ("It mostly works.", "it mostly never works", 1, ("nothing → never",)),
        ("It mostly works.", "", 3, ("it → nothing", "mostly → nothing", "works → nothing")),
        ("Don’t panic", "don't PANIC", 0, ()),
        ("a b c d", "a x c d e", 2, ("b → x", "nothing → e")),
    ],
)
def test_words_that_were_not_heard_are_counted_and_named(said, heard, errors, changed) -> None:
    found = word_errors(said, heard)
    assert (found.errors, found.changed) == (errors, changed)
    assert found.rate == errors / found.words


def test_more_can_be_made_up_than_was_said() -> None:
    assert word_errors("yes", "no no no").rate == 3.0


@pytest.mark.parametrize("said", ["", "...", "  "])
def test_nothing_said_has_no_error_rate(said) -> None:
    with pytest.raises(ValueError, match="no word was said"):
        word_errors(said, "anything")


@pytest.fixture
def speak():
    pytest.importorskip("espeakng_loader")
    from homelab.imaging.speech import speak

    return speak


def test_a_sentence_becomes_sound(speak, tmp_path) -> None:
    slow = speak("It mostly works.", tmp_path / "slow.wav", speed=100)
    fast = speak("It mostly works.", tmp_path / "fast.wav", speed=250)
    assert slow.seconds > fast.seconds > 0.3
    with wave.open(str(slow.path)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(slow.seconds)
        assert any(file.readframes(file.getnframes()))


def test_what_cannot_be_spoken_is_refused(speak, tmp_path) -> None:
    with pytest.raises(HomelabError, match="nothing to say"):
        speak("  ", tmp_path / "x.wav")
    with pytest.raises(HomelabError, match="no voice 'klingon-opera'"):
        speak("Qapla", tmp_path / "x.wav", voice="klingon-opera")


def test_a_path_that_espeak_would_cut_off_is_refused(monkeypatch, tmp_path) -> None:
    loader = pytest.importorskip("espeakng_loader")
    from homelab.imaging import speech

    monkeypatch.setattr(speech, "_loaded", {})
    monkeypatch.setattr(loader, "get_data_path", lambda: "/" + "x" * 200)
    with pytest.raises(PrerequisiteMissing, match="path as long"):
        speech.speak("hello", tmp_path / "x.wav")


def test_whisper_hears_what_espeak_says(speak) -> None:
    pytest.importorskip("faster_whisper")
    got = whisper.measure("The laptop in the living room mostly works.", repetitions=1)
    assert got.errors.rate < 0.3, got.heard
    assert got.real_time == got.times.seconds.mean / got.spoken > 0
    assert "real-time factor" in got.text()
    assert got.record()["word_error_rate"] == got.errors.rate


def test_what_is_no_sound_and_no_model_is_said(tmp_path) -> None:
    pytest.importorskip("faster_whisper")
    (tmp_path / "page.wav").write_text("<html>")
    with pytest.raises(HomelabError, match="no sound"):
        whisper.Listener(1).hear(tmp_path / "page.wav")
    with pytest.raises(HomelabError, match="no sound"):
        whisper.Listener(1).hear(tmp_path / "missing.wav")
    with pytest.raises(HomelabError, match="no Whisper model"):
        whisper.Listener(1, tmp_path)


def test_a_model_that_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setattr(whisper, "CARRIER", "no_such_package_of_ours")
    with pytest.raises(PrerequisiteMissing, match=r"Whisper tiny\.en is not installed"):
        whisper.Listener(1)
