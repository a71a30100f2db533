"""The cheat sheet has a run's own commands, each once, and nothing else."""

from __future__ import annotations

from typing import Any

from homelab.runner import cheat_sheet, report
from homelab.runner.results import Results, StageResult


def _change(command: str, why: str = "show the quiz", outcome: str = "applied") -> dict[str, Any]:
    return {"machine": "tequila", "why": why, "command": command, "outcome": outcome}


def _run(*changes: dict[str, Any]) -> Results:
    stage = StageResult("05_funnel", title="Show <one> thing", changes=list(changes))
    return Results("r1", "lab", "lab", True, [StageResult("00_welcome"), stage])


def test_commands_are_there_once_in_order_and_the_way_back_after_them() -> None:
    back = _change("tailscale funnel off", "take back: show the quiz")
    run = _run(
        _change("tailscale serve 3000"),
        back,
        _change("tailscale funnel 3000"),
        _change("tailscale serve 3000"),
    )
    text = cheat_sheet.markdown(run)
    places = [text.index(c) for c in ("serve 3000", "funnel 3000", "The way back", "funnel off")]
    assert places == sorted(places)
    assert text.count("serve 3000") == 1
    assert "take back" not in text
    assert "00" not in text.replace("3000", "")  # a stage without commands has no heading


def test_what_was_there_already_is_not_typed() -> None:
    assert "serve" not in cheat_sheet.markdown(_run(_change("tailscale serve 3000", outcome="already")))


def test_a_file_is_not_typed_either() -> None:
    long = "\n".join(f"line {n}" for n in range(40))
    text = cheat_sheet.markdown(_run(_change(long)))
    assert f"line {cheat_sheet.LONGEST - 1}\n" in text
    assert "28 more lines" in text


def test_the_page_is_escaped_and_needs_no_network() -> None:
    page = cheat_sheet.page(_run(_change("echo '<b>' && x")))
    assert "Show &lt;one&gt; thing" in page
    assert "echo &#x27;&lt;b&gt;&#x27; &amp;&amp; x" in page
    assert "http" not in page
    assert "src=" not in page


def test_the_report_leads_to_it_once_it_is_there() -> None:
    run = _run(_change("tailscale serve 3000"))
    assert "cheat_sheet.html" not in report.page(run, {})
    run.finish()
    assert "cheat_sheet.html" in report.page(run, {})
    without = _run()
    without.finish()
    assert "cheat_sheet.html" not in report.page(without, {})


def test_each_line_of_a_command_begins_at_the_margin_and_the_report_is_one_click_away() -> None:
    page = cheat_sheet.page(_run(_change("sudo apt-get update\nsudo apt-get install -y socat")))
    assert "<dd><code>sudo apt-get update</code><code>sudo apt-get install -y socat</code></dd>" in page
    assert '<a href="report.html">' in page
