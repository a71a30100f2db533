"""``report.html``: one page that says all, loads nothing, and runs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from homelab.runner.records import Columns, Picture
from homelab.runner.report import STYLE, page
from homelab.runner.results import Results, StageResult
from homelab.secret import conceal

HOSTILE = "<script>alert(1)</script><img src='http://evil.example/x'>\"'"


class Reader(HTMLParser):
    """Collects what a browser would load or run, and whether tags are balanced."""

    EMPTY = ("meta", "img", "link", "br", "path", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has {name}"
            if name in ("src", "srcset", "data", "poster", "action") or (name == "href" and tag != "a"):
                self.loads.append(value or "")
            elif name == "href":
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def results() -> Results:
    good = StageResult("00_welcome", "ok", 4.2, "Meet the lab", "A look inside.", "00_welcome.ipynb", 7, 7)
    good.checks = [
        {"name": "the phone is up", "vantage": "visitor", "status": "ok", "evidence": "12 ms", "hint": None}
    ]
    good.changes = [
        {"machine": "tequila", "resource": "login", "why": "enrol it", "command": "tailscale up --hostname=t",
         "outcome": "applied", "loses": "the old key", "seconds": 1.25, "error": None}
    ]  # fmt: skip
    bad = StageResult("05_funnel", "failed", 1.0, HOSTILE, HOSTILE, "05_funnel.ipynb", 3, 9)
    bad.checks = [
        {"name": HOSTILE, "vantage": HOSTILE, "status": "fail", "evidence": f"a\n{HOSTILE}", "hint": HOSTILE}
    ]
    bad.changes = [
        {"machine": HOSTILE, "resource": HOSTILE, "why": HOSTILE, "command": HOSTILE, "outcome": "failed",
         "loses": HOSTILE, "seconds": None, "error": HOSTILE}
    ]  # fmt: skip
    bad.error = {"type": "ApplyFailed", "what": HOSTILE, "hint": HOSTILE, "cell": 3}
    later = StageResult("06_exit_node")
    made = Results(run="r1", world=HOSTILE, params="lab", apply=None, stages=[good, bad, later])
    made.finish()
    made.text()
    return made


PICTURES = {
    "00_welcome": [
        Picture("image/svg+xml", "<svg><script>1</script></svg>", HOSTILE),
        Picture("image/png", "AA\nAA", "b"),
    ]
}


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_it_loads_nothing_and_runs_nothing(results: Results) -> None:
    reader = read(page(results, PICTURES))
    assert reader.open == []
    assert len(reader.loads) == 2
    assert all(source.startswith("data:image/") for source in reader.loads)
    assert "data:image/png;base64,AAAA" in reader.loads
    assert not {"script", "link", "iframe", "object", "base"} & set(reader.tags)
    assert reader.tags.count("img") == 2
    assert not re.search(r"url\(|@import|https?:", STYLE.read_text())


def test_it_links_only_beside_itself(results: Results) -> None:
    links = read(page(results, PICTURES)).links
    assert {"00_welcome.ipynb", "05_funnel.ipynb", "results.json", "#06_exit_node"} <= set(links)
    assert not [link for link in links if ":" in link or link.startswith("/")]


def test_it_says_all(results: Results) -> None:
    text = read(page(results, PICTURES)).text
    for said in (
        "1 of 3 stages did not get through.", "Meet the lab", "A look inside.", "4.2 s", "the phone is up", "from visitor",
        "12 ms", "enrol it", "on tequila", "tailscale up --hostname=t", "applied", "1.2 s", "cannot be taken back: the old key",
        "in cell 3", "not started", HOSTILE, "citizens own a part of the infrastructure",
    ):  # fmt: skip
        assert said in text, said


def test_a_run_that_goes_on_says_so(results: Results) -> None:
    results.status = "running"
    assert "the run was killed" in read(page(results, {})).text


def test_warnings_are_said_at_the_top_and_on_the_card(results: Results) -> None:
    check = {"name": "fails open", "vantage": "phone", "status": "warn", "evidence": "it would", "hint": None}
    results.stages[0].checks += [dict(check), dict(check), dict(check)]
    text = read(page(results, {})).text
    assert "3warnings" in text
    assert "✓ stands, 3 warnings" in text
    results.stages[0].checks[-2:] = []
    text = read(page(results, {})).text
    assert "1warning" in text
    assert "✓ stands, 1 warning" in text


def test_class_names_of_ours_are_not_for_readers_and_those_of_others_are(results: Results) -> None:
    assert "ApplyFailed" not in read(page(results, {})).text
    results.stages[1].error = {"type": "KeyError", "what": "'x'", "hint": None, "cell": 3}
    assert "KeyError in cell 3" in read(page(results, {})).text


def test_tables_stand_among_the_pictures(results: Results) -> None:
    table = Columns(("node", HOSTILE), (("demoserver", "root"), (HOSTILE, "")), "All of them")
    reader = read(page(results, {"00_welcome": [*PICTURES["00_welcome"], table]}))
    assert reader.open == []
    assert reader.tags.count("table") == 1
    for said in ("node", "demoserver", "root", HOSTILE, "All of them"):
        assert said in reader.text
    assert "details" not in reader.tags


def test_what_nobody_has_seen_is_not_called_seen(results: Results) -> None:
    drawn = [replace(picture, waits=True) for picture in PICTURES["00_welcome"]]
    results.stages[0].status = "drift"
    reader = read(page(results, {"00_welcome": drawn}))
    assert reader.open == []
    assert "Drawn, and seen by nobody: the changes wait" in reader.text
    assert "Seen" not in reader.text.replace("Drawn, and seen", "")
    assert reader.tags.count("img") == 2
    assert "Would change" not in reader.text
    results.stages[0].changes[0]["outcome"] = "planned"
    assert "Would change" in read(page(results, {})).text
    both = read(page(results, {"00_welcome": [*PICTURES["00_welcome"], *drawn]}))
    assert "Seen" in both.text
    assert both.tags.count("details") == 1


def test_a_stage_that_did_nothing_and_asked_nobody_does_not_stand(results: Results) -> None:
    stage = results.stages[0]
    stage.changes = []
    stage.checks[0]["status"] = "skip"
    reader = read(page(results, PICTURES))
    assert "nothing done, nothing asked" in reader.text
    assert "stands" not in reader.text
    assert "Drawn, and seen by nobody: nobody was asked" in reader.text
    assert "Not asked" in reader.text
    assert page(results, {}).count('<li class="skipped"') == 1, "the bar at the top"
    facts = read(page(results, {"00_welcome": [Columns(("kernel",), (("6.1",),), "Where we are")]}))
    assert "details" not in facts.tags, "a table of what is here was read here"
    results.stages[1:] = []
    results.error = None
    results.finish()
    assert "Nothing was done, and nothing was asked." in read(page(results, {})).text


def test_pictures_keep_their_size_and_get_the_full_width() -> None:
    style = STYLE.read_text()
    (pictures,) = re.findall(r"\.pictures \{([^}]*)\}", style)
    (image,) = re.findall(r"figure img \{([^}]*)\}", style)
    assert "auto-fit" not in pictures
    assert "width: auto" in image, "a QR code must not fill the page"
    assert "max-width: 100%" in image


def test_no_secret_is_in_it(results: Results) -> None:
    conceal("value-that-nobody-sees")
    results.stages[0].checks[0]["evidence"] = "value-that-nobody-sees"
    assert "value-that-nobody-sees" not in page(results, {})
