"""Whether a node is logged in to a tailnet, under which name and tags, and with which control plane."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.key_file import key_file
from homelab.machine import Machine
from homelab.params import TAILSCALE
from homelab.person import URL
from homelab.plan import Later
from homelab.resources import prefs
from homelab.resources.tailscale_status import ABSENT, short_name, status
from homelab.resources.tailscale_status import prefs as told_prefs

RUNNING, NEEDS_LOGIN, STOPPED = "Running", "NeedsLogin", "Stopped"
PASSING = ("NoState", "Starting")  # a daemon that has just begun says these before it knows better
SETTLED = 3.0  # seconds that we give it
KEY_FILE = "/run/homelab-auth-key"


@dataclass(frozen=True)
class State:
    """`node` is tailscaled's own word; `address` is the node's IPv4 in the tailnet (empty when it has none).

    `key` is a reference to an auth key (``env:…``, ``file:…``); empty means a person signs in by
    the login page; `by` is who, if it is not the person of this world: somebody (an e-mail address) with
    a tailnet of their own. `flags` are the node's other switches, which ``tailscale up`` wants repeated.
    How a node logs in is not part of what it is afterwards.
    """

    node: str
    hostname: str | Later = ""
    tags: tuple[str, ...] = ()
    login_server: str = TAILSCALE
    address: str | Later = ""
    key: str = field(default="", compare=False, metadata={"show": False})
    again: bool = field(default=False, compare=False, metadata={"show": False})
    flags: tuple[str, ...] = field(default=(), compare=False, metadata={"show": False})
    by: str = field(default="", compare=False, metadata={"show": False})


def read(machine: Machine, name: str = "") -> State:
    """From ``tailscale status`` and ``tailscale debug prefs``."""
    deadline = time.monotonic() + SETTLED
    found = status(machine)
    while found["BackendState"] in PASSING and time.monotonic() < deadline:
        time.sleep(0.05)
        found = status(machine)
    node = str(found["BackendState"])
    if node not in (RUNNING, NEEDS_LOGIN, STOPPED, "NeedsMachineAuth", *PASSING):
        return State(node)
    server = str(told_prefs(machine).get("ControlURL") or TAILSCALE)
    flags = tuple(prefs.command(prefs.State(), prefs.read(machine))[3:])
    if node == NEEDS_LOGIN:
        return State(node, login_server=server, flags=flags)
    me = found.get("Self") or {}
    address = next((a for a in found.get("TailscaleIPs") or [] if ":" not in a), "")
    return State(node, short_name(me), tuple(me.get("Tags") or ()), server, address, flags=flags)


def wanted(
    hostname: str,
    tags: tuple[str, ...] = (),
    login_server: str = TAILSCALE,
    key: str = "",
    again: bool = False,
) -> State:
    """A node that is logged in as `hostname`; `again` forces a fresh login of a node that has one."""
    return State(RUNNING, hostname, tags, login_server, Later("login"), key, again)


def command(before: State, after: State) -> list[str]:
    """``tailscale up`` with what differs from its defaults; ``set`` for a new name; ``down`` or ``logout`` back."""
    if after.node == STOPPED:
        return ["sudo", "tailscale", "down"]
    if after.node != RUNNING:
        return ["sudo", "tailscale", "logout"]
    same = (before.tags, before.login_server) == (after.tags, after.login_server) and not after.again
    if before.node == RUNNING and same:
        return ["sudo", "tailscale", "set", f"--hostname={after.hostname}"]
    argv = ["sudo", "tailscale", "up"]
    if before.node == STOPPED and same and before.hostname == after.hostname:
        return argv
    if after.login_server != TAILSCALE or before.login_server != TAILSCALE:
        argv.append(f"--login-server={after.login_server}")
    argv.append(f"--hostname={after.hostname}")
    if after.tags:
        argv.append(f"--advertise-tags={','.join(after.tags)}")
    argv += before.flags
    if after.key:
        argv.append(f"--auth-key=file:{KEY_FILE}")
    if after.again or before.node == RUNNING:
        argv.append("--force-reauth")
    return argv


def do(machine: Machine, before: State, after: State) -> None:
    """Run it; when it prints a login address, the person of this world opens it.

    Raises:
        CommandFailed: tailscale refuses, for example an invalid key.
        HomelabError: tailscale is not installed, the login page refuses, or the name is taken.
    """
    if before.node == ABSENT:
        raise HomelabError("tailscale is not installed", machine.name, "the stage's plan installs it first")
    refused: list[HomelabError] = []
    person = machine.person.other(after.by) if after.by else machine.person

    def watch(line: str) -> None:
        if not after.key and (found := URL.search(line)):
            try:
                person.sign_in(found.group())
            except HomelabError as error:
                refused.append(error)
                machine.run(["sudo", "pkill", "-x", "tailscale"])  # nobody comes: it would wait for ever

    with key_file(machine, KEY_FILE, after.key):
        done = machine.run(command(before, after), timeout=300, watch=watch)
    if refused:
        raise refused[0]
    done.ok()
    if after.node == RUNNING:
        _named(machine, str(after.hostname))


def _named(machine: Machine, hostname: str) -> None:
    """The control plane gives the name a moment after the login; where it is taken, it adds a number."""
    deadline = time.monotonic() + SETTLED
    while (now := str(read(machine).hostname)) != hostname:
        if time.monotonic() > deadline:
            raise HomelabError(
                f"the node is called {now!r} now: {hostname!r} is another node's name",
                machine.name,
                "rename or remove the other one on the machines page, or choose another hostname",
            )
        time.sleep(0.05)
