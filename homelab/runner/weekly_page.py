"""The weekly page: what the runs of four weeks say of a home, for a person. One file, no scripts, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from homelab.runner.report import LOGO, POLICY, STYLE
from homelab.runner.weekly_pictures import MARKS, days, spark
from homelab.secret import mask
from homelab.watch import soon, trend
from homelab.watch.facts import clocks
from homelab.watch.findings import DRIFT, FAILED, SOON
from homelab.watch.past import Past
from homelab.watch.trend import Series, Thing

DAYS, MOST = 28, 24
MORE = Path(__file__).with_name("weekly.css")
LEGEND = (
    f"{MARKS[DRIFT]} a change waits; {MARKS[FAILED]} a check fails, or a stage did not get through; "
    f"{MARKS[SOON]} a warning; {MARKS['well']} looked at, and well; {MARKS['unknown']} could not be told; blank: no run"
)


def page(world: str, about: str, past: Sequence[Past], now: datetime) -> str:
    """The whole page about the home `world`, from all its runs; no secret is in it."""
    head, inside, ahead = trend.window(past, now, DAYS)
    things = trend.things(inside)
    here = [t for t in things if t.now]
    title = _sentence(inside, here)
    odd = f"<p>{ahead} run{'s are' if ahead > 1 else ' is'} dated in the future, and left out: the clock was wrong.</p>"
    sections = [
        ("What was not as wanted, and when", _timeline(head, inside, things) + (odd if ahead else "")),
        ("Disks", _disks(inside)),
        ("Days left", _ends(past, now)),
        ("Pending image updates", _images(past)),
        ("Backups", _backups(past, now)),
        ("Clocks", _clocks(past)),
        ("What the stages took", _stages(inside)),
    ]
    body = "\n".join(
        f'<section><div class="top"><h2>{escape(h)}</h2></div>\n{text}\n</section>' for h, text in sections
    )
    numbers = [
        (str(len(inside)), f"runs in {DAYS} days"),
        (str(len({p.at.date() for p in inside})), "days with a run"),
        (str(len(here)), "not as wanted now"),
        (str(len(things)), f"in these {DAYS} days"),
    ]
    figures = "".join(f"<li><b>{n}</b><span>{escape(what)}</span></li>" for n, what in numbers)
    return mask(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(world)}: {escape(title)} Homelab Runbook</title>
<style>
{STYLE.read_text(encoding="utf-8")}
{MORE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<p class="brand">{LOGO}<span>Homelab Runbook · {escape(world)} · four weeks until {_day(now)}</span></p>
<h1>{escape(title)}</h1>
<p class="lead">{escape(about)}</p>
<ul class="numbers">{figures}</ul>
</header>
<main>
{body}
</main>
<footer>
<p>Written {escape(now.isoformat(timespec="minutes"))} by Homelab Runbook, from the runs in this folder. Nothing on it is older than they are, or guessed.</p>
</footer>
</body>
</html>
""")


def _sentence(inside: Sequence[Past], here: Sequence[Thing]) -> str:
    if not inside:
        return "No run in four weeks."
    if not here:
        return "All is well."
    first = min(here, key=lambda t: t.first)
    many = f"{len(here)} things are" if len(here) > 1 else "One thing is"
    return f"{many} not as wanted, the first since {_day(first.first)}."


def _timeline(head: Sequence[Any], inside: Sequence[Past], things: Sequence[Thing]) -> str:
    if not inside:
        return "<p>There was no run.</p>"
    looked = {p.at.date(): "well" for p in inside}
    rows = [("looked at", looked), *((t.finding.words, t.days) for t in things[-MOST:])]
    said = f"{len(things)} things that were not as wanted, by day; the table below says the same"
    left_out = f"<p>{len(things) - MOST} older ones are left out.</p>" if len(things) > MOST else ""
    table = _table(
        ("what", "seen first", "seen last", "now"),
        ((escape(t.finding.words), _day(t.first), _day(t.last), '<span class="bad">still so</span>' if t.now else "over")
         for t in things[-MOST:]),
    )  # fmt: skip
    none = "<p>Nothing was.</p>" if not things else table
    return f'{days(head, rows, said)}<p class="meta">{LEGEND}</p>{none}{left_out}'


def _disks(inside: Sequence[Past]) -> str:
    found = trend.disks(inside)
    if not found:
        return "<p>No disk was seen by any run: <code>./runbook watch</code> looks at them.</p>"
    note = (
        "<p>The file of a WSL disk grows with it, and does not shrink by itself when files are deleted.</p>"
        if any("WSL's" in s.what for s in found)
        else ""
    )
    return (
        _table(
            ("machine", "where", "used", "of", "", "a week", "full in", "four weeks"),
            (_disk(s) for s in found),
            (2, 3, 4, 5, 6),
        )
        + note
    )


def _disk(s: Series) -> tuple[str, ...]:
    part = 100 * s.last / s.most if s.most else 0.0
    percent = f"{part:.0f} %" if s.most else ""
    pace, left = s.a_week, s.weeks_left
    return (
        escape(s.machine), f'<span class="path">{escape(s.what)}</span>', _size(s.last), _size(s.most) if s.most else "–",
        f'<span class="mind">{percent} !</span>' if part >= soon.FULL else percent,
        "not known yet" if pace is None else f"{'+' if pace >= 0 else '−'}{_size(abs(pace))}",
        f"{left:.0f} weeks" if left is not None and left < 520 else "–",
        spark(s.points, f"{s.what} on {s.machine}: from {_size(s.points[0][1])} to {_size(s.last)}"),
    )  # fmt: skip


