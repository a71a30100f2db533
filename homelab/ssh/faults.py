"""What ssh's last words mean: each with what to do about it.

The texts are those of OpenSSH 8 to 10; each is provoked by a test against a real sshd.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from homelab.errors import SshError
from homelab.ssh.address import Address

KINDS = (
    "name", "unreachable", "changed", "unknown", "denied", "passphrase", "settings", "shell", "cut", "forward", "other",
)  # fmt: skip
_UNREACHABLE = re.compile(
    r"Connection refused|No route to host|Network is unreachable|timed out|Connection (?:closed|reset) by"
    r"|kex_exchange_identification|banner exchange",
    re.IGNORECASE,
)
_HINTS = {
    "Connection refused": "does its SSH server run, and on this port? sudo apt-get install openssh-server",
    "timed out": "is the machine on, and is there a way from here to there?",
    "No route to host": "is the machine on, and in this network?",
    "Network is unreachable": "is this machine connected to a network?",
}
UNENCRYPTED = ("ssh-keygen", "-y", "-P", "", "-f")  # prints the public key of a key without a passphrase


PROHIBITED = "administratively prohibited"
_OPEN_FAILED = re.compile(r"channel \d+: open failed: ([^:\n]+): ([^\n\r]*)")


def forwarding(said: str) -> str:
    """Why the other side made no connection for us, by the last such line of ssh's log; empty where it is not said."""
    found = _OPEN_FAILED.findall(said)
    if not found:
        return ""
    return PROHIBITED if found[-1][0] == PROHIBITED else found[-1][1].strip()


def explain(said: str, address: Address, where: str, options: Sequence[str] = ()) -> SshError:
    """The error that ssh's words mean when it could not connect to `address`.

    `options` are what ssh was given to find its configuration: hints show them too.
    """
    last = _last(said)
    again = shlex.join(["ssh", *options, *_port(address, "-p"), address.destination, "true"])
    if "Could not resolve hostname" in said:
        name = re.search(r"Could not resolve hostname (\S+?):", said)
        what = f"the name {name[1] if name else address.host} is not known here"
        return SshError(
            "name", what, where, f"check `via: {address}`, or give it a Host entry in ~/.ssh/config"
        )
    if "IDENTIFICATION HAS CHANGED" in said:
        return _changed(said, address, where)
    if "host key is known for" in said or "Host key verification failed" in said:
        return _unknown(said, address, where, again)
    if policy := re.search(r"tailnet policy does not permit you to SSH[^\r\n]*", said):
        hint = "the policy's section ssh says who may: 08_audited_ssh"
        return SshError("denied", f"{address} does not let us in: {policy[0]}", where, hint)
    if "Permission denied" in said:
        return _denied(last, address, where, options)
    if re.search(r"Bad owner or permissions|Bad configuration option|terminating, \d+ bad config", said):
        return SshError(
            "settings", f"ssh does not accept its configuration: {last}", where, f"try it: {again}"
        )
    if _UNREACHABLE.search(said):
        hint = next((hint for words, hint in _HINTS.items() if words in said), f"try it: {again}")
        return SshError("unreachable", f"{address} does not answer: {last}", where, hint)
    return SshError("other", f"ssh cannot connect to {address}: {last}", where, f"try it: {again}")


def _changed(said: str, address: Address, where: str) -> SshError:
    known = re.search(r"Offending \S+ key in (\S+):(\d+)", said)
    print_ = re.search(r"(SHA256:\S+?)\.?\s", said)
    listed = f"[{address.host}]:{address.port}" if address.port not in (0, 22) else address.host
    file = f" -f {known[1]}" if known else ""
    at = f" ({known[1]}, line {known[2]})" if known else ""
    return SshError(
        "changed",
        f"the host key of {address} is not the one that is known{at}: it offers {print_[1] if print_ else 'another'}",
        where,
        "somebody may be in between. Only if you know why it changed (the machine was installed anew), forget the old one:"
        f" ssh-keygen{file} -R {shlex.quote(listed)}",
    )


def _unknown(said: str, address: Address, where: str, again: str) -> SshError:
    found = re.search(r"No (\S+) host key is known for (\S+)", said)
    scan = shlex.join(["ssh-keyscan", *_port(address, "-p"), address.host])
    return SshError(
        "unknown",
        f"the host key of {address} is not known here yet{f' ({found[1]})' if found else ''}, and is not accepted unseen",
        where,
        f"look: {scan} | ssh-keygen -lf - ; compare, on that machine: for k in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $k; done"
        f" ; accept: {again}",
    )


def _denied(last: str, address: Address, where: str, options: Sequence[str]) -> SshError:
    locked = [key for key in _keys(address, options) if _has_passphrase(key)]
    if locked and not _agent_has_keys():
        return SshError(
            "passphrase",
            f"the key {locked[0]} has a passphrase, and no agent holds it: nobody is there to type it",
            where,
            f"""eval "$(ssh-agent)"; ssh-add {locked[0]}""",
        )
    copy = shlex.join(["ssh-copy-id", *options, *_port(address, "-p"), address.destination])
    return SshError("denied", f"{address} does not let us in: {last}", where, f"let it know your key: {copy}")


def _keys(address: Address, options: Sequence[str]) -> list[Path]:
    """The private keys that ssh would try, by its own account."""
    shown = subprocess.run(
        ["ssh", *options, "-G", *_port(address, "-p"), address.destination],
        capture_output=True,
        text=True,
        check=False,
    )
    names = [line.partition(" ")[2] for line in shown.stdout.splitlines() if line.startswith("identityfile ")]
    return [path for name in names if (path := Path(name).expanduser()).is_file()]


def _has_passphrase(key: Path) -> bool:
    tried = subprocess.run([*UNENCRYPTED, str(key)], capture_output=True, text=True, check=False)
    return tried.returncode != 0 and "passphrase" in tried.stderr


def _agent_has_keys() -> bool:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return False
    return subprocess.run(["ssh-add", "-l"], capture_output=True, check=False).returncode == 0


def _port(address: Address, option: str) -> list[str]:
    return [option, str(address.port)] if address.port else []


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip(" @\r\n")]
    return lines[-1].removeprefix("ssh: ") if lines else "it said nothing"
