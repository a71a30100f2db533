"""Backups on another machine of the tailnet, by restic over SFTP: what both machines need for it.

The other machine lets the key of the first one in for SFTP only. Two plans, because the second needs
the public key that the first has made.
"""

from __future__ import annotations

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.plan import Change, change
from homelab.resources import authorized_key, backup_key, sshd


def host_of(place: str) -> str:
    """The machine in ``sftp:[USER@]HOST:/PATH``; empty where the place is a folder."""
    return (
        place.removeprefix("sftp:").partition(":")[0].rpartition("@")[2] if place.startswith("sftp:") else ""
    )


def key(machine: Machine, place: str) -> tuple[Change, ...]:
    """A key of `machine` for its backups at `place`."""
    host = host_of(place)
    now = backup_key.read(machine, host)
    wanted = backup_key.State(host, True, True)
    return change(machine.name, "backup_key", now, wanted, f"a key that brings backups to {host}", name=host)


def door(machine: Machine, other: Machine, place: str) -> tuple[Change, ...]:
    """`other` takes the backups of `machine`: its sshd runs, and lets that key in.

    Raises:
        HomelabError: `machine` has no key yet.
    """
    found = backup_key.read(machine, host_of(place))
    if not found.made:
        raise HomelabError("there is no key for backups yet", machine.name, "apply the plan of `key` first")
    comment = found.public.split()[-1]
    now, runs = authorized_key.read(other, comment), sshd.read(other)
    return (
        *change(other.name, "sshd", runs, sshd.State(True), "take connections by SSH"),
        *change(
            other.name, "authorized_key", now, authorized_key.State(comment, True, found.public),
            f"let {machine.name} bring its backups, by SFTP only", name=comment,
        ),
    )  # fmt: skip


def knock(host: str) -> list[str]:
    """Ask whether `host` lets us in; the exit status tells."""
    return ["sudo", "sftp", "-q", "-b", "/dev/null", host]


def by_hand(machine: Machine, place: str) -> str:
    """What to do on the other machine where nobody reaches it from here."""
    public = backup_key.read(machine, host_of(place)).public
    line = f"{authorized_key.ONLY_SFTP} {public}" if public else "the public key, once it is made"
    return f"On {host_of(place)}, add to {authorized_key.FILE}: {line}"
