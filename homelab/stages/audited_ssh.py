"""08, audited SSH: shells by Tailscale identity, as whom the policy says, and every one of them recorded."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from homelab import needs
from homelab.checks import panel
from homelab.errors import HomelabError, ParamsError, Problem
from homelab.lab_machine import LabMachine
from homelab.machine import Machine, Result
from homelab.params import Roles, Strict, spelled
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import people, policyfile, ssh_policy
from homelab.resources import account, auth_key, login, policy, prefs, recorder
from homelab.resources.tailscale_status import STOPPED_DAEMON
from homelab.shell import session as ssh_session
from homelab.shell.keyboard import typed
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.world import World

STAGE = "08_audited_ssh"
DEMO, RECORDER, PHONE = "demoserver", "recorder", "phone"
KEY = "homelab recorder"
RUBOUT = "\x7f"  # the key that takes a letter back
SHELL = "$ "  # where an ordinary user's shell waits
NO_KEY = "The policy and the recorder need an admin API key (api_key in the params file): nothing is switched on without them."
PERIOD = re.compile(r"^(always|[0-9]+[hm]|[0-9]+h[0-9]+m)$")
User = Annotated[
    str,
    spelled(
        r"^(autogroup:nonroot|[a-z_][a-z0-9_-]{0,31})\Z",
        "must be a user such as ubuntu, or autogroup:nonroot",
    ),
]
Source = Annotated[
    str,
    spelled(
        r"^(?=.{1,100}\Z)((autogroup|group|tag):[a-zA-Z][a-zA-Z0-9-]*|[^@\s:]+@[a-zA-Z0-9.-]+)\Z",
        "must be somebody such as alice@example.com, or autogroup:…, group:… or tag:…",
    ),
]
Tag = Annotated[str, spelled(r"^tag:[a-zA-Z][a-zA-Z0-9-]{0,49}\Z", "must be a tag such as tag:recorder")]


class Params(Strict):
    """`users` get in at once, `checked_users` after a look at the login page, which holds for `check_period`.

    `server` is the machine whose shells these are, `sources` are those who may (empty: members on
    their own devices, admins on tagged ones), `recorder` is the recorder's name in the tailnet.
    """

    server: str = DEMO
    users: list[User] = Field(["ubuntu"], max_length=20)
    checked_users: list[User] = Field(["root"], max_length=20)
    check_period: str = "always"
    sources: list[Source] = Field(default_factory=list, max_length=20)
    recorder: str = RECORDER
    recorder_tag: Tag = "tag:recorder"
    enforce: bool = True
    experiments: bool = False

    @field_validator("check_period")
    @classmethod
    def _is_period(cls, value: str) -> str:
        hours, minutes = (int((re.search(rf"([0-9]+){unit}", value) or [0, 0])[1]) for unit in "hm")
        if not PERIOD.match(value) or (value != "always" and not 1 <= 60 * hours + minutes <= 168 * 60):
            raise ValueError("must be always, or a time such as 30m or 12h, from one minute to 168 hours")
        return value

    @model_validator(mode="after")
    def _is_clear(self) -> Params:
        if both := sorted(set(self.users) & set(self.checked_users)):
            raise ValueError(f"{', '.join(both)} cannot be let in both at once and after a check")
        if not (self.users or self.checked_users):
            raise ValueError("users and checked_users are both empty: nobody would get in")
        return self


def problems(wish: Params, roles: Roles) -> list[Problem]:
    """Machines that nobody plays, said before anything starts; at home the recorder is any device of the tailnet."""
    found = roles.missing("server", [wish.server], [DEMO])
    return found + (roles.missing("recorder", [wish.recorder], [RECORDER]) if roles.lab else [])


def host(world: World, wish: Params) -> str:
    """The role of the machine whose shells these are; a home without a demo server has its first machine.

    Raises:
        HomelabError: no machine is called so.
    """
    if wish.server == DEMO and DEMO not in world.machines and world.machines:
        return next(iter(world.machines))
    return world[wish.server].name


def name_of(world: World, wish: Params) -> str:
    """That machine's name in the tailnet."""
    role = host(world, wish)
    return str(login.read(world[role]).hostname or needs.default_name(role))