def _ends(past: Sequence[Past], now: datetime) -> str:
    rows, notes = [], []
    for machine in _machines(past):
        key, seen, why = trend.newest(past, lambda f, m=machine: f["machines"].get(m, {}).get("key", {"unknown": "it was not asked"}))  # type: ignore[misc]  # fmt: skip
        if key is None:
            notes.append(f"{machine}: the end of its node key is not known ({why}).")
        elif key["expires"]:
            rows.append(_end(f"node key of {key['node']} ({machine})", key["expires"], now, seen))
        else:
            rows.append((escape(f"node key of {key['node']} ({machine})"), "never", "", _seen(seen)))
        certs, seen, why = trend.newest(past, lambda f, m=machine: f["machines"].get(m, {}).get("certificates", {"unknown": "it was not asked"}))  # type: ignore[misc]  # fmt: skip
        for one in certs or ():
            if one.get("expires"):
                rows.append(_end(f"certificate of {one['host']}", one["expires"], now, seen))
            else:
                notes.append(f"The certificate of {one['host']} could not be seen: {one['unknown']}.")
        if not certs:
            notes.append(
                f"{machine}: {'no certificate is served' if certs == [] else f'certificates are not known ({why})'}."
            )
    table = _table(("what", "ends", "days left", "seen"), rows, (2,)) if rows else ""
    return table + _notes(notes or ([] if rows else ["No key and no certificate was seen by any run."]))


def _end(what: str, stamp: str, now: datetime, seen: Past | None) -> tuple[str, ...]:
    left = soon.days_left(stamp, now)
    words = f"{left:.0f}" if left > 0 else "ended"
    shown = words if left > soon.DAYS else f'<span class="bad">{words} !</span>'
    ends = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(now.tzinfo)
    return escape(what), _day(ends), shown, _seen(seen)


def _images(past: Sequence[Past]) -> str:
    rows, notes, watched = [], [], 0
    for machine in _machines(past):
        images, seen, why = trend.newest(past, lambda f, m=machine: f["machines"].get(m, {}).get("images", {"unknown": "it was not asked"}))  # type: ignore[misc]  # fmt: skip
        if images is None:
            notes.append(f"{machine}: its images are not known ({why}).")
        for one in images or ():
            watched += 1
            name = f"{one['project']}/{one['service']}"
            if one.get("pending"):
                rows.append(
                    (
                        escape(name),
                        escape(machine),
                        escape(one["reference"]),
                        escape(one["version"]),
                        _seen(seen),
                    )
                )
            elif "unknown" in one:
                notes.append(f"{name} on {machine}: {one['unknown']}.")
    if rows:
        return _table(("service", "machine", "image", "runs", "seen"), rows) + _notes(notes)
    said = (
        f"None is pending, of {watched} that were looked at." if watched else "No image was seen by any run."
    )
    return _notes([said, *notes])


def _backups(past: Sequence[Past], now: datetime) -> str:
    found, seen, why = trend.newest(past, lambda f: f["backups"])
    if not found:
        return _notes([f"No backup was seen by any run{f': {why}' if why else ''}."])

    def when(stamp: str | None, none: str) -> str:
        if not stamp:
            return f'<span class="bad">{none} !</span>'
        at = datetime.fromisoformat(stamp)
        return f"{_day(at)} <small>({max(0.0, -soon.days_left(stamp, now)):.0f} days ago)</small>"

    rows = [
        (escape(b["service"]), when(b["last"], "never"), when(b["proved"], "never"), escape(b["place"]))
        for b in found
    ]
    notes = [f"As of {_day(seen.at)}; the last watch could not tell: {why}."] if why and seen else []
    return _table(("service", "last good backup", "last proved restore", "where"), rows) + _notes(notes)


def _clocks(past: Sequence[Past]) -> str:
    watched = [p for p in past if p.facts]
    if not watched:
        return "<p>No clock was asked by any run.</p>"
    answers = clocks(dict(watched[-1].facts))
    marks = {"ok": "✓", "warn": '<span class="bad">!</span>', "fail": "?", "skip": "–"}
    rows = [(marks[a.status], escape(a.name), escape(a.vantage), escape(a.evidence)) for a in answers]
    return _table(("", "asked", "of", "answer"), rows)


def _stages(inside: Sequence[Past]) -> str:
    found = trend.stages(inside)
    if not found:
        return "<p>No stage got through in any run.</p>"
    return _table(
        ("stage", "last", "median", "longest", "four weeks"),
        ((escape(s.what), _time(s.last), _time(middle), _time(max(v for _, v in s.points)),
          spark(s.points, f"{s.what}: {len(s.points)} runs, the last took {_time(s.last)}"))
         for s, middle in found),
        (1, 2, 3),
    )  # fmt: skip


def _machines(past: Sequence[Past]) -> list[str]:
    watched = [p for p in past if p.facts]
    return list(watched[-1].facts["machines"]) if watched else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table; cells are HTML already, and those of the columns `numbers` stand to the right."""

    def row(cells: Sequence[str], tag: str) -> str:
        found = (f"<{tag}{' class=n' if n in numbers else ''}>{c}</{tag}>" for n, c in enumerate(cells))
        return f"<tr>{''.join(found)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    top = row([escape(h) for h in head], "th")
    return f'<div class="table"><table><thead>{top}</thead><tbody>{body}</tbody></table></div>'


def _notes(notes: Iterable[str]) -> str:
    return "".join(f'<p class="meta">{escape(n)}</p>' for n in notes)


def _seen(past: Past | None) -> str:
    return _day(past.at) if past else ""


def _day(at: datetime) -> str:
    return f"{at.day}\u00a0{at:%B}\u00a0{at.year}"  # in one line


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _size(size: float) -> str:
    for unit, big in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= big:
            return f"{size / big:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
