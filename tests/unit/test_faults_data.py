"""The faults as data: what each of them must say, and what is kept of one that is played."""

from __future__ import annotations

import json
import re

import pytest

from homelab import stages
from homelab.errors import HomelabError, ParamsError
from homelab.faults import ALL, broken, find
from homelab.faults.broken import Broken
from homelab.plan import Change, Plan
from homelab.resources import bulk_file, prefs

PLAN = Plan("break", (Change("phone", "prefs", "why", prefs.State(), prefs.State(accept_dns=False)),))


def test_there_are_at_least_ten() -> None:
    assert len(ALL) >= 10


@pytest.mark.parametrize("fault", ALL.values(), ids=lambda f: f.name)
def test_a_fault_says_all_that_a_learner_needs(fault) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", fault.name)
    assert fault.stage in stages.names()
    assert fault.symptom.startswith("“")
    assert fault.symptom.endswith("”")
    assert len(set(fault.hints)) == 2
    assert all(hint.endswith((".", "?")) for hint in fault.hints)
    assert bool(fault.remedies) != bool(fault.mends), "either each change goes back, or there is another way"
    said = " ".join((fault.symptom, *fault.hints[:1]))
    assert fault.name not in said, "the first hint is not the answer"


def test_an_unknown_name_has_the_nearest() -> None:
    with pytest.raises(ParamsError) as refused:
        find("expired-keys")
    assert "did you mean 'expired-key'?" in str(refused.value)


def test_what_is_broken_is_known_in_any_terminal(tmp_path) -> None:
    assert broken.read(tmp_path) is None
    one = Broken("names-off", True, PLAN)
    broken.write(tmp_path, one)
    assert broken.read(tmp_path) == one
    assert broken.hinted(tmp_path, one).hints == 1
    assert broken.read(tmp_path).hints == 1
    assert json.loads((tmp_path / "broken.json").read_text())["shown"] == "a surprise"
    assert (tmp_path / "broken.json").stat().st_mode & 0o77 == 0
    broken.forget(tmp_path)
    assert broken.read(tmp_path) is None


def test_what_another_version_broke_is_refused(tmp_path) -> None:
    (tmp_path / "broken.json").write_text('{"schema": 99}')
    with pytest.raises(HomelabError, match="another version"):
        broken.read(tmp_path)


def test_a_large_file_is_shown_as_it_is_made() -> None:
    none, some = bulk_file.State("/a/b"), bulk_file.State("/a/b", 61_300_000)
    assert bulk_file.command(none, some) == ["sudo", "fallocate", "-l", "61300000", "/a/b"]
    assert bulk_file.command(some, none) == ["sudo", "rm", "/a/b"]
    assert bulk_file.difference(some, none) == "/a/b: 61.3 MB → nothing"
