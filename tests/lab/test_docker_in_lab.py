"""The engine in a machine of the lab: as typed, as quick, and no further into the host than it needs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dockers
import pytest
from conftest import Lab, Owned, wait_for
from dockers import docker

needs_groups = pytest.mark.skipif(os.geteuid() != 0, reason="without root there are no control groups")
PORT = "8096"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The default topology with Tequila's engine running."""
    owned = Owned(state=tmp_path_factory.mktemp("d"))
    lab = owned.lab
    assert not any(m["docker"] for m in lab.ask("status")["machines"].values())
    assert lab.run("tequila", "sudo", "service", "docker", "status").returncode == 3
    start = time.monotonic()
    dockers.begin(lab, "tequila")
    dockers.tell("engine started and an image imported", time.monotonic() - start)
    lab.says("tequila", "docker", "run", "-d", "--name", "web", "-p", f"{PORT}:80", *dockers.PAGE)
    yield lab
    owned.end()
    assert not list(owned.state.iterdir()), "the lab left something in its state folder"


def test_the_engine_is_ready_soon(home: Lab) -> None:
    home.says("tequila", "sudo", "service", "docker", "stop")
    assert not home.machine("tequila")["docker"]
    start = time.monotonic()
    assert home.says("tequila", "sudo", "service", "docker", "start") == "Starting Docker: it answers."
    taken = time.monotonic() - start
    dockers.tell("engine ready, with an image and a container", taken)
    assert taken < 5  # idle: 0.6 s
    assert home.says("tequila", "sudo", "service", "docker", "start") == "Docker is running already."
    assert home.says("tequila", "service", "docker", "status") == "Docker is running."
    home.says("tequila", "docker", "start", "web")


def test_status_says_where_an_engine_answers(home: Lab) -> None:
    machines = home.ask("status")["machines"]
    assert [name for name, m in machines.items() if m["docker"]] == ["tequila"]
    line = next(row for row in home.cli("status").stdout.splitlines() if row.startswith("tequila "))
    assert line.endswith("Docker")


def test_machines_without_an_engine_have_no_docker(home: Lab) -> None:
    for words in (["docker", "version"], ["dockerd"], ["containerd"], ["runc", "--version"]):
        assert home.run("phone", *words).returncode == 127
    assert "unrecognized service" in home.run("phone", "service", "docker", "start").stderr
    assert home.run("phone", "ls", "/etc/docker/daemon.json", "/sys/fs/cgroup/memory").returncode == 2


def test_a_published_port_is_reached_from_another_machine(home: Lab) -> None:
    wait_for("the page", lambda: _page(home) == "hello\n")
    assert home.run("visitor", "curl", "-m", "2", f"203.0.113.10:{PORT}").returncode == 28  # behind two NATs


def _page(lab: Lab, port: str = PORT) -> str:
    """What another machine of the home gets from a published port of Tequila's."""
    return lab.run("windows", "curl", "-sS", "-m", "3", f"172.28.16.10:{port}").stdout


def test_containers_trust_what_their_machine_trusts(home: Lab) -> None:
    mine = home.says("tequila", "cat", "/etc/ssl/certs/ca-certificates.crt")
    theirs = docker(home, "tequila", "run", "--rm", "busybox", "cat", "/etc/ssl/certs/ca-certificates.crt")
    assert theirs.stdout.strip() == mine
    told = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
    assert told in docker(home, "tequila", "run", "--rm", "busybox", "env").stdout.splitlines()
    assert told in docker(home, "tequila", "exec", "web", "env").stdout.splitlines()
    own = docker(home, "tequila", "run", "--rm", "-e", "SSL_CERT_FILE=/mine", "busybox", "env").stdout
    assert "SSL_CERT_FILE=/mine" in own.splitlines()
    # A real client, the machine's own, in a container: its certificate is checked, and it has no flags for it.
    shown = [
        f"-v{folder}:{folder}:ro" for folder in ("/usr", "/lib", "/lib64", "/.host") if _there(home, folder)
    ]
    words = ["run", "--rm", *shown, "busybox", "/usr/bin/curl", "-sS", "-m", "10", "https://whatismyip.lab"]
    assert docker(home, "tequila", *words).stdout == "203.0.113.10\n"


def _there(lab: Lab, folder: str) -> bool:
    return lab.run("tequila", "test", "-e", folder).returncode == 0


