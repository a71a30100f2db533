"""A saved lab: one moment of all machines, which comes up again as it was; and what cannot be saved or brought back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rider
from conftest import LAB, Lab, Owned, wait_for

from homelab.lab import paths, saved

CHECKOUT = Path(__file__).resolve().parents[2]
# Two files that are one after the other: a copy of two moments would have the second ahead of the first.
WRITER = """
mkdir -p /srv/w && cd /srv/w && n=0
while :; do n=$((n + 1)); echo $n >a; echo $n >/etc/b; sleep 0.01; done
"""
QUIZ = (
    "cd /srv/w && exec setsid -f sh -c 'echo $$ >pid; exec python3 -m http.server 8000' >out 2>&1 </dev/null"
)
PROXY = "interface portproxy add v4tov4 listenaddress=0.0.0.0 listenport=1883 connectaddress=172.28.16.10 connectport=1883"
ROOTLESS = """
set -e
lab="$PY -m homelab.lab"
$lab up --enrolled >/dev/null
$lab exec tequila -- sh -c 'useradd -m mia; echo hi >/home/mia/x; chown mia /home/mia/x; rm /usr/bin/awk'
$lab exec phone -- tailscale ip -4
$lab save ours >/dev/null
$lab down >/dev/null
$lab up --at ours | grep -o 'as it was saved in ours'
$lab exec phone -- tailscale ip -4
$lab exec phone -- tailscale ping --c=20 tequila | tail -1
$lab exec tequila -- sh -c 'stat -c %U /home/mia/x; test ! -e /usr/bin/awk && echo no awk'
$lab forget ours >/dev/null
$lab down >/dev/null
ls -A ~/.local/state/homelab-runbook
"""


@pytest.fixture
def name() -> str:
    """A name that no reader's saved lab has."""
    return f"test-{os.getpid()}"


