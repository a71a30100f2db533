"""A run in words: one sentence, and why a stage did not go well."""

from __future__ import annotations

from typing import Any

from homelab.runner.results import STATUSES, Results, StageResult


def reasons(stage: StageResult) -> list[str]:
    """Why a stage did not go well: failed changes, failed checks with evidence and hint, or its error."""
    lines: list[str] = []
    for change in stage.changes:
        if change["outcome"] == "failed":
            lines += [f"✗ on {change['machine']}: {change['why']}", f"  $ {change['command']}"]
            lines += [f"  {line}" for line in str(change["error"] or "").splitlines()]
    for check in stage.checks:
        if check["status"] == "fail":
            evidence = str(check["evidence"]).splitlines() or [""]
            lines.append(f"✗ {check['name']} (from {check['vantage']}): {evidence[0]}")
            lines += [f"  {line}" for line in evidence[1:]]
            if check["hint"]:
                lines.append(f"  Hint: {check['hint']}")
    error: dict[str, Any] | None = stage.error
    if error and not (lines and error["type"] in ("CheckFailed", "ApplyFailed")):
        what = str(error["what"]).splitlines() or [""]
        where = f" in cell {error['cell']}" if error.get("cell") else ""
        lines.append(f"{error['type']}{where}: {what[0]}")
        lines += [f"  {line}" for line in what[1:]]
        if error["hint"]:
            lines.append(f"  Hint: {error['hint']}")
    return lines


def sentence(results: Results) -> str:
    """The run in one sentence."""
    count = len(results.stages)
    stages = f"{count} stage{'s' * (count != 1)}"
    by = {s: sum(stage.status == s for stage in results.stages) for s in STATUSES}
    if results.status == "interrupted":
        return f"Interrupted: {by['ok'] + by['drift']} of {stages} done."
    if results.status == "failed":
        bad = by["failed"] + by["skipped"]
        return f"{bad} of {stages} did not get through." if bad else "The run broke off."
    if results.status == "drift":
        waiting = sum(c["outcome"] == "planned" for stage in results.stages for c in stage.changes)
        return f"{waiting} change{'s' * (waiting != 1)} planned, not applied."
    if results.status == "ok":
        return {1: "The stage stands.", 2: "Both stages stand."}.get(count, f"All {count} stages stand.")
    return f"{by['ok'] + by['drift']} of {stages} done so far."