def door(world: World, wish: Params) -> Machine:
    """That machine, or `Nobody` where its door stays shut: no admin API key, or no recorder yet."""
    role = host(world, wish)
    if world.tailnet is None:
        return Nobody(role, "needs an admin API key", f"set api_key in {world.params.path.name}")
    if waits := recorder_missing(world, wish):
        return Nobody(role, waits)
    return world[role]


def asker(world: World, wish: Params) -> Machine:
    """The phone, from where one comes in; `Nobody` as long as that machine's door stays shut."""
    here = door(world, wish)
    return Nobody(PHONE, here.why, here.hint) if isinstance(here, Nobody) else seat(world, PHONE)


def rules(world: World, wish: Params) -> list[dict[str, Any]]:
    """What the policy should say: a rule for those who get in at once, one for those who are asked first."""
    tags = login.read(world[host(world, wish)]).tags
    to = tags or (ssh_policy.SELF,)
    who = wish.sources or (["autogroup:admin"] if tags else ["autogroup:member"])
    kinds = (("accept", wish.users), ("check", wish.checked_users))
    return [
        ssh_policy.rule(
            action, who, to, users, recorder=wish.recorder_tag, enforce=wish.enforce, period=wish.check_period
        )
        for action, users in kinds
        if users
    ]


def plan(world: World, wish: Params) -> Plan:
    """Everything in its order: who is in the tailnet, who the machine's users are, the recorder, the rules, the switch.

    Raises:
        ParamsError: `sources` names somebody who does not exist, or not us.
        HomelabError: no machine or device is the recorder that `wish` names.
    """
    role = host(world, wish)
    joined = [needs.joined(r) for r in (role, PHONE) if r in world.machines]
    first = needs.missing(world, joined)
    if world.tailnet is None:
        return planned(STAGE, first, notes=[NO_KEY])
    refuse_strangers(world, wish)
    owner = needs.owned(wish.recorder_tag)(world)
    text = owner[-1].after.text if owner else policy.read(world.tailnet).text
    notes = [f"As it is, {hole}." for hole in ssh_policy.holes(policyfile.data(text)) if hole.open]
    if waits := recorder_missing(world, wish):
        return planned(STAGE, first, notes=[*notes, waits])
    now = prefs.read(world[role])
    return planned(
        STAGE,
        first,
        accounts(world, wish, role),
        owner,
        recorder_node(world, wish),
        _edit(world, text, _with(text, rules(world, wish)), "who may be whom, and only recorded"),
        change(role, "prefs", now, dataclasses.replace(now, ssh=True), "take SSH from the tailnet"),
        notes=notes,
    )


def refuse_strangers(world: World, wish: Params) -> None:
    """Nothing, if everybody in `sources` exists, and one of them is who runs this.

    Raises:
        ParamsError: somebody does not; or the rules would not let ourselves in.
    """
    if world.tailnet is None or not wish.sources:
        return
    known, text = people.people(world.tailnet), policyfile.data(policy.read(world.tailnet).text)
    people.refuse_unknown("sources", wish.sources, text, known)
    if known.login and not people.may_mean(wish.sources, text, known.login):
        what = f"{known.login}, who runs this, is not among them, and would not be let in"
        raise ParamsError([Problem("sources", what, f"add {known.login}, or leave sources empty")])


def accounts(world: World, wish: Params, role: str) -> tuple[Change, ...]:
    """The users that sessions may be, where the machine lacks them."""
    names = [u for u in (*wish.users, *wish.checked_users) if not u.startswith("autogroup:")]
    found = [account.read(world[role], name) for name in names]
    return tuple(
        c
        for now in found
        for c in change(role, "account", now, account.State(now.name, True), f"a user {now.name}", name=now.name)
    )  # fmt: skip


