"""The weekly page over runs of a test's own: what drifted when, and nothing that nobody has seen."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from homelab.runner.weekly_page import page
from homelab.watch import trend
from homelab.watch.past import runs

CET = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=CET)
GB = 10**9


class Home:
    """Four weeks of a home, a watch every night."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def night(self, ago: int, planned: bool = False, failed: bool = False, broke: bool = False, facts: bool = True, **more: object) -> Path:  # fmt: skip
        at = (NOW - timedelta(days=ago)).replace(hour=3, minute=30)
        name = f"{at:%Y-%m-%d_%H-%M-%S}"
        change = {"machine": "tequila", "resource": "serve", "why": "open the quiz", "outcome": "planned"}
        check = {"name": "plays", "vantage": "phone", "status": "fail", "evidence": "503", "hint": None}
        stage = {"name": "05_funnel", "status": "drift" if planned else "ok", "seconds": 20.0 - ago / 4, "error": None,
                 "changes": [change] if planned else [], "checks": [check] if failed else []}  # fmt: skip
        if broke:
            stage |= {"status": "failed", "error": {"type": "KernelDied", "what": "the kernel died"}}
        results = {"schema": 1, "run": name, "world": "home", "status": "ok", "started": at.isoformat(), "stages": [stage]}  # fmt: skip
        made = self.folder / name
        made.mkdir()
        (made / "results.json").write_text(json.dumps(results))
        if facts:
            (made / "facts.json").write_text(json.dumps(self.facts(ago) | more))
        return made

    def facts(self, ago: int) -> dict:
        clock = {"name": "its clock agrees with this machine's", "vantage": "tequila", "status": "ok", "evidence": "to within 0 s", "hint": ""}  # fmt: skip
        used = 200 * GB - ago * GB
        return {
            "schema": 1, "at": "", "clock": [], "backups": [
                {"service": "jellyfin", "place": "/mnt/usb", "last": "2026-11-27T02:00:00+01:00", "proved": None}],
            "machines": {"tequila": {
                "disks": [{"mount": "/", "size": 250 * GB, "used": used}],
                "vhdx": [{"name": "Ubuntu", "file": "C:\\wsl\\ext4.vhdx", "size": used + 20 * GB}],
                "key": {"node": "tequila", "expires": "2026-12-06T08:00:00+01:00"},
                "certificates": [{"host": "tequila.snow-burbot.ts.net", "expires": "2027-01-20T08:00:00+01:00"}],
                "images": [{"project": "jellyfin", "service": "jellyfin", "reference": "jellyfin/jellyfin:12", "version": "12.3", "pending": True},
                           {"project": "quiz", "service": "quiz", "reference": "quiz", "version": "a build", "unknown": "it was built here"}],
                "clock": clock}}}  # fmt: skip

    def page(self) -> str:
        return page("home", "Tequila <the laptop>", runs(self.folder, "home"), NOW)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "runs")


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def month(home: Home) -> None:
    for ago in range(27, -1, -1):
        if ago != 13:
            home.night(ago, planned=10 <= ago <= 12, failed=ago <= 1, broke=ago == 11)


def test_what_drifted_when(home: Home) -> None:
    month(home)
    found = {t.finding.words: t for t in trend.things(runs(home.folder, "home"))}
    drift = found["open the quiz (on tequila)"]
    assert (drift.first.day, drift.last.day, drift.now) == (15, 17, False)
    assert found["plays (from phone): 503"].now
    assert drift.days[datetime(2026, 11, 18).date()] == "well"
    assert datetime(2026, 11, 14).date() not in drift.days  # no run that night
    lost = found["05_funnel did not get through: the kernel died"]
    assert lost.days == {datetime(2026, 11, 16).date(): "broken"} | {
        datetime(2026, 11, d).date(): "well" for d in range(17, 28)
    }


def test_a_night_on_which_a_stage_broke_off_says_nothing_of_what_it_was_asked(home: Home) -> None:
    home.night(3, planned=True)
    home.night(2, broke=True)
    drift = trend.things(runs(home.folder, "home"))[0]
    assert drift.now
    assert drift.days[(NOW - timedelta(days=2)).date()] == "unknown"


def test_the_page_says_it_in_words_a_person_reads(home: Home) -> None:
    month(home)
    html, said = home.page(), words(home.page())
    assert "2 things are not as wanted, the first since 23 November 2026." in said  # the check, and the key
    assert "C:\\wsl\\ext4.vhdx (WSL&#x27;s Ubuntu, on Windows) 220.0 GB" in said
    assert "+7.0 GB 7 weeks" in said  # 1 GB a day, 50 GB left
    assert "node key of tequila (tequila) 6 December 2026 9 !" in said
    assert "certificate of tequila.snow-burbot.ts.net 20 January 2027 54" in said
    assert "jellyfin/jellyfin tequila jellyfin/jellyfin:12 12.3" in said
    assert "quiz/quiz on tequila: it was built here." in said
    assert "jellyfin 27 November 2026 (0 days ago) never !" in said
    assert "05_funnel 20.0 s" in said
    assert "Tequila &lt;the laptop&gt;" in html
    assert "<script" not in html
    assert all('aria-label="' in svg for svg in re.findall(r"<svg class[^>]*>", html))
    assert not re.search(r'(src|href)="http', html)


def test_what_nobody_saw_is_said_and_not_made_up(home: Home) -> None:
    home.night(1, facts=False)
    said = words(home.page())
    for sentence in (
        "No disk was seen by any run",
        "No key and no certificate was seen by any run.",
        "No image was seen by any run.",
        "No backup was seen by any run.",
        "No clock was asked by any run.",
    ):
        assert sentence in said
    assert "never" not in said


def test_no_run_at_all(home: Home) -> None:
    said = words(home.page())
    assert "No run in four weeks." in said
    assert "There was no run." in said


def test_what_the_last_watch_could_not_tell_is_as_of_the_one_that_could(home: Home) -> None:
    home.night(2)
    home.night(1, backups={"unknown": "tequila: the disk of /mnt/usb is not mounted"})
    said = words(home.page())
    assert "As of 25 November 2026; the last watch could not tell: tequila: the disk of /mnt/usb is not mounted." in said  # fmt: skip


def test_a_day_of_measurements_is_no_pace(home: Home) -> None:
    home.night(0)
    assert "not known yet" in words(home.page())


def test_runs_from_the_future_are_left_out_and_said(home: Home) -> None:
    home.night(1)
    home.night(-900, planned=True)
    said = words(home.page())
    assert "1 run is dated in the future, and left out: the clock was wrong." in said
    assert "open the quiz" not in said


def test_a_disk_that_shrinks_is_never_full() -> None:
    falling = trend.Series("m", "/", ((0, 100.0), (trend.WEEK, 50.0)), 200.0)
    assert (falling.a_week, falling.weeks_left) == (-50.0, None)
    assert trend.Series("m", "/", ((0, 50.0), (3600, 90.0)), 200.0).weeks_left is None


def test_a_date_stays_in_one_line(home: Home) -> None:
    month(home)
    assert "15\u00a0November\u00a02026" in home.page()
