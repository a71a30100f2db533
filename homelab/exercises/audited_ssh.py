"""08: a session that is being recorded, a guest, and a test that no rule of tomorrow gets past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab import vantage
from homelab.check import Answer, check
from homelab.checks import ssh
from homelab.exercises.exercise import CELL, NOW, Exercise, Typed, every
from homelab.exercises.policy_cell import edit
from homelab.machine import Machine
from homelab.policy import policyfile, ssh_policy
from homelab.resources import account, policy
from homelab.shell import recordings

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet
    from homelab.world import World

STAGE = "08_audited_ssh"
SERVER, RECORDER, GUEST = "demoserver", "recorder", "guest"
ALICE, BOB = "alice@example.com", "bob@example.com"
TEST = f'{{"src": "{BOB}", "dst": ["{ALICE}"], "deny": ["root", "ubuntu"]}}'
TALK = "while date; do sleep 1; done"


@check
def somebody_is_there(machine: Machine) -> Answer:
    """Is a session being recorded at this moment?"""
    found = [r for r in recordings.listed(machine, RECORDER) if r.state == "running"]
    said = f"{found[-1].title}, for {found[-1].seconds:.0f} s now" if found else "no session is open"
    return Answer("is being recorded", machine.name, "ok" if found else "fail", said)


def is_being_recorded(world: World) -> Answer:
    """As `somebody_is_there`, asked by the phone."""
    return somebody_is_there(world["phone"])


@check
def has_user(machine: Machine, name: str) -> Answer:
    """Does the machine have that user?"""
    there = account.read(machine, name).there
    said = f"{machine.name} has {'a' if there else 'no'} user {name}"
    return Answer(f"has a user {name}", machine.name, "ok" if there else "fail", said)


def lets_the_guest_in(world: World) -> Answer:
    """Is there such a user, does the server's rule let them in at once, and is no rule unrecorded?"""
    tailnet, wanted = vantage.tailnet(world), ssh_policy.rule("accept", ["autogroup:member"], [ssh_policy.SELF], [GUEST], recorder="tag:recorder", enforce=True)  # fmt: skip
    return every(
        lambda: has_user(world[SERVER], GUEST),
        lambda: ssh.goes_by(world[SERVER], wanted, seconds=NOW),
        lambda: ssh.audited(tailnet),
    )


@check
def demands(tailnet: Tailnet) -> Answer:
    """Does the policy demand of itself that Bob is root on none of Alice's machines? One that failed it could not be saved."""
    tests = policyfile.data(policy.read(tailnet).text).get("sshTests", [])
    found = [
        t for t in tests if t.get("src") == BOB and ALICE in t.get("dst", []) and "root" in t.get("deny", [])
    ]
    on = f"root on {ALICE}'s machines"
    said = f"{BOB} is denied {on}" if found else f"no test denies {BOB} {on}"
    return Answer("demands it", tailnet.name, "ok" if found else "fail", said)


def tests_itself(world: World) -> Answer:
    """As `demands`."""
    return demands(vantage.tailnet(world))


EXERCISES = (
    Exercise(
        "Somebody has a shell on demoserver at this moment, and the recorder knows",
        is_being_recorded,
        (
            "A session that has ended is a film in the archive. This one has to be open while you look.",
            "`./runbook lab shell phone`, and there `tailscale ssh …` to the server, as a user whom the rules let in at once. Leave it open.",
        ),
        (Typed("phone", f"setsid -f tailscale ssh ubuntu@{SERVER} '{TALK}' >/dev/null 2>&1 </dev/null"),),
        (Typed("phone", f"pkill -f '{TALK}'"),),
    ),
    Exercise(
        f"A new user, {GUEST}, gets in at once, and not unseen",
        lets_the_guest_in,
        (
            "Two parties have to agree: the machine, that there is such a user, and the policy, that you may be it.",
            "On the server, `useradd`. The rest is the chapter's own: `audited_ssh.Params` takes `users`, and its plan names what is missing.",
        ),
        (
            Typed(
                CELL,
                f'from homelab.stages import audited_ssh as chapter\nguest = chapter.Params(users=["{GUEST}"], checked_users=[])\n'
                "world.apply(chapter.plan(world, guest))",
            ),
        ),
        (
            Typed(
                CELL,
                f'from homelab.stages import audited_ssh as chapter\nguest = chapter.Params(users=["{GUEST}"], checked_users=[])\n'
                "world.apply(chapter.without_rules(world, guest))",
            ),
            Typed(SERVER, f"userdel -r {GUEST}"),
        ),
    ),
    Exercise(
        "The policy itself demands that Bob becomes root on none of Alice's machines",
        tests_itself,
        (
            "Rules say what is allowed. A policy can also hold tests of itself, and one that fails them cannot be saved.",
            "The section is called `sshTests`: a list of objects with `src`, `dst` and `deny`. When it is in, try to save a rule that lets him in.",
        ),
        (edit(STAGE, "a test: Bob is nobody here", f'with_item("sshTests", {TEST})'),),
        (edit(STAGE, "the test goes", f'without_item("sshTests", {TEST})'),),
    ),
)
