"""The plan of a run that applies nothing: collected stage by stage, joined at its end, printed and saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from homelab import saved_plan, stages
from homelab.joined_plan import Joined, Left, join
from homelab.runner import plan_script, plan_words
from homelab.runner.folder import Folder
from homelab.runner.request import Request
from homelab.runner.results import Results
from homelab.runner.words import cut_short
from homelab.saved_plan import NAME, SCRIPT


class StagesPlan:
    """What each stage has planned so far: `stages` has the records of its changes."""

    def __init__(self, request: Request, folder: Folder) -> None:
        self.request, self.folder = request, folder
        self.stages: dict[str, list[dict[str, Any]]] = {}
        self.joined: Joined | None = None
        self.state = ""  # a lab's folder

    def waits(self, stage: str) -> bool:
        """Whether something of `stage` is to be done: a lesson, planned there and back, is not."""
        return bool(len(join([(stage, self.stages.get(stage, ()))])))

    def save(self, results: Results) -> int | None:
        """Join what there is and write both files; how many changes wait, or None where the run applies.

        Raises:
            FolderFailed: the run's folder takes no more.
        """
        if self.request.applies:
            return None
        notes = [
            f"{s.name} {'could not be looked at to its end' if cut_short(s) else 'did not get through'}: what it wants is not all here."
            for s in results.stages
            if s.status in ("failed", "skipped", "interrupted", "waiting") or cut_short(s)
        ]
        world, source = self.request.world, str(self.request.common["params"])
        plan = join(self.stages.items(), [name for name in stages.names() if not world.manages(name)])
        self.joined = replace(
            plan,
            left=(*plan.left, *_observed(plan, results)),
            notes=tuple(notes),
            counts=tuple(self._counts(plan, results)),
        )
        document = saved_plan.document(self.joined, world, self.folder.run, source, self.state)
        self.folder.write(NAME, saved_plan.text(document))
        self.folder.write(SCRIPT, plan_script.script(self.joined, world, document, self.folder.shown(NAME)))
        (self.folder.path / SCRIPT).chmod(0o755)
        return len(self.joined)

    def _counts(self, plan: Joined, results: Results) -> Iterator[str]:
        """Why the plan has fewer changes than the stages' lines say."""
        named = {s.name: sum(c["outcome"] == "planned" for c in s.changes) for s in results.stages}
        said = sum(named.values())
        if said == len(plan):
            return
        alone = sum(len(join([stage])) for stage in self.stages.items())
        why = ["what several of them want counts once, under the first"] if alone > len(plan) else []
        why += ["what a stage takes back at once does not count"] if said > alone else []
        yield f"The stages' lines say {said} changes, the plan has {len(plan)}: {'; '.join(why)}."
        there = {step.stage for step in plan.steps} | {left.stage for left in plan.waiting}
        for stage, count in named.items():
            if count and stage not in there:
                under = dict.fromkeys(step.stage for step in plan.steps if stage in step.also)
                where = (
                    f"is under {', '.join(under)}"
                    if under
                    else "is taken back at once, or done by the others"
                )
                yield f"{stage} has no part of its own: what it wants {where}."

    def text(self) -> str:
        """The plan, and where it is saved."""
        if self.joined is None:
            return ""
        said = f"\n{plan_words.text(self.joined)}"
        if not self.joined.steps:
            return f"{said}\n"
        source = self.request.common["params"]
        params = "" if source == "lab" else f"--params {source} "
        return (
            f"{said}\n\nTo do exactly this: ./runbook run {params}--apply --from {self.folder.shown(NAME)}\n"
            f"To do it by hand, read {self.folder.shown(SCRIPT)}\n"
        )

    def html(self) -> str:
        """The report's part about it; empty where nothing is to be said."""
        if self.joined is None or not len(self.joined):
            return ""
        files = f'The same as data: <a href="{NAME}">{NAME}</a>; to read and run by hand: <a href="{SCRIPT}">{SCRIPT}</a>'
        return plan_words.html(self.joined, files)


def _observed(plan: Joined, results: Results) -> list[Left]:
    """What stages that are not claimed would have changed, without what a claimed one needs of it."""
    ours = {(step.change.machine, step.change.resource, step.change.why) for step in plan.steps}
    return [
        Left(
            stage.name,
            change["machine"],
            change["why"],
            "observed: its stage is not claimed under `manage`",
            True,
        )
        for stage in results.stages
        for change in stage.changes
        if change["outcome"] == "observed"
        and (change["machine"], change["resource"], change["why"]) not in ours
    ]
