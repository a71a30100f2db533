"""What a run found wrong, as things that have a name: the same thing tomorrow is the same finding.

A finding's `id` has no figures, times or evidence in it, which differ from night to night.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from homelab.check import Answer
from homelab.plan import BACK

DRIFT, FAILED, BROKEN, SOON = "drift", "failed", "broken", "soon"
COULD_NOT_RUN = "watch"
THROUGH = ("ok", "drift", "failed", "observed")  # what a stage says of all its checks and changes


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it is wanted: its `kind`, in plain `words`, and in which `stage` it was seen.

    What was asked besides the stages has ``@`` and who was asked in place of a stage.
    """

    id: str
    kind: str
    words: str
    stage: str = ""


def of_results(results: Mapping[str, Any]) -> list[Finding]:
    """The findings in a run's results: changes that wait or failed, checks that failed, stages that broke off."""
    found: dict[str, Finding] = {}
    for stage in results["stages"]:
        if not stage.get("managed", True):
            continue
        for one in _of_stage(stage):
            found.setdefault(one.id, one)
    return list(found.values())


def _of_stage(stage: Mapping[str, Any]) -> Iterable[Finding]:
    name = str(stage["name"])
    explained = False
    lessons = {_what(c) for c in stage["changes"] if c["outcome"] == "planned" and c["why"].startswith(BACK)}
    for change in stage["changes"]:
        if change["outcome"] == "failed" or (change["outcome"] == "planned" and _what(change) not in lessons):
            kind = DRIFT if change["outcome"] == "planned" else BROKEN
            words = f"{change['why']} (on {change['machine']})"
            explained = explained or kind == BROKEN
            yield Finding(
                f"{kind}:{name}:{change['machine']}:{change['resource']}:{change['why']}", kind, words, name
            )
    for check in stage["checks"]:
        if check["status"] == "fail":
            explained = True
            words = f"{check['name']} (from {check['vantage']}): {_first_line(check['evidence'])}"
            yield Finding(f"{FAILED}:{name}:{check['vantage']}:{check['name']}", FAILED, words, name)
    if stage["error"] and not explained:
        yield Finding(
            f"{BROKEN}:{name}:{stage['error']['type']}", BROKEN,
            f"{name} did not get through: {_first_line(stage['error']['what'])}", name,
        )  # fmt: skip


def of_answers(answers: Iterable[Answer]) -> list[Finding]:
    """The findings in what was asked besides the stages: a disk that fills up, a key that ends soon, a wrong clock."""
    return [_of_answer(a) for a in answers if a.status in ("warn", "fail")]


def _of_answer(a: Answer) -> Finding:
    words = f"not so: {a.name} (from {a.vantage}): {_first_line(a.evidence)}"
    return Finding(f"{SOON}:{a.vantage}:{a.name}", SOON, words, f"@{a.vantage}")


def could_not_run(error: str) -> Finding:
    """That a watch could not even begin."""
    return Finding(COULD_NOT_RUN, BROKEN, f"the watch could not run: {_first_line(error)}")


def _what(change: Mapping[str, Any]) -> tuple[str, str, str]:
    """What is changed and why; the same for the way there and the way back, which is how a lesson is planned."""
    return change["machine"], change["resource"], change["why"].removeprefix(BACK)


def unknown_stages(results: Mapping[str, Any], claimed: Iterable[str]) -> set[str]:
    """The `claimed` stages of which the run says nothing, or not all: what was found there before may still be so."""
    known = {str(s["name"]) for s in results["stages"] if s["status"] in THROUGH and not s["error"]}
    return set(claimed) - known


def _first_line(text: object) -> str:
    line = (str(text or "").strip().splitlines() or [""])[0]
    return line if len(line) <= 200 else f"{line[:199]}…"
