"""How quick and how small the lab is, against the numbers that the README promises and against mininet."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.lab]
CHECKOUT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, "-m", "homelab.lab"]
ROUNDS = 3
Call = Callable[..., subprocess.CompletedProcess[str]]

SEVEN_HOSTS = """
networks:
  internet: {prefix: 203.0.113.0/24, public: true}
  home: {prefix: 192.168.77.0/24}
  flat: {prefix: 192.168.88.0/24}
  vpc: {prefix: 10.20.0.0/24}
machines:
  router1: {role: router, addresses: {internet: 203.0.113.10, home: 192.168.77.1}}
  router2: {role: router, addresses: {internet: 203.0.113.20, flat: 192.168.88.1}}
  router3: {role: router, addresses: {internet: 203.0.113.30, vpc: 10.20.0.1}}
  host1: {role: host, addresses: {home: 192.168.77.10}, gateway: router1}
  host2: {role: host, addresses: {flat: 192.168.88.10}, gateway: router2}
  host3: {role: host, addresses: {vpc: 10.20.0.10}, gateway: router3}
  host4: {role: host, addresses: {internet: 203.0.113.50}}
"""
# The same wires with mininet: seven hosts, four Linux bridges.
MININET = """
import time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
start = time.monotonic()
net = Mininet(switch=LinuxBridge, controller=None)
hosts = [net.addHost(f"h{n}") for n in range(7)]
switches = [net.addSwitch(f"s{n}") for n in range(4)]
for host, places in zip(hosts, ((0, 1), (0, 2), (0, 3), (1,), (2,), (3,), (0,))):
    for place in places:
        net.addLink(host, switches[place])
