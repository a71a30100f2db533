"""Faults of the session recorder: not there, or without room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homelab.checks import backup, ssh
from homelab.errors import PrerequisiteMissing
from homelab.faults.fault import BREAK, Fault, Looks, turned
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import bulk_file
from homelab.stages import audited_ssh

if TYPE_CHECKING:
    from homelab.world import World

SHELLS = audited_ssh.Params.model_construct()
RECORDER, KEPT = "recorder", "/var/lib/recorder"
FILM = f"{KEPT}/holiday-2019.mkv"
MOST = 256_000_000  # bytes


def _shells(world: World) -> Looks:
    """A shell on the demo server opens: what the house complains about."""
    name = audited_ssh.name_of(world, SHELLS)
    return (lambda: ssh.lets_in(world["phone"], SHELLS.users[0], name),)


RECORDER_DOWN = Fault(
    "recorder-down",
    "“Nobody gets a shell on the demo server since this morning. The password is right: there is none.”",
    "08_audited_ssh",
    lambda world, seconds: (
        lambda: ssh.takes_recordings(world["phone"], RECORDER, seconds),
        *_shells(world),
    ),
    lambda world: turned(world, RECORDER, "recorder", "the recorder's program ends", running=False),
    (
        "The policy says: no recorder, no session. Does the recorder answer?",
        "The machine is on, and in the tailnet. Is the program that keeps recordings running on it?",
    ),
    ("start the recorder again: where recording is enforced, no shell opens without it",),
)


def _film_is_left(world: World) -> Plan:
    now, room = bulk_file.read(world[RECORDER], FILM), bulk_file.room(world[RECORDER], KEPT)
    if room > MOST:  # machines are in memory, and that is the learner's
        what = f"the recorder of this lab has {room / 1e9:.1f} GB free: too much to fill up"
        raise PrerequisiteMissing(what, RECORDER, "its topology gives it no `room`; the lab's own does")
    full = bulk_file.State(FILM, room)
    return planned(BREAK, change(RECORDER, "bulk_file", now, full, "a film is left there", name=FILM))


DISK_FULL = Fault(
    "disk-full",
    "“A shell on the demo server ends as soon as it begins. The recorder is online, I looked.”",
    "08_audited_ssh",
    lambda world, seconds: (
        lambda: backup.has_room(world[RECORDER], KEPT),
        lambda: ssh.takes_recordings(world["phone"], RECORDER, seconds),
        *_shells(world),
    ),
    _film_is_left,
    (
        "The recorder answers, and yet it cannot keep a recording. What does it need for that, besides the network?",
        "`df -h /var/lib/recorder` on the recorder; and then: what is so large there?",
    ),
    ("remove what does not belong there: a recorder without room records nothing",),
)
