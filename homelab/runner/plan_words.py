"""The one plan of a run, to read: by stage and machine, each change with its reason, what differs, and the command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from homelab.joined_plan import Joined, Step
from homelab.plan import difference
from homelab.record import typed
from homelab.secret import mask

SHOWN = 12  # lines of a command or a difference; the script has all of it


@dataclass(frozen=True)
class Section:
    """Changes that follow each other on one machine, for one stage; each with its number in the plan."""

    stage: str
    machine: str
    changes: tuple[tuple[int, Step], ...]


def sections(plan: Joined) -> Iterator[Section]:
    """The plan's changes in their order."""
    numbered = enumerate(plan.steps, 1)
    for (stage, machine), group in groupby(numbered, lambda n: (n[1].stage, n[1].change.machine)):
        yield Section(stage, machine, tuple(group))


def heading(plan: Joined) -> str:
    """How much it is."""
    if not plan.steps:
        if plan.waiting:
            return "Nothing that could be planned now."
        return f"No changes. {observed(plan)}".rstrip()
    machines = len({step.change.machine for step in plan.steps})
    return f"{_count(len(plan.steps), 'change')} in {_count(machines, 'place')}, {_stages(plan.steps)}."


def observed(plan: Joined) -> str:
    """What there is of stages that are not claimed."""
    if not plan.observed:
        return ""
    by = Counter(left.stage for left in plan.observed)
    parts = ", ".join(f"{number} of {stage}" for stage, number in by.items())
    return f"{len(plan.observed)} observed, of stages that you have not claimed ({parts})."


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _stages(steps: Sequence[Step]) -> str:
    return _count(len({step.stage for step in steps}), "stage")


def text(plan: Joined) -> str:
    """For a terminal."""
    lines, last = [f"The plan: {heading(plan)}"], ""
    if plan.notes:
        lines = ["The plan is not whole:", *(f"  {note}" for note in plan.notes), f"So far: {heading(plan)}"]
    for section in sections(plan):
        if section.stage != last:
            lines += ["", section.stage]
            last = section.stage
        lines.append(f"  on {section.machine}")
        for number, step in section.changes:
            change = step.change
            lines.append(f"  {number:>3}. {change.why}")
            lines += [f"       {step.said}"] if step.said else []
            lines += [f"       {line}" for line in _short(difference(change)).splitlines()]
            lines.append(typed(_short(change.command), 7))
            if change.loses:
                lines.append(f"       cannot be taken back: {change.loses}")
    if plan.waiting:
        lines += ["", "Left for the next run, with what it waits for:"]
        lines += [f"  {one.stage} on {one.machine}: {one.why} ({one.reason})" for one in plan.waiting]
    more = [note for note in (observed(plan) if plan.steps else "", *plan.counts) if note]
    return mask("\n".join([*lines, *(["", *more] if more else [])]))


def html(plan: Joined, files: str) -> str:
    """For the report; `files` is HTML that says where it is saved."""
    parts, last = [], ""
    for section in sections(plan):
        if section.stage != last:
            parts.append(f"<h3>{escape(section.stage)}</h3>")
            last = section.stage
        rows = "".join(_row(number, step) for number, step in section.changes)
        parts.append(f'<p class="meta">on {escape(section.machine)}</p>\n<ul class="rows">{rows}</ul>')
    if plan.waiting:
        rows = "".join(
            f'<li class="skip"><span class="mark">–</span><span class="what">{escape(one.why)} '
            f'<span class="place">{escape(one.stage)}, on {escape(one.machine)}</span></span>'
            f'<span class="side"></span><div class="more">{escape(one.reason)}</div></li>'
            for one in plan.waiting
        )
        parts.append(f'<h3>Left for the next run</h3>\n<ul class="rows">{rows}</ul>')
    parts += [
        f'<p class="meta">{escape(note)}</p>' for note in (observed(plan), *plan.counts, *plan.notes) if note
    ]
    body = "\n".join(parts)
    return f"""<section id="plan" class="drift">
<div class="top"><h2>The plan</h2><span class="badge">{"Not whole. So far: " if plan.notes else ""}{escape(heading(plan))}</span></div>
<p class="meta">{files}</p>
{body}
</section>"""


def _row(number: int, step: Step) -> str:
    change = step.change
    said = f"<div>{escape(step.said)}</div>" if step.said else ""
    loses = f"<div>cannot be taken back: {escape(change.loses)}</div>" if change.loses else ""
    return (
        f'<li class="planned"><span class="mark">{number}</span><span class="what">{escape(change.why)}</span>'
        f'<span class="side"></span><div class="more long">{said}<pre>{escape(difference(change))}</pre>'
        f'<pre class="command">{escape(change.command)}</pre>{loses}</div></li>'
    )


def _short(words: str) -> str:
    lines = words.splitlines()
    if len(lines) <= SHOWN + 1:
        return words
    return "\n".join([*lines[:SHOWN], f"… {len(lines) - SHOWN} more lines, in plan.sh"])