def test_a_container_learns_of_a_tailnet_that_is_joined_later(home: Lab) -> None:
    name = "phone.snow-burbot.ts.net"
    assert docker(home, "tequila", "exec", "web", "nslookup", "whatismyip.lab").returncode == 0
    assert docker(home, "tequila", "exec", "web", "nslookup", name).returncode == 1
    home.ask("enroll")
    address = home.machine("phone")["tailnet_ip"]
    wait_for("MagicDNS", lambda: address in docker(home, "tequila", "exec", "web", "nslookup", name).stdout)


@needs_groups
def test_a_container_that_takes_too_much_is_ended(home: Lab) -> None:
    done = docker(home, "tequila", "run", "--name", "greedy", "-m", "32m", *dockers.GREEDY)
    assert done.returncode == 137
    assert docker(home, "tequila", "inspect", "-f", "{{.State.OOMKilled}}", "greedy").stdout == "true\n"
    assert docker(home, "tequila", "run", "--rm", *dockers.GREEDY).stdout == "done\n"


def test_containers_outlive_a_killed_engine(home: Lab) -> None:
    pid = docker(home, "tequila", "inspect", "-f", "{{.State.Pid}}", "web").stdout
    home.says("tequila", "sh", "-c", "kill -9 $(cat /run/docker.pid)")
    wait_for("the engine to be gone", lambda: not home.machine("tequila")["docker"])
    assert _page(home) == "hello\n"
    start = time.monotonic()
    home.says("tequila", "sudo", "service", "docker", "start")
    dockers.tell("engine ready after kill -9", time.monotonic() - start)
    assert docker(home, "tequila", "inspect", "-f", "{{.State.Pid}}", "web").stdout == pid
    assert _page(home) == "hello\n"


def test_what_a_killed_engine_left_does_not_keep_it_down(home: Lab) -> None:
    home.says("tequila", "sh", "-c", "kill -9 $(cat /run/docker.pid)")
    wait_for("its end", lambda: home.run("tequila", "pgrep", "-x", "dockerd|containerd").returncode == 1)
    # By the time that somebody starts it again the numbers belong to others: here, to pid 1.
    home.says("tequila", "sh", "-c", "echo 1 | tee /run/docker.pid /run/docker/containerd/containerd.pid")
    assert home.says("tequila", "sudo", "service", "docker", "start") == "Starting Docker: it answers."
    assert _page(home) == "hello\n"


@pytest.mark.nightly
def test_a_stopped_engine_takes_its_containers_along(home: Lab) -> None:
    run = [
        "run",
        "-d",
        "--init",
        "--restart",
        "unless-stopped",
        "--name",
        "kept",
        "-p",
        "8097:80",
        *dockers.PAGE,
    ]
    run.remove("--init")
    assert docker(home, "tequila", *run).returncode == 0
    home.says("tequila", "sudo", "service", "docker", "stop")
    assert home.run("tequila", "pgrep", "-f", "containerd-shim").returncode == 1
    assert '"live-restore": true' in home.says("tequila", "cat", "/etc/docker/daemon.json")
    home.says("tequila", "sudo", "service", "docker", "start")
    wait_for("the one that is to be kept", lambda: _page(home, "8097"))
    names = docker(home, "tequila", "ps", "--format", "{{.Names}}").stdout.split()
    assert names == ["kept"]  # as without a restart policy anywhere
    docker(home, "tequila", "rm", "-f", "kept")
    docker(home, "tequila", "start", "web")


@pytest.mark.nightly
def test_an_engine_that_does_not_start_says_why(home: Lab) -> None:
    home.says("tequila", "sudo", "service", "docker", "stop")
    home.says(
        "tequila",
        "sh",
        "-c",
        "cp /etc/docker/daemon.json /tmp/kept; echo '{\"dns\": 7}' >/etc/docker/daemon.json",
    )
    done = home.run("tequila", "sudo", "service", "docker", "start")
    assert done.returncode == 1
    assert "Starting Docker failed: " in done.stderr
    assert "daemon.json" in done.stderr
    assert "Hint: the whole log is in /var/log/docker.log" in done.stderr
    home.says("tequila", "cp", "/tmp/kept", "/etc/docker/daemon.json")
    home.says("tequila", "sudo", "service", "docker", "start")
    docker(home, "tequila", "start", "web")


