"""Somebody's home: a lab in which the runbook itself runs, as an ordinary user on one of its machines.

What it reaches it reaches as at home: by the reader's own OpenSSH with keys, known_hosts and jumps, a real
Docker engine, real tailscaled; the person who signs in is told what to open by what the runbook prints.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from homelab.errors import HomelabError, LabError
from homelab.lab_machine import LabMachine
from homelab.machine import Result
from homelab.policy import policyfile
from homelab.world import World, open_world

CHECKOUT = Path(__file__).resolve().parents[1]
READER, LAPTOP = "reader", "laptop"  # who sits where
ALICE = "alice"  # who signs in by SSH, as on a rented server: in the group sudo, which asks for no password
KEY = "tskey-api-lab"
# What SSH reaches, by its address; some only through another.
ADDRESSES = {
    "tequila": "172.28.16.10", "demoserver": "203.0.113.60", "router": "203.0.113.30", "router2": "203.0.113.31",
    "flat_router": "203.0.113.20", "db": "10.20.0.50", "phone": "192.168.88.10",
}  # fmt: skip
JUMPS = {"db": "router", "phone": "flat_router"}
URL = re.compile(r"^\s*(https://\S+)\s*$")
DEBUG_LOG = "/var/log/sshd.log"
# Whatever a stage may have touched on a machine, as far as undo promises to bring it back.
SEEN = r"""
tailscale status --json | grep BackendState
tailscale serve status --json
tailscale debug prefs | grep -v -e PrivateNodeKey -e NodeID -e LoginName -e DisplayName -e UserID
sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding
find /etc -type f -newer /etc/hostname -exec md5sum {} + | sort -k2
ss -Hltn | awk '{print $4}' | sort
docker ps --all --format '{{.Names}} {{.Status}}'
true
"""


@dataclass(frozen=True)
class Ran:
    """How a call of the runbook ended: its exit status, what it printed, what results.json says."""

    rc: int
    out: str
    seconds: float
    results: dict[str, Any]

    def stage(self, name: str) -> dict[str, Any]:
        return next(s for s in self.results["stages"] if s["name"].startswith(name))

    def statuses(self) -> dict[str, str]:
        return {s["name"]: s["status"] for s in self.results["stages"]}


class Home:
    """The lab, and the reader in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._runs = 0

    def machine(self, role: str) -> LabMachine:
        """A machine of the lab itself, to look behind the reader's back."""
        found = self.world.machines[role]
        assert isinstance(found, LabMachine)
        return found

    def root(self, role: str, script: str) -> str:
        """What `script` prints as root of the machine `role`; it must end well."""
        return self.machine(role).run(["sh", "-c", script]).ok().out

    def moves_in(self, role: str, params: str, key: bool = True) -> None:
        """The reader has an account on `role`, with the params file there."""
        self.root(role, f"id {READER} >/dev/null 2>&1 || useradd -m -s /bin/bash -G sudo {READER}")
        self.root(role, f"! getent group docker >/dev/null || usermod -aG docker {READER}")
        self.writes(role, "home.yaml", params)
        if key:
            self.writes(role, "key", KEY)

    def writes(self, role: str, name: str, text: str, mode: str = "600") -> None:
        """A file of the reader's."""
        path = shlex.quote(name)
        script = f"mkdir -p -m 700 $(dirname {path}); cat >{path}; chmod {mode} {path}"
        self.machine(role).run(["su", "-", READER, "-c", script], stdin=text).ok()

    def reaches(self, *roles: str) -> None:
        """The reader's ssh knows each of `roles` by its name: user, key, host key, and the jump to it."""
        make = 'test -e ~/.ssh/k || { mkdir -m 700 ~/.ssh; ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/k; }; cat ~/.ssh/k.pub'
        key = self.machine(LAPTOP).run(["su", "-", READER, "-c", make]).ok().out.strip()
        config, known = [], []
        for role in [*roles, *{JUMPS[r] for r in roles if r in JUMPS} - set(roles)]:
            address = ADDRESSES[role]
            self.root(role, _takes_in(key))
            host = self.root(role, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
            known.append(f"{address} {host}\n")
            jump = f"  ProxyJump {JUMPS[role]}\n" if role in JUMPS else ""
            config.append(
                f"Host {role}\n  HostName {address}\n  User {ALICE}\n  IdentityFile ~/.ssh/k\n{jump}"
            )
        self.writes(LAPTOP, ".ssh/config", "".join(config))
        self.writes(LAPTOP, ".ssh/known_hosts", "".join(known))

    def runbook(self, role: str, *words: str, watch: Callable[[str], None] | None = None) -> Ran:
        """The runbook on `role`, as the reader; whoever is told to open an address does."""
        self._runs += 1
        out = f"/home/{READER}/run-{self._runs}"
        argv = [sys.executable, "-P", "-m", "homelab", *words]
        if words[0] == "run":
            argv += ["--params", "home.yaml", "--out", out]
        refused: list[HomelabError] = []

        def heard(line: str) -> None:
            if found := URL.match(line):
                person = self.world.person
                try:
                    (person.enable if "/f/" in found[1] else person.sign_in)(found[1])
                except HomelabError as error:
                    refused.append(error)
            if watch:
                watch(line)

        line = f"{shlex.join(argv)} 2>&1"
        done: Result = self.machine(role).run(["su", "-", READER, "-c", line], timeout=1500, watch=heard)
        assert not refused, refused[0]
        assert "Traceback" not in done.out, done.out
        text = self.machine(role).read_text(f"{out}/results.json") if words[0] == "run" else None
        return Ran(done.rc, done.out, done.seconds, json.loads(text) if text else {})

    def as_reader(self, role: str, line: str) -> Result:
        """What a line of shell of the reader's prints, in their home folder on `role`; it must end well."""
        return self.machine(role).run(["su", "-", READER, "-c", line], timeout=120).ok()

    def auth_key(self) -> str:
        """What machines join the tailnet by, as its owner makes one on the keys page; for a home without an API key."""
        create = {"reusable": True, "preauthorized": True, "tags": []}
        body = json.dumps({"capabilities": {"devices": {"create": create}}})
        return str(json.loads(self._page("keys", "-d", body))["key"])

    def owns(self, tag: str) -> None:
        """The owner writes into the policy, on its page, that admins may give `tag`."""
        text = policyfile.with_key(self._page("acl"), "tagOwners", tag, ["autogroup:admin"])
        self._page("acl", "-H", "Content-Type: application/hujson", "-d", text)

    def _page(self, page: str, *more: str) -> str:
        argv = ["curl", "-fsS", "-u", f"{KEY}:", "-H", "Accept: application/hujson", *more]
        at = f"https://api.tailscale.com/api/v2/tailnet/-/{page}"
        return self.machine("visitor").run([*argv, at]).ok().out

    def last(self) -> str:
        """The folder of the last run, as undo takes it."""
        return f"run-{self._runs}"

    def journal(self, role: str, name: str = "myhome") -> list[dict[str, Any]]:
        """The lines of the home's journal, in the reader's state folder on `role`."""
        path = f"/home/{READER}/.local/state/homelab-runbook/homes/{name}.jsonl"
        text = self.machine(role).read_text(path) or ""
        return [json.loads(line) for line in text.splitlines()]

    def connections(self, role: str) -> int:
        """How often the sshd of `role` has let somebody in."""
        return int(self.root(role, f"grep -c '^Accepted ' {DEBUG_LOG} || true"))


def _takes_in(key: str) -> str:
    """A script: alice's account, her key, a running sshd that writes down whom it lets in."""
    return f"""
id {ALICE} >/dev/null 2>&1 || useradd -m -s /bin/bash -G sudo {ALICE}
getent group docker >/dev/null && usermod -aG docker {ALICE}
mkdir -p -m 700 /home/{ALICE}/.ssh
echo {shlex.quote(key)} >/home/{ALICE}/.ssh/authorized_keys
chown -R {ALICE}: /home/{ALICE}/.ssh
sed -i 's|^SSHD_OPTS=.*|SSHD_OPTS="-E {DEBUG_LOG}"|' /etc/default/ssh
service ssh start >/dev/null
iptables -C INPUT -p tcp --dport 22 -j ACCEPT 2>/dev/null || iptables -I INPUT -p tcp --dport 22 -j ACCEPT
"""


def topology(folder: Path) -> Path:
    """The talk's lab, with a laptop beside Tequila; on both the runbook can run."""
    document = yaml.safe_load((CHECKOUT / "params/lab.yaml").read_text())
    machines = document["topology"]["machines"]
    machines["tequila"]["runbook"] = True
    machines[LAPTOP] = {
        "role": "laptop", "about": "where the reader sits", "gateway": "windows", "runbook": True,
        "addresses": {"wsl": "172.28.16.20"},
    }  # fmt: skip
    file = folder / "home-lab.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


@contextmanager
def opened(folder: Path) -> Iterator[Home]:
    """A home in a lab of its own, which ends with it."""
    state = folder / "s"
    state.mkdir()
    lab = subprocess.Popen(
        [sys.executable, "-m", "homelab.lab", "up", "--lease", "--topology", str(topology(folder))],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOMELAB_STATE": str(state)},
    )
    assert lab.stdin
    assert lab.stdout
    before = os.environ.get("HOMELAB_LAB")
    try:
        line = json.loads(lab.stdout.readline() or "{}")
        if "socket" not in line:
            raise LabError("the lab did not come up", str(line))
        os.environ["HOMELAB_LAB"] = line["socket"]
        world = open_world("lab")
        yield Home(world)
        world.close()
    finally:
        os.environ.pop("HOMELAB_LAB", None)
        if before is not None:
            os.environ["HOMELAB_LAB"] = before
        lab.stdin.close()
        lab.wait(60)
        lab.stdout.close()