def recorder_missing(world: World, wish: Params) -> str:
    """Why the rules must wait for the recorder; empty if it is there, or comes with this plan.

    Raises:
        HomelabError: `wish` names a recorder that is none.
    """
    if wish.recorder in world.machines or world.tailnet is None:
        return ""
    found = panel.devices(world.tailnet)
    if wish.recorder in found and wish.recorder_tag in found[wish.recorder].tags:
        return ""
    carried = ", ".join(found[wish.recorder].tags) if wish.recorder in found else ""
    what = (
        f"{wish.recorder!r} carries {carried or 'no tag'}, and the rules would look for {wish.recorder_tag}"
        if wish.recorder in found
        else f"no device of the tailnet is called {wish.recorder!r}, so nothing could be recorded"
    )
    if world.lab or wish.recorder != RECORDER:
        raise HomelabError(what, "recorder", f"devices: {', '.join(found)}")
    return f"First a recorder: {what}. Run tsrecorder (see In practice); until then neither rules nor switch are planned."


def recorder_node(world: World, wish: Params) -> tuple[Change, ...]:
    """The lab's recorder: its program, a key for it, and its login under the tag. At home you run it yourself."""
    if wish.recorder not in world.machines or world.tailnet is None:
        return ()
    place = world[wish.recorder]
    runs = recorder.read(place)
    changes = [
        *change(
            wish.recorder, "recorder", runs, recorder.State(True, runs.machine), "a program that keeps recordings"
        )
    ]  # fmt: skip
    now = found = login.read(place)
    if now.node == STOPPED_DAEMON:  # it comes with the recorder's program
        now = login.State(login.NEEDS_LOGIN)
    tags = (wish.recorder_tag,)
    if now.node != login.RUNNING or now.tags != tags:
        file = key_file(world)
        # Ephemeral, as the lab is: the device is forgotten when it logs out. At home a recorder stays.
        key = auth_key.State(True, KEY, tags, ephemeral=True, file=str(file))
        changes += change("tailnet", "auth_key", auth_key.read(world.tailnet, KEY), key, "a key for the recorder", name=KEY)  # fmt: skip
        wanted = login.wanted(needs.default_name(wish.recorder), tags, world.login_server, key=f"file:{file}")
        changes += change(wish.recorder, "login", now, wanted, "the recorder joins by it", found)
    return tuple(changes)


def key_file(world: World) -> Path:
    """Where the recorder's auth key is kept until it is used: beside the journal, for you alone."""
    return world.journal.path.parent / "keys" / RECORDER


def recorder_away(world: World, wish: Params) -> Plan:
    """The recorder's program ends, as it does when its disk is full or its power is out."""
    place = seat(world, wish.recorder)
    if not isinstance(place, LabMachine):
        return Plan(STAGE, notes=("Only the lab's recorder is stopped for a lesson.",))
    now = recorder.read(place)
    return planned(
        STAGE,
        change(wish.recorder, "recorder", now, recorder.State(False, now.machine), "the recorder goes away"),
    )


def changed(world: World, wish: Params, **other: Any) -> Plan:
    """The rules of `wish` as they would be with `other` parameters, such as ``enforce=False``."""
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    now = text = policy.read(world.tailnet).text
    new = wish.model_copy(update=other)
    for old_rule, new_rule in zip(rules(world, wish), rules(world, new), strict=True):
        text = policyfile.changed_item(text, "ssh", old_rule, new_rule)
    what = ", ".join(f"{name} = {value}" for name, value in other.items())
    return planned(STAGE, _edit(world, now, text, f"the same rules, with {what}"))