net.start()
up = time.monotonic()
assert "1 received" in hosts[0].cmd(f"ping -c1 -W2 {hosts[1].IP()}"), "mininet's hosts do not reach each other"
start_down = time.monotonic()
net.stop()
print(f"{up - start:.3f} {time.monotonic() - start_down:.3f}")
"""


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    env = {**os.environ, "HOMELAB_STATE": str(tmp_path / "s")}

    def do(*argv: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*LAB, *map(str, argv)], capture_output=True, text=True, cwd=CHECKOUT, env=env)
        assert done.returncode == 0, done
        return done

    do("build")
    yield do
    do("down")


def timed(call: Call, *argv: str | Path) -> float:
    start = time.monotonic()
    call(*argv)
    return time.monotonic() - start


def report(what: str, value: float, limit: float, unit: str = "s") -> None:
    """Print a number against its limit, and insist on it where nobody else uses the machine."""
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(
        f"\n{what}: {value:.2f} {unit} (limit {limit:g} {unit}, {value / limit:.2f} of it; load {busy:.1f})"
    )
    if value >= limit and busy > cores:
        pytest.skip(
            f"{what}: {value:.2f} {unit}, but others keep the machine busy (load {busy:.1f}, {cores} cores)"
        )
    assert value < limit, what


def test_up_enrolled_and_down(call: Call) -> None:
    ups, downs = [], []
    for _ in range(ROUNDS):
        ups.append(timed(call, "up", "--enrolled"))
        downs.append(timed(call, "down"))
    report("lab up --enrolled, preflight included", statistics.median(ups), 2.5)
    report("lab down", statistics.median(downs), 1)


def test_everything_is_gone_after_a_kill(call: Call) -> None:
    took = {}
    for victim in ("owner_pid", "pid"):
        call("up", "--enrolled")
        status = json.loads(call("status", "--json").stdout)
        members = tree(status["owner_pid"])
        assert len(members) > 20
        start = time.monotonic()
        os.kill(status[victim], signal.SIGKILL)
        while any(running(pid) for pid in members) and time.monotonic() < start + 10:
            time.sleep(0.005)
        took[victim] = time.monotonic() - start
        call("down")
    report("all gone after kill -9 of the owner", took["owner_pid"], 1)
    report("all gone after kill -9 of pid 1", took["pid"], 1)


def test_the_default_lab_is_small(call: Call) -> None:
    call("up", "--enrolled")
    owner = json.loads(call("status", "--json").stdout)["owner_pid"]
    total = 0
    for pid in tree(owner):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])  # type: ignore[index]
        except (FileNotFoundError, ProcessLookupError, TypeError):
            continue
    report("sum of PSS of the default lab", total / 1024, 400, "MB")


def test_status_is_quick(call: Call) -> None:
    call("up", "--enrolled")
    report("lab status", statistics.median(timed(call, "status") for _ in range(ROUNDS)), 0.5)


def test_thirty_nodes(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "thirty.yaml"
    file.write_text(thirty())
    report("30 nodes enrolled, each seeing all", timed(call, "up", "--enrolled", "--topology", file), 6)


def thirty() -> str:
    """A topology of five homes with six nodes each."""
    networks = ["internet: {prefix: 203.0.113.0/24, public: true}"]
    machines = [
        "cloud: {role: cloud, addresses: {internet: 203.0.113.2},"
        " also: {internet: [203.0.113.3, 203.0.113.4, 203.0.113.53]}}"
    ]
    for home in range(5):
        networks.append(f"home{home}: {{prefix: 192.168.{home}.0/24}}")
        machines.append(
            f"router{home}: {{role: router, addresses: {{internet: 203.0.113.{10 + home}, "
            f"home{home}: 192.168.{home}.1}}, nat: cone}}"
        )
        machines += [
            f"n{home}x{n}: {{role: node, addresses: {{home{home}: 192.168.{home}.{10 + n}}}, "
            f"gateway: router{home}, tailscale: installed}}"
            for n in range(6)
        ]
    return (
        "networks:\n  " + "\n  ".join(networks) + "\nmachines:\n  " + "\n  ".join(machines) + "\n"
        "cloud: {machine: cloud, derp: [203.0.113.3, 203.0.113.4], dns: 203.0.113.53,"
        " tailnet: thirty.ts.net, owner: alice@example.com}\n"
    )


def test_laying_seven_hosts_and_four_bridges_against_mininet(call: Call, tmp_path: Path) -> None:
    theirs_up, theirs_down = mininet(tmp_path)
    file = tmp_path / "seven.yaml"
    file.write_text(SEVEN_HOSTS)
    ours, whole, downs = [], [], []
    for _ in range(ROUNDS):
        whole.append(timed(call, "up", "--topology", file))
        state = Path(json.loads(call("status", "--json").stdout)["state"])
        # What mininet's number counts as well: from the first process to the last address.
        laid = re.search(r"([\d.]+) addresses and rules", (state / "init.log").read_text())
        assert laid
        ours.append(float(laid[1]))
        downs.append(timed(call, "down"))
    print(
        f"\nlaying 7 hosts and 4 bridges: {statistics.median(ours):.2f} s, mininet {theirs_up:.2f} s "
        f"(ratio {statistics.median(ours) / theirs_up:.2f}); the whole command with its preflight "
        f"{statistics.median(whole):.2f} s; down {statistics.median(downs):.2f} s, mininet {theirs_down:.2f} s"
    )
    assert statistics.median(ours) <= theirs_up


def mininet(tmp_path: Path) -> tuple[float, float]:
    """Seconds up and down, the median of rounds; Debian's package, unpacked and never installed."""
    if os.geteuid():
        pytest.skip("mininet needs root")
    if not Path("/usr/bin/python3").exists() or not shutil.which("apt-get"):
        pytest.skip("mininet comes as Debian's package")
    got = subprocess.run(
        ["apt-get", "download", "mininet", "bridge-utils"], cwd=tmp_path, capture_output=True, text=True
    )
    debs = list(tmp_path.glob("*.deb"))
    if len(debs) < 2:
        pytest.skip(f"mininet cannot be downloaded: {got.stderr.strip()[-200:]}")
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, tmp_path / "mn"], check=True)
    unpacked, tools = tmp_path / "mn" / "usr", packages()
    env = {
        "PATH": f"{unpacked}/bin:{unpacked}/sbin:{tmp_path}/mn/sbin:{tools}/sbin:{tools}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": f"{unpacked}/lib/python3/dist-packages",
        "LD_LIBRARY_PATH": ":".join(str(p) for p in (tools / "lib").glob("*-linux-gnu*")),
        "HOME": str(tmp_path),
    }
    ups, downs = [], []
    for _ in range(ROUNDS):
        # In namespaces of its own, for it lays its bridges in the host's network otherwise.
        done = subprocess.run(
            ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "/usr/bin/python3", "-c", MININET],
            capture_output=True,
            text=True,
            env=env,
        )
        if done.returncode:
            pytest.skip(f"mininet does not run here: {done.stderr.strip()[-300:]}")
        up, down = map(float, done.stdout.split())
        ups.append(up)
        downs.append(down)
    return statistics.median(ups), statistics.median(downs)


def packages() -> Path:
    """The lab's unpacked packages, for mininet needs `ping`, which this machine may lack."""
    from homelab.lab import packages as ours

    return ours.place() / "usr"


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, to_do = [], [pid]
    while to_do:
        here = to_do.pop()
        found.append(here)
        to_do += children.get(here, [])
    return found


def running(pid: int) -> bool:
    """Whether `pid` is a process that is not over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
