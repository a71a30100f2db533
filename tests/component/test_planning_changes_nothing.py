"""Planning changes nothing, proved: every stage is planned behind the guard, in a lab that has something to lose.

Before and after are compared as far as a machine can tell: each file's inode, mode, size and time of its
last change, containers, images, volumes, preferences, what is served, rules and routes, and the tailnet's
own settings. What may differ is in `MOVES`, each with its reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from homelab import labsocket, needs
from homelab.engine import run
from homelab.plan import plan
from homelab.resources import image
from homelab.wait import until

CHECKOUT = Path(__file__).resolve().parents[2]
WATCHED = ("tequila", "windows", "phone", "router", "demoserver", "fooocus")
# Of /usr, where the machines share 100,000 files, the programs; a folder's time tells what came and went in it.
FILES = r"""
look() { find "$@" -printf '%p\t%y %m %i %s %C@\n'; }
look / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o
look /usr -xdev -maxdepth 2
for top in /etc /mnt/c /mnt/backup /var/lib/docker; do [ ! -d "$top" ] || look "$top" -xdev; done
"""
COMMANDS = (
    "docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'",
    "docker images --no-trunc",
    "docker volume ls",
    "docker network ls --no-trunc",
    "cat /etc/resolv.conf",
    "tailscale debug prefs",
    "tailscale serve status --json",
    "iptables-save | grep -v '^#' | sed 's/ *\\[[0-9:]*\\]$//'",
    "iptables-save -t nat | grep -v '^#' | sed 's/ *\\[[0-9:]*\\]$//'",
    "ip rule",
    "ip route show table all | grep -v -e fe80: -e ff00: | sort",
    "ip -o link | sed 's/ state .*//'",
    "sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding",
    "ps -eo comm= | sort | uniq -c | grep -v -e ' ps$' -e ' sh$' -e ' sort$' -e ' uniq$' -e ' grep$'",
)
# What moves by itself, whether somebody plans or not.
MOVES = re.compile(
    r"^/var/log(/|$)"  # daemons write their logs
    r"|^/var/lib/tailscale(/|$)"  # tailscaled keeps what it learns of its peers and relays
    r"|^/etc/resolv\.conf$|^/etc$"  # tailscaled writes it anew, the same again: what is in it is compared
    r"|^/run(/|$)"  # sockets, pid files, and the notes of daemons
    r"|^/var/lib/docker/(containers/[0-9a-f]+|network/files|buildkit)(/|$)"  # Docker notes what it does
    r"|^/var/cache/apt(/|$)"  # apt-cache's index of the lists that are there
    r"|^/usr(/local(/lib)?)?$"  # the lab lays Compose's plugin there when a stage asks its hub; a home has one
    r"|^/(var/)?tmp$"  # the folder, in which interop's output waits for a moment; not what is in it
)


@pytest.fixture(scope="module")
def settled(world, tequila):
    """A lab in which there is something to lose."""
    wanted = [needs.joined(r) for r in ("tequila", "phone", "router", "demoserver")]
    world.apply(plan("test", needs.missing(world, wanted)))
    image.do(tequila, image.read(tequila, "busybox"), image.wanted("busybox"))
    run(tequila, ["docker", "run", "-d", "--name", "kept", "-v", "kept:/kept", "busybox", "sleep", "600"])
    tequila.run(["sudo", "tailscale", "set", "--accept-routes"]).ok()
    world["router"].run(["sudo", "iptables", "-A", "FORWARD", "-p", "tcp", "--dport", "9", "-j", "DROP"]).ok()
    online = ["sh", "-c", "tailscale status --json"]
    until(
        lambda: all(p["Online"] for p in json.loads(tequila.run(online).ok().out)["Peer"].values()),
        bool,
        "all nodes to be online",
    )
    return world


def traces(world) -> dict[str, str]:
    """All that is watched, by name."""
    found: dict[str, str] = {}
    for role in WATCHED:
        for line in world[role].run(["sh", "-c", FILES]).ok().out.splitlines():
            path, _, stat = line.partition("\t")
            if not MOVES.search(path):
                found[f"{role}:{path}"] = stat
        for typed in COMMANDS:
            found[f"{role}: {typed}"] = world[role].run(["sh", "-c", f"{{ {typed}; }} 2>&1"]).out
    tailnet = world.tailnet
    found["policy"] = tailnet.call(lambda ts: ts.policy_file()).policy
    found["settings"] = str(tailnet.call(lambda ts: ts.tailnet_settings()))
    found["names"] = str(tailnet.call(lambda ts: ts.dns_preferences())) + str(
        tailnet.call(lambda ts: ts.dns_nameservers())
    )
    found["keys"] = str(sorted(k.key_id for k in tailnet.call(lambda ts: ts.keys())))
    devices = tailnet.call(lambda ts: ts.devices()).values()
    found["devices"] = str(sorted((d.name, d.tags, d.authorized, d.key_expiry_disabled) for d in devices))
    lab = world.lab["socket"]
    found["Windows"] = json.dumps(labsocket.request(lab, op="windows", machine="windows")["windows"])
    journal = Path(world.lab["state"]) / "journal.jsonl"
    found["journal"] = journal.read_text() if journal.exists() else ""
    return found


def prove(world, folder: Path, *stages: str) -> None:
    before = traces(world)
    env = {**os.environ, "HOMELAB_GUARD": "1", "HOMELAB_COMMANDS": str(folder / "commands")}
    argv = [sys.executable, "-m", "homelab", "run", *stages, "--plan", "--out", str(folder / "out")]
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=540)
    after = traces(world)
    results = json.loads((folder / "out/results.json").read_text())
    assert {s["status"] for s in results["stages"]} <= {"ok", "drift"}, done.stdout
    assert "refused while only looking" not in (folder / "out/results.json").read_text()
    ran = [json.loads(line) for line in (folder / "commands").read_text().splitlines()]
    assert len(ran) > 20
    assert [r for r in ran if r["refused"] or r["changing"]] == []
    moved = [
        f"{k}: {before.get(k)} -> {after.get(k)}"
        for k in {**before, **after}
        if before.get(k) != after.get(k)
    ]
    assert not moved, "\n".join(moved)


def test_stages_that_ask_windows_docker_and_the_tailnet(settled, tmp_path: Path) -> None:
    prove(settled, tmp_path, "01", "02", "06")


@pytest.mark.nightly
def test_every_stage(settled, tmp_path: Path) -> None:
    prove(settled, tmp_path)


def test_what_would_change_something_is_seen(settled) -> None:
    """The proof itself can fail: each kind of trace that it looks for is found."""
    before = traces(settled)
    tequila, router = settled["tequila"], settled["router"]
    tequila.run(["sh", "-c", "touch /etc/hostname /srv/new /mnt/c/new && docker stop -t 0 kept"]).ok()
    router.run(["sh", "-c", "sudo tailscale set --shields-up && sudo iptables -P FORWARD DROP"]).ok()
    after = traces(settled)
    moved = {k for k in {**before, **after} if before.get(k) != after.get(k)}
    assert {
        "tequila:/etc/hostname",
        "tequila:/srv/new",
        "tequila:/mnt/c/new",
        "router: tailscale debug prefs",
    } <= moved
    assert any(k.startswith("tequila: docker ps") for k in moved)
    assert any(k.startswith("router: iptables-save") for k in moved)
