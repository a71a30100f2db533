"""A run in words: one sentence, and why a stage did not go well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homelab import errors
from homelab.errors import HomelabError
from homelab.record import typed
from homelab.runner.results import STATUSES, Results, StageResult

# Errors whose words say all: their class names are for programs.
OURS = {k.__name__ for k in vars(errors).values() if isinstance(k, type) and issubclass(k, HomelabError)}
OURS |= {"CellTimeout", "KernelDied", "FolderFailed"}
BADGES = {
    "ok": "✓ stands", "drift": "○ planned", "failed": "✗ failed", "skipped": "– skipped",
    "interrupted": "■ interrupted", "observed": "◦ observed, not managed", "running": "· running", "waiting": "not started",
}  # fmt: skip


def reasons(stage: StageResult) -> list[str]:
    """Why a stage did not go well: failed changes, failed checks with evidence and hint, or its error."""
    lines: list[str] = []
    for change in stage.changes:
        if change["outcome"] == "failed":
            lines += [f"✗ on {change['machine']}: {change['why']}", *typed(change["command"], 2).splitlines()]
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
        lines.append(": ".join(part for part in (title(error), what[0]) if part))
        lines += [f"  {line}" for line in what[1:]]
        if error["hint"]:
            lines.append(f"  Hint: {error['hint']}")
    return lines


def title(error: Mapping[str, Any]) -> str:
    """Where it happened (may be empty), after the name of an error that is none of ours: one may look that up."""
    where = f"in cell {error['cell']}" if error.get("cell") else ""
    return where if error["type"] in OURS else f"{error['type']} {where}".rstrip()


def undoable(results: Results) -> bool:
    """Whether a run that did not get through has left changes in a world that stays."""
    applied = any(c["outcome"] == "applied" for stage in results.stages for c in stage.changes)
    return applied and results.lab != "own" and results.status in ("failed", "interrupted")


def undo_line(results: Results, run: str) -> str:
    """How to take back what the run has applied."""
    return f"What it has applied can be taken back: ./runbook undo {run}{'' if results.world == 'lab' else ' --apply'}"


def idle(stage: StageResult) -> bool:
    """Whether a stage that stands had nothing to do, and has asked nobody: all its checks were skipped."""
    done = any(c["outcome"] in ("applied", "already") for c in stage.changes)
    return (
        stage.status == "ok"
        and bool(stage.checks)
        and not done
        and all(c["status"] == "skip" for c in stage.checks)
    )


def cut_short(stage: StageResult) -> bool:
    """Whether a stage that is not managed broke off: no failure of the home, but not all of it was seen."""
    return stage.status == "observed" and bool(stage.error)


def badge(stage: StageResult) -> str:
    """How a stage stands, in a few words: warnings are part of it."""
    if idle(stage):
        return "– nothing done, nothing asked"
    if cut_short(stage):
        return "◦ observed, not to its end"
    warnings = sum(c["status"] == "warn" for c in stage.checks)
    more = f", {warnings} warning{'s' * (warnings > 1)}" if warnings else ""
    return f"{BADGES[stage.status]}{more}"


def sentence(results: Results) -> str:
    """The run in one sentence."""
    count = len(results.stages)
    stages = _stages(count)
    by = {s: sum(stage.status == s for stage in results.stages) for s in STATUSES}
    cut = sum(cut_short(stage) for stage in results.stages)
    done = by["ok"] + by["drift"] + by["observed"]
    if results.status == "interrupted":
        return f"Interrupted: {done} of {stages} done."
    if results.status == "failed":
        bad = by["failed"] + by["skipped"]
        return f"{bad} of {stages} did not get through." if bad else "The run broke off."
    if results.status == "drift":
        waiting = results.planned or sum(c["outcome"] == "planned" for s in results.stages for c in s.changes)
        more = f" {_looked_at(0, by['observed'] - cut, cut)}" if by["observed"] else ""
        return f"{waiting} change{'s' * (waiting != 1)} planned, not applied.{more}"
    if results.status == "ok":
        if all(idle(stage) for stage in results.stages):
            return "Nothing was done, and nothing was asked."
        if by["observed"]:
            return _looked_at(by["ok"], by["observed"] - cut, cut)
        return {1: f"{results.stages[0].name} stands.", 2: "Both stages stand."}.get(
            count, f"All {count} stages stand."
        )
    return f"{done} of {stages} done so far."


def _looked_at(stand: int, observed: int, cut: int) -> str:
    """A home that is not claimed yet, or only in part: how many stages were looked at, and how many `cut` off in that."""
    parts = [f"{_stages(stand)} {'stands' if stand == 1 else 'stand'}"] if stand else []
    if observed:
        verb = "was" if observed == 1 else "were"
        managed = "not managed" if stand else f"and {'is' if observed == 1 else 'are'} not managed"
        parts.append(f"{_stages(observed)} {verb} looked at, {managed}")
    if cut:
        managed = "" if observed else f", and {'is' if cut == 1 else 'are'} not managed"
        parts.append(
            f"{_stages(cut)} could not be looked at to {'its' if cut == 1 else 'their'} end{managed}"
        )
    return f"{'; '.join(parts)}."


def _stages(count: int) -> str:
    return f"{count} stage{'s' * (count != 1)}"
