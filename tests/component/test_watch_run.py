"""``./runbook watch`` as a process, night after night: one message per change, and a sign of life."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ears import Web, web
from tiny import SHOW, Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    made = Tiny(tmp_path)
    made.book(
        "00_light",
        SHOW,
        f"""
        from pathlib import Path
        here = Path({str(tmp_path)!r})
        outcome("turn the light on", "planned" if (here / "dark").exists() else "already")
        check("shines", "fail" if (here / "broken").exists() else "ok", evidence="3 lumen")
        """,
    )
    made.book("01_other", "print('nobody claimed this')")
    return made


@pytest.fixture
def ears() -> Iterator[Web]:
    with web() as made:
        yield made


def settings(tiny: Tiny, ears: Web, more: str = "") -> dict[str, str]:
    tiny.home.write_text(
        "world: testhome\nmanage: [light]\nnotify:\n  webhook:\n    url: env:HOOK\nheartbeat: env:ALIVE\n"
        + more
    )
    return {"HOOK": f"{ears.url}/hook/sesame-hook", "ALIVE": f"{ears.url}/alive/sesame-alive"}


def night(tiny: Tiny, env: dict[str, str]) -> tuple[int, str]:
    """One watch; its exit status, and what it printed."""
    done = tiny.call("watch", "--params", str(tiny.home), env=env)
    return done.returncode, done.stdout + done.stderr


def heard(ears: Web) -> list[str]:
    """What arrived since the last time: the titles of messages, and signs of life."""
    found = ["alive" if a.path.startswith("/alive") else str(json.loads(a.body)["title"]) for a in ears.asked]
    ears.asked.clear()
    return found


def test_nights_of_a_home(tiny: Tiny, ears: Web) -> None:
    env = settings(tiny, ears)
    assert night(tiny, env)[0] == 0
    assert heard(ears) == ["alive"]
    (tiny.folder / "dark").touch()
    status, said = night(tiny, env)
    assert (status, heard(ears)) == (2, ["testhome: 1 change waits", "alive"])
    assert "webhook: told: testhome: 1 change waits" in said
    status, said = night(tiny, env)
    assert (status, heard(ears)) == (2, ["alive"])
    assert "nothing has changed since the last time" in said
    (tiny.folder / "broken").touch()
    assert night(tiny, env)[0] == 1
    assert heard(ears) == ["testhome: 1 change waits, 1 check fails", "alive"]
    (tiny.folder / "broken").unlink()
    (tiny.folder / "dark").unlink()
    assert night(tiny, env)[0] == 0
    assert heard(ears) == ["testhome: all is well again", "alive"]
    latest = tiny.folder / "runs/latest"
    results = json.loads((latest / "results.json").read_text())
    assert [s["name"] for s in results["stages"]] == ["00_light"]  # only what was claimed
    facts = json.loads((latest / "facts.json").read_text())
    assert any(disk["mount"] == "/" for disk in facts["machines"]["tequila"]["disks"])
    page = (tiny.folder / "runs/weekly-testhome.html").read_text()
    assert "<h1>All is well.</h1>" in page
    assert "turn the light on (on tequila)" in page
    assert "No backup was seen by any run" in page
    written = [p.read_text() for p in tiny.folder.rglob("*") if p.is_file() and p.name != "home.yaml"]
    assert not any("sesame" in text for text in written)


@pytest.mark.nightly
def test_what_could_not_be_told_is_told_the_next_night(tiny: Tiny, ears: Web) -> None:
    env = settings(tiny, ears)
    (tiny.folder / "dark").touch()
    ears.answers[:] = [410]
    status, said = night(tiny, env)
    assert status == 1  # 2 but for the message that did not arrive
    assert "webhook: not told, the next watch tries again: webhook at 127.0.0.1: it answers 410" in said
    assert "sesame" not in said
    heard(ears)
    assert night(tiny, env)[0] == 2
    assert heard(ears) == ["testhome: 1 change waits", "alive"]


def test_a_watch_that_cannot_begin_says_so_once_and_gives_no_sign_of_life(tiny: Tiny, ears: Web) -> None:
    env = settings(tiny, ears, "api_key: env:NO_SUCH_KEY\n")
    for news in (["testhome: 1 thing did not get through"], []):
        status, said = night(tiny, env)
        assert (status, heard(ears)) == (3, news)
        assert "NO_SUCH_KEY is not set" in said
    assert night(tiny, env | {"NO_SUCH_KEY": "now-it-is-there"})[0] == 0
    assert heard(ears) == ["testhome: all is well again", "alive"]


@pytest.mark.nightly
def test_a_home_at_work_is_not_watched_and_nobody_is_woken(tiny: Tiny, ears: Web) -> None:
    from homelab.home_lock import HomeLock

    env = settings(tiny, ears)
    lock = HomeLock(tiny.folder / "state/homelab-runbook/homes/testhome.lock")
    with lock.held(True, "somebody's"):
        status, said = night(tiny, env)
    assert status == 3
    assert "run somebody's of" in said
    assert heard(ears) == []


@pytest.mark.nightly
def test_old_runs_go_after_a_watch(tiny: Tiny, ears: Web) -> None:
    env = settings(tiny, ears, "keep: {last: 1, days: 0}\n")
    for _ in range(2):
        assert night(tiny, env)[0] == 0
    (left,) = (p.name for p in (tiny.folder / "runs").iterdir() if p.is_dir() and not p.is_symlink())
    assert (tiny.folder / "runs/latest").resolve().name == left


@pytest.mark.nightly
def test_a_missing_address_to_tell_stops_no_other_run(tiny: Tiny, ears: Web) -> None:
    settings(tiny, ears)
    assert tiny.run().returncode == 0
    status, said = night(tiny, {})
    assert status == 1
    assert "the sign of life did not go through" in said
    checked = tiny.call("check", "--params", str(tiny.home))
    assert "✗ fail the secret for notify.webhook.url is there" in checked.stdout
