"""An SSH key by which one machine brings its backups to another, and no more: root's, without a passphrase.

The other machine lets it in for SFTP only: `homelab.resources.authorized_key`. Source: sshd(8),
ssh_config(5); restic's documentation asks for such a block in ~/.ssh/config.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.machine import Machine

FILE = "/root/.ssh/homelab-backup"
CONFIG = "/root/.ssh/config"
LOOK = f"cat {FILE}.pub; grep -qx 'Host {{host}}' {CONFIG} && echo configured"


@dataclass(frozen=True)
class State:
    """Whether the key is `made`, and used for `host`; `public` is its public half."""

    host: str
    made: bool
    configured: bool
    public: str = field(default="", compare=False, metadata={"show": False})
    owner: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str) -> State:
    """Look at root's keys, and at what its ssh does for the host `name`."""
    said = machine.run(["sudo", "sh", "-c", f"{LOOK.format(host=name)} 2>/dev/null"]).out.splitlines()
    public = next((line for line in said if line.startswith("ssh-")), "")
    return State(name, bool(public), "configured" in said, public, machine.name)


def irreversible(before: State, after: State) -> bool:
    """The key stays: backups on the other machine are opened by it."""
    return True


def block(host: str) -> str:
    """What root's ssh is told about `host`; a host key that is new is taken, one that changed is refused."""
    return (
        f"Host {host}\n  IdentityFile {FILE}\n  IdentitiesOnly yes\n  BatchMode yes\n"
        "  StrictHostKeyChecking accept-new\n  ServerAliveInterval 60\n"
    )


def command(before: State, after: State) -> list[str]:
    """``ssh-keygen``, and a block in root's ssh configuration."""
    lines = ["sudo mkdir -p -m 700 /root/.ssh"]
    if not before.made:
        lines.append(f"sudo ssh-keygen -q -t ed25519 -N '' -C homelab-backup@{before.owner} -f {FILE}")
    if not before.configured:
        lines.append(f"sudo tee -a {CONFIG} >/dev/null <<'END'\n{block(after.host)}END")
    return ["sh", "-c", "\n".join(lines)]


def do(machine: Machine, before: State, after: State) -> None:
    """Run it.

    Raises:
        CommandFailed: ssh-keygen is not there, or root's folder cannot be written.
    """
    machine.run(["sh", "-ec", command(before, after)[2]]).ok()
