"""A worked answer that edits the policy: in a cell, shown as a difference and applied, as every edit of it is."""

from __future__ import annotations

from homelab.exercises.exercise import CELL, Typed

LINES = """\
from homelab import plan as plans
from homelab.policy import policyfile
from homelab.resources import policy
now = policy.read(world.tailnet)
text = now.text
{edits}
world.apply(plans.plan("{stage}", plans.change("tailnet", "policy", now, policy.State(text), "{why}")))"""


def edit(stage: str, why: str, *edits: str) -> Typed:
    """The cell that applies `edits`, each a call of `policyfile` without its first argument, the text."""
    lines = []
    for one in edits:
        name, _, rest = one.partition("(")
        lines.append(f"text = policyfile.{name}(text, {rest}")
    return Typed(CELL, LINES.format(edits="\n".join(lines), stage=stage, why=why))