@needs_groups
def test_the_hosts_devices_cannot_be_opened(home: Lab) -> None:
    numbers = _a_disk()
    for where in ("tequila", "container"):
        inside = ["docker", "exec", "web"] if where == "container" else []
        script = f"rm -f /tmp/disk; busybox mknod /tmp/disk b {numbers} && busybox dd if=/tmp/disk count=1"
        script = script if inside else script.replace("busybox ", "")
        done = home.run("tequila", *inside, "sh", "-c", script)
        assert done.returncode == 1
        assert "Operation not permitted" in done.stderr
    refused = docker(home, "tequila", "run", "--rm", "--privileged", "busybox")
    assert "operation not permitted" in refused.stderr
    memory = home.run("tequila", "sh", "-c", "mknod /tmp/mem c 1 1; head -c1 /tmp/mem")
    assert "Operation not permitted" in memory.stderr


def _a_disk() -> str:
    """Major and minor number of one of the host's block devices."""
    for device in sorted(Path("/sys/class/block").iterdir()):
        if int((device / "size").read_text()):
            return (device / "dev").read_text().strip().replace(":", " ")
    pytest.skip("this host has no disk")


@needs_groups
def test_the_hosts_control_groups_are_out_of_sight(home: Lab) -> None:
    """By a hierarchy's own `release_agent` a machine could have the host run a program."""
    script = (
        "cat /proc/self/cgroup; ls /sys/fs/cgroup/*/release_agent; mkdir -p /tmp/g; "
        "mount -t cgroup -o memory none /tmp/g && ls /tmp/g/release_agent; mount -t cgroup -o none,name=own none /tmp/g"
    )
    done = home.run("tequila", "sh", "-c", script)
    paths = [line.split(":")[2] for line in done.stdout.splitlines() if line.count(":") == 2]
    assert paths
    assert set(paths) <= {"/", "/init"}
    assert "release_agent" not in done.stdout
    assert done.returncode == 32


def test_a_second_disk(home: Lab) -> None:
    assert home.says("tequila", "findmnt", "-no", "TARGET", "/mnt/backup") == "/mnt/backup"
    assert home.says("tequila", "ls", "-A", "/mnt/backup") == ""
    for repository in ("/mnt/backup/restic", "sftp:demoserver:/srv/restic"):
        if repository.startswith("sftp"):
            _let_in(home)
        env = {"RESTIC_PASSWORD": "secret", "RESTIC_REPOSITORY": repository}
        home.says("tequila", "restic", "init", env=env)
        home.says("tequila", "restic", "backup", "/etc/hostname", env=env)
        assert "/etc/hostname" in home.says("tequila", "restic", "ls", "latest", env=env)
    assert home.says("demoserver", "ls", "/srv/restic/snapshots")


def _let_in(lab: Lab) -> None:
    """Let Tequila's key into the rented server, as its owner would."""
    lab.says("demoserver", "sudo", "service", "ssh", "start")
    script = "mkdir -p -m 700 /root/.ssh; ssh-keygen -qN '' -t ed25519 -f /root/.ssh/id_ed25519; cat /root/.ssh/*.pub"
    key = lab.says("tequila", "sh", "-c", script)
    lab.says(
        "demoserver", "sh", "-c", f"mkdir -p -m 700 /root/.ssh; echo '{key}' >/root/.ssh/authorized_keys"
    )
    known = "ssh -o StrictHostKeyChecking=accept-new demoserver true"
    lab.says(
        "tequila",
        "sh",
        "-c",
        f"grep -q demoserver /etc/hosts || echo 203.0.113.60 demoserver >>/etc/hosts; {known}",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["restic", "version"], "restic 0."),
        (["ffmpeg", "-version"], "ffmpeg version"),
        (["ffprobe", "-version"], "ffprobe version"),
        (["psql", "--version"], "psql (PostgreSQL)"),
        (["ssh-keygen", "--help"], "usage: ssh-keygen"),
        (["mosquitto_pub", "--help"], "mosquitto_pub is a simple"),
        (["mosquitto_sub", "--help"], "mosquitto_sub is a simple"),
        (["redis-server", "--version"], "Redis server v="),
        (["docker-registry", "--version"], "docker-registry github.com"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_programs_of_services_and_backups_run_everywhere(home: Lab, words: list[str], said: str) -> None:
    done = home.run("demoserver", *words)
    assert said in done.stdout + done.stderr
