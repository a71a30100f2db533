"""`lab up --at`: which stages it takes, what it is kept under, and what its name may be."""

from __future__ import annotations

import pytest

from homelab import checkpoints
from homelab.errors import ParamsError, PrerequisiteMissing
from homelab.runner import checkpoint


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["up", "--at", "05_funnel"], "05_funnel"),
        (["up", "--at=05"], "05"),
        (["up", "--enrolled"], ""),
        (["exec", "phone", "--", "x", "--at", "y"], ""),
        (["up", "--at"], ""),
        ([], ""),
    ],
)
def test_the_name_after_at(words, name) -> None:
    assert checkpoint.wanted(words) == name


@pytest.mark.parametrize(
    ("stage", "since", "found"),
    [
        ("01_wsl_setup", "00_welcome", []),
        ("03_enrollment", "00_welcome", ["01_wsl_setup", "02_jellyfin"]),
        ("05_funnel", "03_enrollment", ["03_enrollment", "04_services"]),
    ],
)
def test_what_a_stage_finds_done(stage, since, found) -> None:
    assert checkpoints.before(stage, since) == found


def test_a_name_is_a_stage_or_a_saved_lab(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "saved", lambda: [{"name": "tuesday"}])
    assert checkpoint.stage_of("05") == "05_funnel"
    assert checkpoint.stage_of("funnel") == "05_funnel"
    assert checkpoint.stage_of("tuesday") == ""
    for wrong, near in (("tuseday", "tuesday"), ("05_funel", "05_funnel")):
        with pytest.raises(ParamsError, match=near):
            checkpoint.stage_of(wrong)


def test_a_lab_that_is_up_is_not_lost(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "kept", lambda: "/there")
    with pytest.raises(PrerequisiteMissing, match="would be lost"):
        checkpoint.up_at("05_funnel")


def test_another_checkout_keeps_another_lab(tmp_path, monkeypatch) -> None:
    (tmp_path / "homelab").mkdir()
    (tmp_path / "homelab/x.py").write_text("a = 1\n")
    monkeypatch.setattr(checkpoints, "CHECKOUT", tmp_path)
    first = checkpoints.version()
    assert checkpoints.version() == first
    (tmp_path / "homelab/x.py").write_text("a = 2\n")
    assert checkpoints.version() != first
