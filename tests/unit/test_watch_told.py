"""One message per change, not one per night; nothing is lost where a way fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.errors import HomelabError
from homelab.secret import conceal
from homelab.watch import findings
from homelab.watch.findings import Finding
from homelab.watch.message import day, message
from homelab.watch.tell import tell
from homelab.watch.told import Told

DRIFT = Finding("drift:05:tequila:serve:x", "drift", "open the quiz (on tequila)", "05_funnel")
CHECK = Finding("failed:02:phone:plays", "failed", "plays (from phone): 503", "02_jellyfin")
FRIDAY, SATURDAY, SUNDAY = (f"2026-11-{d}T03:30:00+01:00" for d in (27, 28, 29))


class Nights:
    """Watches, one a night, each with its own process's memory."""

    def __init__(self, path: Path) -> None:
        self.path, self.sent, self.broken = path, [], set()

    def night(self, *found: Finding, at: str = FRIDAY, unknown: set[str] | None = None) -> list[str]:
        """Returns the titles that arrived."""
        told, before = Told.load(self.path), len(self.sent)
        told.see(found, unknown or set(), at)
        ways = {name: lambda m, name=name: self.send(name, m) for name in ("ntfy", "mail")}
        _, self.failed = tell(told, ways, "home", "./runbook run", "", at, lambda seconds: None)
        return [title for _, title in self.sent[before:]]

    def send(self, name, said) -> None:
        if name in self.broken:
            raise HomelabError("it answers 500", name)
        self.sent.append((name, said.title))
        self.last = said


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "home.watch.json")


def test_a_home_that_is_well_says_nothing(nights: Nights) -> None:
    assert nights.night() == []
    assert nights.night() == []


def test_each_change_is_told_once(nights: Nights) -> None:
    assert nights.night(DRIFT) == ["home: 1 change waits"] * 2  # two ways, one each
    assert nights.night(DRIFT, at=SATURDAY) == []
    assert nights.night(DRIFT, CHECK, at=SATURDAY) == ["home: 1 change waits, 1 check fails"] * 2
    assert "- open the quiz (on tequila), since 27 November 2026, 03:30 +01:00" in nights.last.text
    assert nights.night(CHECK, at=SUNDAY) == ["home: 1 check fails, fewer than before"] * 2
    assert nights.night(at=SUNDAY) == ["home: all is well again"] * 2
    assert "No longer so:\n- plays (from phone): 503" in nights.last.text
    assert nights.night(at=SUNDAY) == []


def test_another_evidence_is_no_news(nights: Nights) -> None:
    nights.night(CHECK)
    assert nights.night(Finding(CHECK.id, CHECK.kind, "plays (from phone): 502", CHECK.stage)) == []


def test_a_way_that_fails_is_told_all_the_next_time_and_the_others_nothing_twice(nights: Nights) -> None:
    nights.broken = {"mail"}
    assert nights.night(DRIFT) == ["home: 1 change waits"]
    assert nights.failed == ["mail: not told, the next watch tries again: mail: it answers 500"]
    assert nights.night(DRIFT, CHECK, at=SATURDAY) == ["home: 1 change waits, 1 check fails"]
    nights.broken = set()
    assert nights.night(DRIFT, CHECK, at=SUNDAY) == ["home: 1 change waits, 1 check fails"]
    assert nights.sent[-1][0] == "mail"
    assert [n["words"] for n in nights.last.data["new"]] == [DRIFT.words, CHECK.words]
    assert nights.last.data["new"][0]["since"] == FRIDAY


def test_what_came_and_went_while_a_way_was_broken_is_no_news_to_it(nights: Nights) -> None:
    nights.broken = {"mail"}
    nights.night(DRIFT)
    nights.broken = set()
    assert nights.night(at=SATURDAY) == ["home: all is well again"]
    assert nights.sent[-1][0] == "ntfy"


def test_a_stage_that_did_not_get_through_neither_heals_nor_breaks(nights: Nights) -> None:
    nights.night(DRIFT)
    assert nights.night(at=SATURDAY, unknown={"05_funnel"}) == []
    assert nights.night(at=SUNDAY) == ["home: all is well again"] * 2


def test_a_watch_that_could_not_begin_is_told_and_forgets_nothing(nights: Nights) -> None:
    nights.night(DRIFT)
    told = Told.load(nights.path)
    told.fail(findings.could_not_run("env:KEY: not set\nHint: set it"), SATURDAY)
    news = told.news("ntfy")
    assert [f.words for f in news.new] == ["the watch could not run: env:KEY: not set"]
    assert news.still == (DRIFT,)
    assert nights.night(DRIFT, at=SUNDAY) == []  # nobody was told of it


def test_a_file_of_another_version_or_half_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "home.watch.json"
    for text, said in (("{", "cannot be read"), ('{"schema": 9}', "another version")):
        path.write_text(text)
        with pytest.raises(HomelabError, match=said):
            Told.load(path)


def test_findings_of_results_have_names_without_figures() -> None:
    change = {"machine": "tequila", "resource": "serve", "why": "open it", "outcome": "planned"}
    check = {"name": "plays", "vantage": "phone", "status": "fail", "evidence": "took 3.2 s\nmore"}
    lesson = {**change, "why": "shut it for a moment"}
    back = {**change, "why": "take back: shut it for a moment"}
    stage = {"name": "05_funnel", "status": "failed", "changes": [change, {**change, "outcome": "already"}, lesson, back],
             "checks": [check, {**check, "status": "warn"}], "error": {"type": "CheckFailed", "what": "plays"}}  # fmt: skip
    lost = {"name": "06_exit_node", "status": "failed", "changes": [], "checks": [],
            "error": {"type": "KernelDied", "what": "the kernel died"}}  # fmt: skip
    other = {**stage, "name": "07_x", "managed": False, "status": "observed"}
    found = findings.of_results({"stages": [stage, lost, other]})
    assert [(f.kind, f.words) for f in found] == [
        ("drift", "open it (on tequila)"),
        ("failed", "plays (from phone): took 3.2 s"),
        ("broken", "06_exit_node did not get through: the kernel died"),
    ]
    assert not any("3.2" in f.id for f in found)
    claimed = ["05_funnel", "06_exit_node", "08_x"]
    assert findings.unknown_stages({"stages": [stage, lost, other]}, claimed) == set(claimed)
    clean = {**stage, "status": "drift", "error": None}
    assert findings.unknown_stages({"stages": [clean]}, ["05_funnel"]) == set()


def test_a_message_holds_no_secret_and_its_title_no_line_break(tmp_path: Path) -> None:
    conceal("sesame-opens")
    told = Told(tmp_path / "x")
    told.see([Finding("a", "failed", "the key sesame-opens fails", "")], set(), FRIDAY)
    said = message("home", told.news("ntfy"), "cmd sesame-opens", "", FRIDAY)
    assert "sesame" not in f"{said.title}{said.text}{said.data}"
    told.save()
    assert "sesame" not in told.path.read_text()
    assert said.title.isascii()


def test_times_are_said_with_their_offset() -> None:
    assert day("2026-10-25T02:30:00+02:00") == "25 October 2026, 02:30 +02:00"
    assert day("2026-10-25T02:30:00+01:00") == "25 October 2026, 02:30 +01:00"  # an hour later
