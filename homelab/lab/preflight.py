"""Can this machine hold a lab? Every primitive is tried, and a missing one is named with its remedy."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from homelab.errors import PrerequisiteMissing, Problem

from . import launch

PATIENCE = 20.0
UTIL_LINUX = (2, 38)  # the first `unshare` with --map-auto

# What failed → what it is, and what to do about it.
MEANING = {
    "tmpfs": ("a tmpfs cannot be mounted", "run outside of this container, or give it CAP_SYS_ADMIN"),
    "tun": (
        "/dev/net/tun cannot be used",
        "as root: modprobe tun; [ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }; "
        "chmod 666 /dev/net/tun",
    ),
    "forwarding": ("IPv4 forwarding cannot be switched on", "run outside of this container"),
    "setgroups": (
        "the user namespace has no groups",
        "install `uidmap` (newuidmap) and add yourself to /etc/subgid",
    ),
    "veth": ("pairs of network interfaces cannot be made", "as root: modprobe veth"),
    "bridge": ("network bridges cannot be made", "as root: modprobe bridge"),
    "overlay": (
        "a machine's root cannot be built from overlays",
        "as root: modprobe overlay; inside a container, give it a volume that is no overlay for /usr and /etc",
    ),
    "iptables": (
        "NAT rules (MASQUERADE, conntrack) cannot be set",
        "as root: modprobe -a nf_tables nft_compat nf_nat xt_MASQUERADE xt_conntrack",
    ),
}
OPTIONAL = {"netem": "this kernel has no netem: links delay and lose packets by a relay process instead"}


class Preflight:
    """A trial that runs beside other work: start it, do something else, ask for its result."""

    def __init__(self, packages: Path | None) -> None:
        self.tier = launch.tier()
        _need_programs(self.tier)
        command = [
            *launch.namespaces(self.tier),
            *launch.python("homelab.lab.trial"),
            str(packages or ""),
            self.tier,
        ]
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115  they live as long as the trial
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._trial = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, start_new_session=True
        )

    def result(self) -> list[Problem]:
        """What is missing; empty when a lab can be built. What is only optional is not in it."""
        try:
            self._trial.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return [
                Problem(
                    "preflight",
                    f"the trial did not end within {PATIENCE:.0f} s",
                    "is the machine overloaded?",
                )
            ]
        finally:
            # An `unshare` that may not leaves a child of its own waiting for ever (util-linux 2.38).
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._trial.pid, signal.SIGKILL)
        self._out.seek(0)
        self._err.seek(0)
        out, err = self._out.read(), self._err.read()
        try:
            failed = json.loads(out.splitlines()[-1]) if out.strip() else None
        except ValueError:
            failed = None
        if failed is None:
            return [_forbidden(self.tier, err.strip())]
        return [_explain(name, said) for name, said in failed.items() if name not in OPTIONAL]


def check(packages: Path | None) -> list[Problem]:
    """What a lab would miss here; tried for real in throwaway namespaces (about 0.2 s)."""
    return Preflight(packages).result()


def require(problems: list[Problem]) -> None:
    """Stop when something is missing.

    Raises:
        PrerequisiteMissing: what, each with its remedy.
    """
    if not problems:
        return
    first, *more = problems
    what = "; ".join([first.what, *(f"{p.what} (remedy: {p.hint})" for p in more)])
    raise PrerequisiteMissing(f"no lab can be built here: {what}", hint=first.hint)


def _need_programs(tier: str) -> None:
    if platform.system() != "Linux":
        raise PrerequisiteMissing("the lab needs Linux", platform.system(), "use WSL 2, or a virtual machine")
    if not shutil.which("unshare"):
        raise PrerequisiteMissing("there is no `unshare`", hint="apt install util-linux")
    if tier == "root":
        return
    said = subprocess.run(["unshare", "--version"], capture_output=True, text=True).stdout
    version = tuple(int(n) for n in re.findall(r"\d+", said)[:2])
    if version < UTIL_LINUX:
        raise PrerequisiteMissing(
            f"unshare is {'.'.join(map(str, version))}; without root the lab needs 2.38",
            hint="use Debian 12+ or Ubuntu 24.04+, or run it as root: sudo ./runbook …",
        )
    if missing := [p for p in ("newuidmap", "newgidmap") if not shutil.which(p)]:
        raise PrerequisiteMissing(
            f"{' and '.join(missing)} missing: without root the lab needs more than one user id",
            hint="sudo apt install uidmap, or run it as root: sudo ./runbook …",
        )
    me = getpass.getuser()
    for name in ("/etc/subuid", "/etc/subgid"):
        text = Path(name).read_text() if Path(name).exists() else ""
        if not re.search(rf"^({re.escape(me)}|{os.getuid()}):", text, re.MULTILINE):
            raise PrerequisiteMissing(
                f"{me} has no range of ids",
                name,
                f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {me}",
            )


def _forbidden(tier: str, said: str) -> Problem:
    """Why `unshare` itself failed."""
    last = said.splitlines()[-1] if said else "it printed nothing"
    if tier == "root":
        hint = "inside a container, start it with --privileged; else run the lab on the host"
        return Problem("preflight", f"namespaces cannot be made although this is root: {last}", hint)
    if _setting("user/max_user_namespaces") == "0" or "No space left" in last:
        return Problem(
            "preflight",
            f"user namespaces are switched off (user.max_user_namespaces is {_setting('user/max_user_namespaces')}): {last}",
            "sudo sysctl -w user.max_user_namespaces=15000, or run it as root: sudo ./runbook …",
        )
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return Problem(
            "preflight",
            f"AppArmor lets no ordinary program use user namespaces (Ubuntu 24.04's default): {last}",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run it as root: sudo ./runbook …",
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return Problem(
            "preflight",
            f"the kernel keeps user namespaces for root: {last}",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1, or run it as root: sudo ./runbook …",
        )
    return Problem("preflight", f"user namespaces cannot be made: {last}", "run it as root: sudo ./runbook …")


def _explain(name: str, said: str) -> Problem:
    if name == "overlay" and said.startswith("iptables:"):
        name = "iptables"
    what, hint = MEANING[name]
    if name != "tun" and _setting("kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid():
        hint = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run it as root: sudo ./runbook …"
    return Problem("preflight", f"{what}: {said}", hint)


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
