"""A second node on a machine, as Tailscale's container image starts one: a tailscaled without a tunnel
device, with a socket and a state folder of its own, which joins by an auth key.

Real containers come with the services; this is the same first second of their life, without Docker.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.key_file import key_file
from homelab.machine import Machine
from homelab.params import TAILSCALE
from homelab.resources.login import RUNNING
from homelab.resources.tailscale_status import ask, short_name
from homelab.wait import until

ABSENT = "absent"


@dataclass(frozen=True)
class State:
    """`node` is tailscaled's own word, or ``absent``; `key` is a reference to an auth key."""

    node: str
    hostname: str
    tags: tuple[str, ...] = ()
    login_server: str = TAILSCALE
    key: str = field(default="", compare=False, metadata={"show": False})

    @property
    def socket(self) -> str:
        """Where its daemon listens."""
        return f"/run/tailscale-{self.hostname}.sock"

    @property
    def folder(self) -> str:
        """Where its daemon keeps its identity: a container's named volume."""
        return f"/var/lib/tailscale-{self.hostname}"


def read(machine: Machine, name: str) -> State:
    """Ask the second daemon for its status."""
    if not machine.run(["test", "-S", State("", name).socket]):
        return State(ABSENT, name)
    client = _client(name)
    found = ask(machine, [*client, "status", "--json"])
    node = str(found["BackendState"])
    if node != RUNNING:
        return State(node if "Self" in found else ABSENT, name)
    me = found.get("Self") or {}
    server = str(ask(machine, [*client, "debug", "prefs"]).get("ControlURL") or TAILSCALE)
    return State(node, short_name(me), tuple(me.get("Tags") or ()), server)


def _client(name: str) -> list[str]:
    return ["tailscale", f"--socket={State('', name).socket}"]


def command(before: State, after: State) -> list[str]:
    """The daemon in the background, then ``tailscale up`` at its socket; backwards, a logout and its end."""
    at = f"sudo tailscale --socket={before.socket}"
    if after.node != RUNNING:
        stop = f"sudo kill $(cat {before.folder}/pid)"
        return ["sh", "-c", f"{at} logout; {stop}; sudo rm -rf {before.folder} {before.socket}"]
    server = f" --login-server={after.login_server}" if after.login_server != TAILSCALE else ""
    daemon = (
        f"sudo mkdir -p {after.folder}\n"
        f"sudo setsid -f sh -c 'echo $$ > {after.folder}/pid; exec tailscaled --tun=userspace-networking --port=0 "
        f"--no-logs-no-support --statedir={after.folder} --socket={after.socket}' >/dev/null 2>&1 </dev/null"
    )
    return [
        "sh",
        "-c",
        f"{daemon}\n{at} up{server} --hostname={after.hostname} --auth-key=file:{_key(after)}",
    ]


def _key(state: State) -> str:
    return f"{state.folder}/auth-key"


def do(machine: Machine, before: State, after: State) -> None:
    """Run it; the auth key goes by a file that only root reads, and is gone afterwards.

    Raises:
        CommandFailed: the daemon does not start, or the key is refused.
        HomelabError: there is no key to join with.
    """
    typed = command(before, after)
    if after.node != RUNNING:
        machine.run(typed).ok()
        return
    if not after.key:
        raise HomelabError("a container has nobody who could sign in", machine.name, "give it an auth key")
    start, _, up = typed[2].rpartition("\n")
    machine.run(["sh", "-ec", start]).ok()
    try:
        until(
            lambda: machine.run(["test", "-S", after.socket]).rc,
            lambda rc: rc == 0,
            "the second tailscaled to listen",
            hint=f"start it by hand: {start.splitlines()[-1]}",
            where=machine.name,
        )
        with key_file(machine, _key(after), after.key):
            machine.run(["sh", "-c", up], timeout=30).ok()
    except HomelabError:
        machine.run(command(after, State(ABSENT, after.hostname)))  # it is of no use without a login
        raise
