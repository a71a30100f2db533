"""``./runbook watch``: look at a home without changing it, and tell when something is not as it was."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from homelab import home_lock, stages
from homelab import params as worlds
from homelab.errors import EXIT_DRIFT, EXIT_FAILED, EXIT_OK, HomelabError, PrerequisiteMissing
from homelab.home_lock import HomeBusy
from homelab.lab_lease import CHECKOUT
from homelab.params import World
from homelab.record import masked
from homelab.runner import folder as folders
from homelab.runner.blot import conceal_all
from homelab.runner.folder import Folder
from homelab.runner.prune import remove, sort
from homelab.runner.request import understand
from homelab.runner.results import Results
from homelab.runner.run import run
from homelab.runner.weekly import write
from homelab.secret import mask
from homelab.watch import channels, findings, settings, soon
from homelab.watch.channels import Pause
from homelab.watch.facts import gather
from homelab.watch.past import FACTS
from homelab.watch.tell import tell
from homelab.watch.told import Told
from homelab.world import open_world

COMPLETE = ("ok", "drift", "failed")  # of a run: every stage came to its end


def watch(words: Sequence[str], params: str, out: str | None = None, pause: Pause = time.sleep) -> int:
    """Plan the stages that the reader has claimed, tell what has changed, and give a sign of life.

    Returns the exit status of the run; 1 where somebody could not be told.

    Raises:
        ParamsError: the params file is not good.
        HomeBusy: somebody is at work on the home; nothing is told of that, and no sign of life is given.
        PrerequisiteMissing: the watch could not begin, which is told.
    """
    world = worlds.read(params)
    if world.is_lab:
        raise PrerequisiteMissing("the lab needs no watch", str(world.path), "name a home: --params FILE")
    conceal_all(world, [])
    watcher = Watcher(world, pause)
    try:
        request = understand(words or claimed(world), params, apply=False)
        _insist_claimed(world, request.stages)
        return run(request, out, then=watcher.after)
    except HomeBusy:
        raise
    except HomelabError as error:
        watcher.could_not_begin(error)
        raise


def _insist_claimed(world: World, asked: Iterable[str]) -> None:
    """Insist that the stages that were `asked` for can drift.

    Raises:
        PrerequisiteMissing: none is managed, or one of these is not.
    """
    known = claimed(world)
    for stage in asked:
        if stage not in known:
            hint = f"watched are those under `manage:`: {', '.join(known)}"
            raise PrerequisiteMissing(f"{stage} is not managed, so it cannot drift", str(world.path), hint)


def claimed(world: World) -> list[str]:
    """The stages that are watched: those that the reader has claimed.

    Raises:
        PrerequisiteMissing: none is.
    """
    found = [name for name in stages.names() if world.manages(name)]
    if not found:
        raise PrerequisiteMissing(
            "no stage of this home is managed, so none can drift",
            str(world.path),
            "name some under `manage:`",
        )
    return found


class Watcher:
    """What follows the run of a watch."""

    def __init__(self, world: World, pause: Pause) -> None:
        self.world, self.name, self.pause = world, world.common.world, pause
        self.told = Told.load(home_lock.state_folder() / f"{self.name}.watch.json")
        self.failed: list[str] = []

    def after(self, folder: Folder, results: Results, status: int) -> int:
        """Tell what has changed since the last time, and give a sign of life; the exit status."""
        if results.status not in COMPLETE or results.error:
            return status  # interrupted, or the disk is full: who waits for the sign of life hears of it
        data: dict[str, Any] = json.loads(results.text())
        found = findings.of_results(data)
        unknown = findings.unknown_stages(data, claimed(self.world))
        facts = self._look(folder)
        found += findings.of_answers(soon.answers(facts, datetime.now().astimezone()))
        self.told.see(found, unknown | soon.unsure(facts), now())
        self._tell(str(folder.path / "report.html"))
        if self.world.common.heartbeat:
            self._alive(self.world.common.heartbeat)
        if folder.path.parent == folders.RUNS:  # a run that was put elsewhere has no others beside it
            self._among_others()
        for line in self.failed:
            print(mask(f"✗ {line}"))
        return EXIT_FAILED if self.failed and status in (EXIT_OK, EXIT_DRIFT) else status

    def _look(self, folder: Folder) -> dict[str, Any]:
        """Look at what no stage looks at, and keep it with the run."""
        home = open_world(str(self.world.path.absolute()), apply=False)
        try:
            facts: dict[str, Any] = masked(gather(home, now()))
        finally:
            home.close()
        folder.write(FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        return facts

    def could_not_begin(self, error: HomelabError) -> None:
        """Tell that; there is no sign of life."""
        self.told.fail(findings.could_not_run(str(error)), now())
        self._tell("")
        for line in self.failed:
            print(mask(f"✗ {line}"))

    def _tell(self, report: str) -> None:
        ways = channels.ways(self.world.common.notify)
        command = f"cd {shlex.quote(str(CHECKOUT))} && ./runbook run --params {shlex.quote(str(self.world.path.absolute()))}"
        done, failed = tell(self.told, ways, self.name, command, report, now(), self.pause)
        self.failed += failed
        quiet = "nothing has changed since the last time" if ways else "nobody is to be told (notify:)"
        for line in done or ([] if failed else [quiet]):
            print(mask(line))

    def _among_others(self) -> None:
        """The page over all runs, and an end for those that are too old."""
        try:
            print(f"Weekly page: {write(self.world)}")
            if keep := self.world.common.keep:
                going = [past for past, why in sort(self.world, keep) if not why]
                remove(going)
                if going:
                    names = ", ".join(past.path.name for past in going)
                    print(f"Gone, as keep: in {self.world.path} says: {names}")
        except HomelabError as error:
            self.failed.append(str(error))

    def _alive(self, address: Any) -> None:
        try:
            channels.patiently(
                lambda: channels.request("heartbeat", settings.url(address), None, {}), self.pause
            )
        except HomelabError as error:
            self.failed.append(f"the sign of life did not go through: {error}")


def now() -> str:
    """The time with its offset, in ISO form."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
