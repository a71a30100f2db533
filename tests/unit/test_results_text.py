"""The text of results.json: the same as of one `json.dumps`, whatever changed since the last one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from homelab import __version__, secret
from homelab.record import masked
from homelab.runner.results import SCHEMA, Results, StageResult


def made() -> Results:
    check: dict[str, Any] = {
        "name": "reaches",
        "evidence": 'two\nlines, ü, "quoted" {[',
        "hint": None,
        "seconds": 0.5,
    }
    stages = [
        StageResult("00_done", "ok", checks=[check], parameters={"apply": None, "peers": ["a", {"b": []}]}),
        StageResult("01_now", "running", changes=[{"why": "s3cret-word", "loses": ""}, {}]),
        StageResult("02_later"),
    ]
    return Results("r", "home", "home.yaml", None, stages, error={"what": "no"})


def slowly(results: Results) -> str:
    data = {"schema": SCHEMA, "version": __version__, **asdict(results)}
    del data["_start"]
    return json.dumps(masked(data), indent=1, ensure_ascii=False) + "\n"


def test_it_is_the_text_of_all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "_revealed", set())
    results = made()
    assert results.text() == slowly(results)
    results.stages[1].checks = [{"name": "new", "evidence": ""}]
    results.stages[0].checks[0]["evidence"] = "changed in place"
    results.stages[2].status = "running"
    assert results.text() == slowly(results)
    assert Results("r", "lab", "lab", True, []).text().count("[]") == 1


def test_what_becomes_a_secret_is_masked_in_what_was_laid_out_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "_revealed", set())
    results = made()
    assert "s3cret-word" in results.text()
    secret.conceal("s3cret-word")
    assert "s3cret-word" not in results.text()
    assert results.text() == slowly(results)
