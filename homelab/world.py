"""A world: machines by role, a tailnet, a journal, and a person. The lab, or the reader's own home."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from homelab import history, home, home_lock, lab_idle, lab_supply, labsocket, moment, session
from homelab.errors import ApplyFailed, HomelabError, NeedFailed, StalePlan
from homelab.journal import Journal
from homelab.lab_lease import Lease
from homelab.lab_machine import LabMachine
from homelab.local_machine import LocalMachine
from homelab.machine import Machine, Pending
from homelab.one_at_a_time import OneAtATime
from homelab.outcome import Outcome
from homelab.params import World as Params
from homelab.params import read
from homelab.person import Person, Reader
from homelab.plan import Change, Plan, State, beside, between, matches, resource
from homelab.played_person import PlayedPerson
from homelab.read_only import Guard, Guarded
from homelab.record import say, show
from homelab.ssh import folder
from homelab.ssh.machine import SshMachine
from homelab.tailnet import Tailnet
from homelab.this_machine import NAME as HERE
from homelab.this_machine import this_machine

LAB_API_KEY = "tskey-api-lab"  # the lab's cloud knows it; it opens nothing else
OWNER, GUEST = ("Alice", "alice@example.com"), ("Bob", "bob@example.com")
HOW = {"undo": "With --apply it is taken back."}


class World:
    """Machines by role: ``world["phone"]``. See `open_world`."""

    def __init__(
        self,
        params: Params,
        machines: dict[str, Machine],
        journal: Journal,
        person: Person,
        pending: Pending,
        *,
        applies: bool,
        tailnet: Tailnet | None,
        lab: dict[str, Any] | None = None,
        lease: Lease | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.guard = guard or Guard.of(home=not lab)
        self.params, self.journal, self.person, self.pending = params, journal, person, pending
        self.machines: dict[str, Machine] = {n: Guarded(m, self.guard) for n, m in machines.items()}
        self.applies, self.tailnet, self.lab, self._lease = applies, tailnet, lab, lease
        if tailnet:
            tailnet.guard = self.guard
            tailnet.reached = tuple(m.address for m in params.common.machines.values())
        self.run = os.environ.get("HOMELAB_RUN") or session.name()
        self.alone = OneAtATime(self)  # with it, nobody else changes this world
        self._told, self.forbidden = False, False  # the latter: the reader has said apply = False

    @property
    def name(self) -> str:
        """``lab``, or what the params file calls this home."""
        return self.params.common.world

    @property
    def is_lent(self) -> bool:
        """Whether it is a lab that was started for this world, and ends with it."""
        return self._lease is not None and self._lease.own

    @property
    def login_server(self) -> str:
        """The control plane that nodes of this world log in to."""
        return self.params.common.login_server

    def __getitem__(self, role: str) -> Machine:
        if role not in self.machines:
            known = ", ".join(self.machines)
            raise HomelabError(
                f"no machine plays {role!r} here", self.name, f"known: {known}; see {self.params.path}"
            )
        return self.machines[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self.machines)

    def here(self) -> Machine:
        """The machine that this runs on, which may play no role in this home."""
        for name, found in self.params.common.machines.items():
            if found.address.way == "local":
                return self.machines[name]
        if not self.params.common.machines:
            return next(iter(self.machines.values()))
        return Guarded(LocalMachine(HERE, self.person, self.pending), self.guard)

    def place(self, name: str) -> Machine | Tailnet:
        """The machine called `name`, or the tailnet.

        Raises:
            HomelabError: there is no such place, or no admin API key.
        """
        if name == HERE and name not in self.machines:
            return self.here()
        if name != "tailnet":
            return self[name]
        if self.tailnet is None:
            raise HomelabError(
                "this needs the tailnet's admin API", self.name, "set api_key in the params file"
            )
        return self.tailnet

    def __str__(self) -> str:
        if self.lab:
            return (
                f"This is the lab: {len(self.machines)} machines on this one, tier {self.lab['tier']}, offline. "
                "Stand-ins: Tailscale's servers and pages, a rented exit node, Docker Hub, the Jellyfin and Immich servers. "
                "Real: tailscaled, Docker, the networks, the TLS."
            )
        how = "changes may be applied" if self.applies else "changes are shown, not applied"
        return f"This is {self.name}, a real home ({self.params.path}): {how}."

    def apply(self, plan: Plan, told: bool = False) -> bool:
        """Do the changes of `plan` one by one, live; or, where nothing may be applied, show what waits.

        `told`: the reader has just said so, for this plan alone; apply = False stands all the same. Those of a stage
        that the params file does not claim are only shown, whatever was asked for.

        Returns whether the world is now what the plan wants.

        Raises:
            HomeBusy: somebody else is at work on this home; nothing was applied.
            StalePlan: the world is no longer what a change was planned from.
            ApplyFailed: a change failed; what was done before it is in the journal.
        """
        if not plan:
            show(plan)
            return True
        managed = self.params.manages(plan.stage)
        if not managed or not (self.applies or (told and not self.forbidden)):
            fresh = [c for c in plan if not any(_same(c, said) for said in self.pending.changes)]
            self.pending.wait(self.pending.changes + fresh)  # it may be planned again further down
            for change in fresh:
                show(Outcome(change, "planned" if managed else "observed"))
            how = HOW.get(plan.stage, "Run with --apply, or set apply = True, to do it.")
            if not managed:
                how = f"Observed, not managed: {plan.stage[3:]} is not under `manage` in {self.params.path}."
            say(f"{len(plan)} not applied: this is {self.name}. {how}")
            return False
        with self.alone:
            for change in plan:
                self._apply(change, plan.stage, self.run)
        self.pending.wait([c for c in self.pending.changes if not any(_same(c, made) for made in plan)])
        return True

    def apply_one(self, change: Change, stage: str) -> Outcome:
        """Do one change of a plan that was looked at as a whole before; what became of it, which is shown too.

        Raises:
            HomeBusy, StalePlan, ApplyFailed: see `apply`.
        """
        with self.alone:
            return self._apply(change, stage, self.run)

    @moment.anew()
    def now(self, change: Change) -> State:
        """The state now of what `change` is a change of."""
        return resource(change.resource).read(self.place(change.machine), change.name)

    def take_back(self, run: str) -> bool:
        """Undo what of `run` still stands, last change first; or, where nothing may be applied, show what waits.

        Returns whether nothing of it is left.

        Raises:
            StalePlan: a later run has changed something further (then nothing is done), or somebody else has.
            ApplyFailed: a change failed; what was done before it is in the journal.
        """
        plan = self.journal.way_back(run)
        if not plan:
            return self.apply(plan)
        for note in plan.notes:
            say(note)
        self._refuse_followed(plan, self.journal.followers(run))
        left, back = self._left_of(plan)
        if not self.applies:
            if back and not left:
                say("All of it is back already: with --apply that is written down.")
                return True
            return self.apply(left)
        with self.alone:
            for change in back:  # somebody was there before us, or it was cut off before it came about
                self.journal.found_so(run, change, plan.stage)
            for change in left:
                self._apply(change, plan.stage, run, again=True)
        return True

    def _refuse_followed(self, plan: Plan, followers: Mapping[history.Thing, str]) -> None:
        """Half an undo helps nobody: what stands in its way is said before."""
        seen: set[history.Thing] = set()
        for change in plan:
            name = history.thing(change)
            if name in followers and name not in seen:
                later, now = followers[name], self.now(change)
                if not (matches(now, change.before) or matches(now, change.after)):
                    raise StalePlan(
                        f"a later run has changed {change.resource} further: {between(change, change.before, now)}",
                        change.machine,
                        f"take that run back first: ./runbook undo {later}"
                        if later
                        else "bring it back by hand",
                    )
            seen.add(name)

    def _left_of(self, back: Plan) -> tuple[Plan, list[Change]]:
        """`back` without what is so already, and what that is."""
        parts: dict[history.Thing, list[Change]] = {}
        so: list[Change] = []
        for change in back:
            parts.setdefault(history.thing(change), []).append(change)
        for part in parts.values():
            with contextlib.suppress(HomelabError):  # who cannot be asked now has it still to do
                skipped = history.ahead(part, self.now(part[0]))
                for change in part[:skipped]:
                    show(Outcome(change, "already"))
                so += part[:skipped]
                del part[:skipped]
        left = [c for part in parts.values() for c in part]
        return Plan(back.stage, tuple(c for c in back if any(c is other for other in left))), so

    def came_about(self, change: Change, stage: str) -> None:
        """Write down a change that was made by other means than `apply`, such as a program killed for a lesson.

        What it led to is read now; nothing is written where nothing has changed.
        """
        now = self.now(change)
        if not matches(now, change.before):
            done = dataclasses.replace(change, after=now)
            self.journal.append(self.run, done, stage)

    @moment.anew()
    def _apply(self, change: Change, stage: str, run: str, again: bool = False) -> Outcome:
        module, place = resource(change.resource), self.place(change.machine)
        now = module.read(place, change.name)
        if matches(now, change.after):
            if again:
                self.journal.found_so(run, change, stage)
            show(already := Outcome(change, "already"))
            return already
        if not matches(now, change.before):
            raise StalePlan(
                f"{change.resource} is no longer what the plan was made from: since then {between(change, change.before, now)}",
                change.machine,
                "make the plan again, and look at what changed",
            )
        if run and not (again or session.is_one(run)) and (said := self.journal.failure(run, change)):
            raise NeedFailed(f"{change.why}: this failed earlier in this run: {said}", change.machine)
        also = self._beside(change.resource)
        start = time.monotonic()
        self.journal.begin(run, dataclasses.replace(change, before=now), stage)
        try:
            with self.guard.lifted():  # `now`, as read just now: it also knows ids that came after the plan
                module.do(place, now, change.after)
            reached = module.read(place, change.name)
            if not matches(reached, change.after):
                raise ApplyFailed(
                    f"the command ended well, but wanted and reached differ: {between(change, change.after, reached)}",
                    change.machine,
                )
        except HomelabError as error:
            show(Outcome(change, "failed", time.monotonic() - start, error.what))
            self.journal.failed(run, change, error.what)
            if isinstance(error, ApplyFailed):
                raise
            raise ApplyFailed(
                f"{change.why}: {error.what}", error.where or change.machine, error.hint
            ) from error
        done = dataclasses.replace(change, before=now, after=reached)
        self.journal.append(run, done, stage)
        for other in also:
            self.came_about(other, stage)
        show(made := Outcome(change, "applied", time.monotonic() - start))
        if run == self.run and session.is_one(run):
            self._tell_session()
        return made

    def _beside(self, kind: str) -> list[Change]:
        """What of the tailnet a change of this kind changes as well (its ``BESIDE``), as it is now."""
        if self.tailnet is None:
            return []
        found = [(name, why, resource(name).read(self.tailnet, "")) for name, why in beside(kind)]
        return [Change("tailnet", name, why, now, now) for name, why, now in found]

    def _tell_session(self) -> None:
        """Say once how this session is taken back; a lab of our own is gone with it."""
        if not (self._told or self.is_lent):
            say(
                f"To take back what this session changes: ./runbook undo {self.run}{'' if self.lab else ' --apply'}"
            )
        self._told = True

    def supply(self, *refs: str) -> None:
        """Let the lab's hub offer images, as ``docker pull`` names them; a home has the real ones.

        Raises:
            PrerequisiteMissing, LabError: see `lab_supply.supply`.
        """
        if self.lab:
            say(lab_supply.supply(self.lab["socket"], *refs))

    def publish(self, ref: str, tag: str) -> None:
        """Let the lab's hub publish the release `ref` under `tag`; at home the makers do that.

        Raises:
            PrerequisiteMissing, LabError: see `lab_supply.publish`.
        """
        if self.lab:
            say(lab_supply.publish(self.lab["socket"], ref, tag))

    def close(self) -> None:
        """Leave the world; a lab that was started for it ends."""
        if self.tailnet:
            self.tailnet.close()
        for machine in self.machines.values():
            if isinstance(machine, SshMachine):
                machine.close()
        folder.close()
        if self._lease:
            self._lease.close()


def _same(one: Change, other: Change) -> bool:
    return history.thing(one) == history.thing(other) and matches(one.after, other.after)


def open_world(params: str = "lab", apply: bool | None = None) -> World:
    """The world that `params` names: ``lab``, or a home's params file. Says in one line what it is.

    `apply` overrides the world's own way: the lab applies changes, a home only shows them.

    Raises:
        ParamsError: the file is wrong, with every problem's line.
        LabError: the lab cannot be reached or started.
    """
    read_params = read(params)
    world = _lab(read_params, apply) if read_params.is_lab else _home(read_params, apply)
    world.forbidden = apply is False
    say(f"{world}{lab_idle.told(world.lab)}")
    return world


def _home(params: Params, apply: bool | None) -> World:
    person, pending = Reader(), Pending()
    machines = home.machines(params.common, person, pending)
    key = params.common.api_key
    return World(
        params,
        machines,
        Journal(home_lock.state_folder() / f"{params.common.world}.jsonl", str(params.path.absolute())),
        person,
        pending,
        applies=params.common.apply if apply is None else apply,
        tailnet=Tailnet(key, person, pending, here=this_machine())
        if key and params.common.is_tailscale
        else None,
    )


def _lab(params: Params, apply: bool | None) -> World:
    lease = Lease()
    path = lease.socket()
    status = labsocket.request(path, op="status")
    pending = Pending()
    machines: dict[str, Machine] = {}
    seat = LabMachine(path, "visitor", status["machines"]["visitor"], Reader(), pending)
    owner = PlayedPerson(*OWNER, seat)
    for name, document in status["machines"].items():
        machines[name] = LabMachine(path, name, document, owner, pending, status["ca"])
    return World(
        params,
        machines,
        Journal(Path(status["state"]) / "journal.jsonl", str(params.path.absolute())),
        owner,
        pending,
        applies=apply is not False,
        tailnet=Tailnet(LAB_API_KEY, owner, pending, seat=seat, ca=status["ca"]),
        lab=status,
        lease=lease,
    )