def without_rules(world: World, wish: Params) -> Plan:
    """The rules of this chapter leave the policy.

    Raises:
        HomelabError: they are the last ones by which the runbook's own user gets a shell anywhere.
    """
    if world.tailnet is None:
        return Plan(STAGE, notes=(NO_KEY,))
    now = text = policy.read(world.tailnet).text
    for one in rules(world, wish):
        text = policyfile.without_item(text, "ssh", one)
    return planned(STAGE, _edit(world, now, text, "no more shells by these rules"))


def with_losses(world: World, plan: Plan) -> Plan:
    """`plan`, which says so where it takes your last shell."""
    edits = [c for c in plan if c.resource == "policy"]
    if not edits:
        return plan
    old, new = (policyfile.data(text) for text in (edits[0].before.text, edits[-1].after.text))
    me = world.person.email
    lost = ", ".join(ssh_policy.lost(old, new, me))
    if ssh_policy.locks_out(old, new, me):
        note = f"You lose your last shells by Tailscale SSH: {lost}."
        return dataclasses.replace(plan, notes=(*plan.notes, note))
    return plan


def _edit(world: World, before: str, after: str, why: str) -> tuple[Change, ...]:
    """An edit of the ssh section that never takes our own last shell."""
    old, new, me = policyfile.data(before), policyfile.data(after), world.person.email
    if ssh_policy.locks_out(old, new, me):
        raise HomelabError(
            f"this edit would take your last shell by Tailscale SSH: {', '.join(ssh_policy.lost(old, new, me))}",
            "the policy",
            "leave a rule for yourself, or take it out by hand on the policy's page",
        )
    if lost := ssh_policy.lost(old, new, me):
        why = f"{why} (you lose {', '.join(lost)})"
    return change("tailnet", "policy", policy.State(before), policy.State(after), why)


def _with(text: str, wanted: list[dict[str, Any]]) -> str:
    for one in wanted:
        text = policyfile.with_item(text, "ssh", one)
    return text


def at_the_keyboard(world: World, wish: Params, secret: str) -> Result | None:
    """A person on the phone opens a shell, looks around, and answers a question for a password; None at home."""
    phone = seat(world, PHONE)
    if not (isinstance(phone, LabMachine) and world.applies and wish.users):
        return None
    lines = [
        (SHELL, "hostname; id -un"),
        (SHELL, f"ls --color=always -d /etc /srb{RUBOUT}v /nowhere"),
        (SHELL, "read -rsp 'Password: ' word; echo; echo \"${#word} letters\""),
        ("Password: ", secret),
        (SHELL, "exit"),
    ]
    user, name = wish.users[0], name_of(world, wish)
    ssh_session.run(phone, user, name, "touch ~/.hushlogin")  # spares the replay the distribution's greeting
    return typed(phone, ssh_session.command(user, name), lines)


def cut_in_the_middle(world: World, wish: Params, silent: bool = False) -> Result | None:
    """A session that talks (or, if `silent`, says one word), and a recorder that is killed meanwhile; None at home.

    Afterwards the recorder runs again, however the session ended; the journal has both.
    """
    phone, place = seat(world, PHONE), seat(world, wish.recorder)
    if not (isinstance(phone, LabMachine) and isinstance(place, LabMachine) and world.applies):
        return None
    heard: list[str] = []

    def watch(line: str) -> None:
        heard.append(line)
        if len(heard) == (1 if silent else 4):  # the first of them have reached the recorder by then
            place.stop(recorder.DAEMON, 9)

    does = "echo first; sleep 300" if silent else "echo first; while sleep 0.2; do echo tick; done"
    argv = ssh_session.command(wish.users[0], name_of(world, wish), does)
    (killed,) = recorder_away(world, wish) or (None,)
    try:
        return phone.run(argv, timeout=120, watch=watch)
    finally:
        if killed:  # no plan of ours does it, and taking the run back must find the recorder as it was
            killed = dataclasses.replace(killed, why="the recorder is killed")
            world.came_about(killed, STAGE)
            world.apply(Plan(STAGE, (killed.inverse(),)))
