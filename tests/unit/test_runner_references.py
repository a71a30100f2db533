"""A secret that a parameter refers to is asked for before anything starts."""

from __future__ import annotations

import pytest

from homelab.errors import ParamsError
from homelab.params import read
from homelab.runner.references import require

STAGE = "03_enrollment"


@pytest.fixture
def world(tmp_path):
    (tmp_path / "home.yaml").write_text("world: attic\napi_key: env:THE_API_KEY\n")
    return read(tmp_path / "home.yaml")


def test_all_that_are_missing_are_named(world, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("THE_API_KEY", raising=False)
    with pytest.raises(ParamsError) as caught:
        require(world, {STAGE: {"auth_key": f"file:{tmp_path}/none"}})
    assert [p.where for p in caught.value.problems] == ["api_key", "enrollment.auth_key"]
    assert "THE_API_KEY is not set" in caught.value.problems[0].what


def test_what_is_there_is_no_problem(world, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("THE_API_KEY", "x")
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o600)
    require(world, {STAGE: {"auth_key": f"file:{tmp_path}/key"}})


def test_a_command_is_not_asked_before_it_is_needed(world, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("THE_API_KEY", "x")
    require(world, {STAGE: {"auth_key": f"cmd:touch {tmp_path}/asked"}})
    assert not (tmp_path / "asked").exists()