def cli(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = {k: v for k, v in os.environ.items() if k != "HOMELAB_LAB"} | env
    return subprocess.run(
        [*LAB, *words], capture_output=True, text=True, cwd=CHECKOUT, env=given, check=False
    )


def traces(lab: Lab) -> dict[str, object]:
    """What must be the same afterwards, asked in the machines."""
    status = lab.ask("status")
    return {
        "nodes": {
            n: (m["tailscale"], m["tailnet_ip"]) for n, m in status["machines"].items() if n != "relay"
        },
        "links": status["links"],
        "awk": lab.run("tequila", "test", "-e", "/usr/bin/awk").returncode,
        "hosts": lab.says("phone", "cat", "/etc/hosts"),
        "owner": lab.says("tequila", "stat", "-c", "%U %a", "/home/mia/x"),
        "doors": lab.ask("windows", machine="windows")["windows"]["portproxy"],
        "forwards": lab.says("demoserver", "cat", "/proc/sys/net/ipv4/ip_forward"),
        "disk": lab.says("tequila", "cat", "/mnt/backup/kept"),
        "policy": lab.curl(
            "visitor", "-u", "tskey-api-lab:", "https://api.tailscale.com/api/v2/tailnet/-/acl"
        ),
    }


def test_a_lab_comes_up_as_it_was(tmp_path, name) -> None:
    first = Owned("--enrolled", state=tmp_path / "a")
    (Path(first.lab.ask("status")["state"]) / "journal.jsonl").write_text("{}\n")
    lab = first.lab
    lab.says(
        "tequila",
        "sh",
        "-c",
        "useradd -m mia; echo hi >/home/mia/x; chown mia /home/mia/x; chmod 640 /home/mia/x; rm /usr/bin/awk; echo me >/mnt/backup/kept",
    )
    lab.says("phone", "sh", "-c", "echo 10.9.8.7 printer >>/etc/hosts")
    lab.says(
        "demoserver",
        "sh",
        "-c",
        "echo net.ipv4.ip_forward = 1 >/etc/sysctl.d/99-x.conf; sysctl -q -w net.ipv4.ip_forward=1",
    )
    lab.ask("windows", machine="windows", set={"admin": "elevated"})
    lab.says("tequila", "netsh.exe", *PROXY.split())
    lab.says("db", "sh", "-c", QUIZ.replace("cd", "mkdir -p /srv/w; cd", 1))
    lab.ask("link", machine="flat_router", network="internet", set={"delay_ms": 20, "nat": "symmetric"})
    before = traces(lab)
    writer = lab.background("iot", "sh", "-c", WRITER)
    wait_for("the writer to write", lambda: lab.run("iot", "test", "-s", "/etc/b").returncode == 0)
    done = lab.cli("save", name)
    try:
        assert done.returncode == 0, done.stderr
        assert "the lab stood still for" in done.stdout
        now = lab.says("iot", "cat", "/etc/b")
        wait_for("the saved lab to go on", lambda: lab.says("iot", "cat", "/etc/b") != now)
        assert traces(lab) == before
        taken = lab.cli("save", name)
        assert taken.returncode == 3
        assert "--replace" in taken.stderr
        first.end()
        del writer
        second = Owned("--at", name, state=tmp_path / "b")
        lab = second.lab
        assert traces(lab) == before
        a, b = (int(lab.says("iot", "cat", path)) for path in ("/srv/w/a", "/etc/b"))
        assert a - 1 <= b <= a, "two files of one moment"
        assert lab.says("iot", "sh", "-c", "pgrep -cf '[s]rv/w' || true") == "0", (
            "what somebody waited for is over"
        )
        pid = lab.says("db", "cat", "/srv/w/pid")
        assert "http.server" in lab.says("db", "sh", "-c", f"tr '\\0' ' ' </proc/{pid}/cmdline")
        assert (Path(lab.ask("status")["state"]) / "journal.jsonl").read_text() == "{}\n"
        lab.says("phone", "tailscale", "ping", "--c=10", "--until-direct=false", "tequila")
        second.end()
    finally:
        assert cli("forget", name).returncode == 0
    assert not (paths.cache() / saved.KIND / name).exists()


def test_what_cannot_be(call: Callable[..., subprocess.CompletedProcess[str]], small: Path, name) -> None:
    assert call("save", name).returncode == 3, "no lab is up"
    assert call("up", "--topology", small).returncode == 0
    try:
        for wrong, said in (
            ("Mine", "no name for a saved lab"),
            ("05_funnel", "a stage's name"),
            ("../x", "no name"),
        ):
            done = call("save", wrong)
            assert done.returncode == 3
            assert said in done.stderr
        assert call("save", name).returncode == 0
        there = call("up", "--at", name)
        assert there.returncode == 3
        assert "would be lost" in there.stderr
        assert name in call("saved").stdout
        call("down")
        near = call("up", "--at", name[:-1] + "x")
        assert near.returncode == 3
        assert f"did you mean '{name}'" in near.stderr
        meta = paths.cache() / saved.KIND / name / saved.META
        good = json.loads(meta.read_text())
        for field, value, said in (("key", "other", "another version"), ("tier", "other", "tier")):
            meta.write_text(json.dumps(good | {field: value}))
            done = call("up", "--at", name)
            assert done.returncode == 3
            assert said in done.stderr
            assert said in call("saved").stdout
        meta.write_text(json.dumps(good))
        assert call("up", "--at", name).returncode == 0
        assert json.loads(call("status", "--json").stdout)["topology"] == str(small)
        assert call("exec", "inside", "--", "ping", "-c1", "-W1", "203.0.113.50").returncode == 0
    finally:
        assert call("forget", name).returncode == 0
    assert call("forget", name).returncode == 3


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_is_said_and_leaves_nothing(small: Path, tmp_path: Path) -> None:
    kept, lab = paths.cache() / saved.KIND, " ".join(LAB)
    script = f"""
    mkdir -p {kept}; mount -t tmpfs -o size=100m none {kept} || exit 99
    {lab} up --topology {small} >/dev/null || exit 98
    {lab} exec outside -- sh -c 'head -c 150M /dev/urandom >/srv/large'
    {lab} save full; echo "status $?"; ls -A {kept}; {lab} exec outside -- ls /srv; {lab} down
    """
    env = {k: v for k, v in os.environ.items() if k != "HOMELAB_LAB"} | {"HOMELAB_STATE": str(tmp_path / "s")}
    argv = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=CHECKOUT, env=env, check=False)
    assert "the cache is full" in done.stderr
    assert "nothing half-done is left" in done.stderr
    assert done.stdout.split()[:3] == ["status", "3", "large"], done.stdout


@pytest.mark.nightly
def test_as_an_ordinary_user() -> None:
    done = rider.run(ROOTLESS)
    assert done.returncode == 0, done
    before, was, after, pong, owner, awk, *rest = [
        line for line in done.stdout.splitlines() if "Starting" not in line
    ]
    assert (before, was) == (after, "as it was saved in ours")
    assert "pong from tequila" in pong
    assert (owner, awk, rest) == ("mia", "no awk", [])
