"""Which commands only read: the list, and what it sees through."""

from __future__ import annotations

import shlex

import pytest

from homelab import only_reads
from homelab import read_only_commands as known
from homelab.engine import HAS_ENGINE, over_ssh
from homelab.portrait import questions
from homelab.resources import engine
from homelab.runner import check_machine
from homelab.wsl import interop, powershell

READS = """
tailscale status --json
tailscale --socket=/run/t.sock debug prefs
sudo tailscale debug via 1 10.0.0.0/24
sudo -n -u root ip -json route show
ip -4 -br addr
docker ps -a
docker --context far ps
docker compose -f /srv/x/compose.yaml -p x config --format json
docker compose -f up config
docker exec -i web cat /etc/hostname
docker compose -f /srv/x/compose.yaml exec -T tailscale tailscale status --json
docker run --rm --pull=never --network=none --gpus=all ubuntu nvidia-smi -L
timeout -k 1 5 docker info
env LANG=C df -h
find /srv -maxdepth 1 -type f
iptables -w -t mangle -S INPUT
iptables -w -nvxL METER
restic -r /b -p /k snapshots --json --no-lock
sh -c 'cat /etc/os-release | grep ID 2>/dev/null'
bash -o pipefail -c 'sudo openssl pkey -in k -pubout | openssl sha256 -r'
bash -c 'exec 3<>/dev/tcp/10.0.0.1/80'
git -C /x config --local --get remote.origin.url
curl -fsS -m 5 -o /dev/null http://x
tailscale ssh u@h 'id -un'
psql -c 'select 1'
sysctl -n net.ipv4.ip_forward
ls
""".strip().splitlines()
CHANGES = """
rm -rf /x
/bin/rm x
sudo rm x
sudo -u root tailscale up
tailscale set --advertise-exit-node
tailscale serve --bg 80
tailscale ssh u@h
tailscale ssh u@h 'touch x'
ip route add default via 10.0.0.1
ip link set eth0 down
docker rm -f web
docker compose -f config up -d
docker compose up --dry-run
docker exec web sh -c 'echo x > /etc/y'
docker run -d ubuntu
docker run --rm ubuntu
docker run --rm --pull=never -v /:/host ubuntu rm /host/x
docker pull x
timeout 5 reboot
env LANG=C rm x
xargs rm
find / -delete
find / -exec rm {} +
sed -i s/a/b/ f
sort -o f f
iptables -w -A INPUT -j DROP
iptables -w -P INPUT DROP
restic -r /b -p /k snapshots --json
restic -r /b -p /k forget x
sh -c 'cat x > y'
sh -c 'cat x; rm y'
sh -c 'echo $(rm x)'
sh -c 'eval "$X"'
sh -c '"$X"'
sh x.sh
sh
curl -X POST http://x
curl -d a=b http://x
curl -o f http://x
git -C /x config user.name me
psql -c 'drop table x'
sysctl -w net.ipv4.ip_forward=1
sysctl net.ipv4.ip_forward=1
systemctl start docker
apt-get install x
python3 -c 'import os'
tee x
mktemp
""".strip().splitlines()


@pytest.mark.parametrize("line", READS)
def test_reads(line: str) -> None:
    assert only_reads.command(shlex.split(line)) == ""


@pytest.mark.parametrize("line", CHANGES)
def test_may_change_something(line: str) -> None:
    assert only_reads.command(shlex.split(line))


def test_scripts_on_standard_input() -> None:
    assert only_reads.command(["sh", "-s"], "cat x") == ""
    assert only_reads.command(["sh", "-s"], "rm x")
    assert only_reads.command(["sudo", "sftp", "-q", "-b", "-", "h"], "df /x\n") == ""
    assert only_reads.command(["sudo", "sftp", "-q", "-b", "-", "h"], "put x\n")


@pytest.mark.parametrize(
    ("argv", "reads"),
    [
        (["wsl.exe", "--list", "--verbose"], True),
        (["wsl.exe", "--shutdown"], False),
        (["netsh.exe", "interface", "portproxy", "show", "v4tov4"], True),
        (["netsh.exe", "interface", "portproxy", "add", "v4tov4"], False),
        (["schtasks.exe", "/Query", "/TN", "x", "/XML"], True),
        (["schtasks.exe", "/Create", "/TN", "x"], False),
        (powershell.argv(powershell.USER), True),
        (powershell.argv(powershell.ADAPTERS), True),
        (powershell.argv(powershell.firewall_rules("Homelab mqtt 1883")), True),
        (powershell.argv(powershell.new_firewall_rule("x", 1)), False),
        (powershell.argv(powershell.set_service("Tailscale", "Manual", "Stopped")), False),
        (powershell.argv(powershell.elevated("cmd.exe", "/c del x")), False),
        (powershell.argv("& 'x.exe'"), False),
    ],
)
def test_windows_programs_through_interop(argv: list[str], reads: bool) -> None:
    assert (only_reads.command(["sh", "-c", interop.SCRIPT, "interop", "15", *argv]) == "") is reads


def test_programs_of_ours_only_whole() -> None:
    for where, _ in known.PROGRAMS:
        text = known.program(where)
        shell = not text.lstrip().startswith(("import", "from", '"""'))
        if shell:
            assert only_reads.command(["sh", "-c", text, "x", "15", "ls"]) == ""
            assert only_reads.command(["sh", "-c", text + "\nrm x", "x", "15", "ls"])
        else:
            assert (
                only_reads.command(["python3", "-c", text, "1"])
                == only_reads.command(["python3", "-"], text)
                == ""
            )
            assert only_reads.command(["python3", "-c", text + "\nopen('x', 'w')"])


def test_requests() -> None:
    assert only_reads.docker_api("GET", "/containers/json") == ""
    assert only_reads.docker_api("POST", "/containers/x/start")
    assert only_reads.admin_api("GET", "/api/v2/tailnet/-/devices") == ""
    assert only_reads.admin_api("POST", "/api/v2/tailnet/-/acl/validate") == ""
    assert only_reads.admin_api("POST", "/api/v2/tailnet/-/acl")


def test_every_line_of_the_list_says_why() -> None:
    assert all(words and why for words, why, *_ in known.READS)


@pytest.mark.parametrize(
    "script",
    [over_ssh.LOOK, check_machine.LOOK, HAS_ENGINE, engine.LOOK, questions.DOCKER],
    ids=["engine over ssh", "check", "has engine", "the resource", "portrait"],
)
def test_looks_of_ours_only_read(script: str) -> None:
    assert only_reads.command(["sh", "-c", script, "sh", "/run/docker.sock"]) == ""
