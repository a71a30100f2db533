"""Being in a machine feels like being there, and nothing in it reaches the reader's files."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from conftest import CHECKOUT, LAB, Lab, Owned, wait_for

from homelab import labsocket
from homelab.errors import LabError

NODES = {"tequila", "phone", "router", "router2", "demoserver", "fooocus"}


def test_every_node_is_in_the_tailnet_and_sees_the_others(lab: Lab) -> None:
    machines = lab.ask("status")["machines"]
    assert {n for n, m in machines.items() if m["tailscale"] == "Running"} - {"relay"} == NODES
    assert len({machines[n]["tailnet_ip"] for n in NODES}) == len(NODES)
    for name in NODES:
        peers = json.loads(lab.says(name, "tailscale", "status", "--json"))["Peer"].values()
        assert {p["HostName"] for p in peers if p["Online"]} == NODES - {name}


def test_the_status_document_is_whole(lab: Lab) -> None:
    document = lab.ask("status")
    assert document["schema"] == 1
    assert document["socket"] == lab.socket
    assert document["networks"]["wsl"] == {"prefix": "172.28.16.0/20"}
    tequila = document["machines"]["tequila"]
    assert tequila["addresses"] == {"wsl": "172.28.16.10/20"}
    assert (tequila["gateway"], tequila["nat"], tequila["docker"]) == ("172.28.16.1", None, False)
    assert document["machines"]["home_router"]["nat"] == "cone"
    assert document["machines"]["cloud"]["stand_in"].startswith("Tailscale")
    assert Path(document["ca"]).read_text().startswith("-----BEGIN CERTIFICATE")
    pid1 = Path(f"/proc/{document['pid']}/status").read_text()
    assert "Name:\ttini" in pid1
    assert Path(f"/proc/{document['owner_pid']}").exists()


def test_a_machine_knows_who_it_is(lab: Lab) -> None:
    assert lab.says("home_router", "hostname") == "home-router"
    assert lab.says("tequila", "sh", "-c", 'echo "$HOME $USER $PWD"') == "/root root /root"
    assert "/usr/sbin" in lab.says("tequila", "printenv", "PATH").split(":")
    assert lab.says("tequila", "getent", "hosts", "tequila").split()[0] in ("127.0.1.1", "100.124.7.25")
    assert lab.says("visitor", "cat", "/etc/resolv.conf") == "nameserver 203.0.113.53"
    assert lab.says("phone", "id", "-u") == "0"


def test_a_machine_sees_only_its_own_processes(lab: Lab) -> None:
    shown = lab.says("phone", "ps", "-e", "-o", "pid=,args=").splitlines()
    assert shown[0].split() == ["1", "init"]
    assert [line.split()[1] for line in shown[1:]] == ["/usr/sbin/tailscaled", "ps"]


def test_names_of_the_tailnet_and_of_the_world_are_known(lab: Lab) -> None:
    ip = lab.machine("phone")["tailnet_ip"]
    assert lab.says("tequila", "getent", "ahostsv4", "phone").split()[0] == ip
    assert lab.ask("resolve", machine="tequila", host="phone")["addresses"][0] == ip
    assert lab.ask("resolve", machine="visitor", host="login.tailscale.com")["addresses"] == ["203.0.113.2"]
    with pytest.raises(LabError, match="not known here"):
        lab.ask("resolve", machine="visitor", host="phone")


def test_https_is_trusted_by_the_programs_of_a_machine(lab: Lab) -> None:
    assert lab.says("phone", "curl", "-sS", "https://whatismyip.lab") == "203.0.113.20"
    ask = "import urllib.request as u; print(u.urlopen('https://whatismyip.lab').read().decode())"
    assert lab.says("tequila", "python3", "-c", ask) == "203.0.113.10"


def test_the_first_packets_go_by_relay_and_then_directly(lab: Lab) -> None:
    said = lab.says("phone", "tailscale", "ping", "--c=20", "tequila").splitlines()
    assert "via 203.0.113.10:" in said[-1], said


def test_streams_and_status_pass(lab: Lab) -> None:
    script = "cat; echo wrong >&2; exit 7"
    done = lab.run("iot", "sh", "-c", script, stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in", "wrong\n")
    assert lab.run("iot", "sh", "-c", "kill -9 $$").returncode == 137
    missing = lab.run("iot", "nosuch")
    assert (missing.returncode, missing.stderr) == (127, "nosuch: command not found\n")
    assert lab.run("iot", "/etc").returncode == 126


def test_the_command_line_passes_them_too(lab: Lab) -> None:
    done = lab.cli("exec", "iot", "--", "sh", "-c", "cat; echo wrong >&2; exit 7", input="in")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in", "wrong\n")
    unknown = lab.cli("exec", "nosuch", "--", "true")
    assert unknown.returncode == 3
    assert "no machine 'nosuch'" in unknown.stderr
    assert "Hint: known: ca_tor_wg_001, cloud, db, demoserver" in unknown.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("exec", "phon", "--", "true"), "there is no machine 'phon'\nHint: did you mean 'phone'?\n"),
        (("shell", "phon"), "there is no machine 'phon'\nHint: did you mean 'phone'?\n"),
        (("link", "phon"), "there is no machine 'phon'\nHint: did you mean 'phone'?\n"),
        (
            ("link", "flat_router", "--network", "flat_lam"),
            "flat_router is not on 'flat_lam'\nHint: did you mean 'flat_lan'?\n",
        ),
        (
            ("link", "flat_router", "--network", "vpc"),
            "flat_router is not on 'vpc'\nHint: it is on: internet, flat_lan\n",
        ),
        (("link", "db", "--nat", "cone"), "db does no NAT on vpc\nHint: name a router and its way out\n"),
        (("link", "db", "--loss", "200"), "db: loss_pct: 200.0 is out of range\nHint: 0 to 100 per cent\n"),
        (("link", "db", "--delay", "nan"), "db: delay_ms: nan is out of range\nHint: 0 to 10000 ms\n"),
    ],
)
def test_what_is_refused_before_it_begins_ends_with_3(lab: Lab, argv: tuple[str, ...], said: str) -> None:
    before = lab.ask("status")["links"]
    done = lab.cli(*argv, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", said)
    assert lab.ask("status")["links"] == before


def test_other_people_can_run_commands(lab: Lab) -> None:
    lab.says("iot", "useradd", "-m", "mia")
    assert lab.says("iot", "sh", "-c", "id -un; pwd; echo $HOME", user="mia", cwd="/home/mia").split() == [
        "mia",
        "/home/mia",
        "/home/mia",
    ]
    assert lab.says("iot", "sudo", "-u", "mia", "id", "-un") == "mia"
    assert lab.says("iot", "sudo", "X=1", "printenv", "X") == "1"
    with pytest.raises(LabError, match="no user 'nosuch'"):
        lab.run("iot", "true", user="nosuch")


def test_who_is_in_the_group_sudo_may_become_root_and_nobody_else(lab: Lab) -> None:
    lab.says("iot", "useradd", "-m", "-G", "sudo", "ida")
    lab.says("iot", "useradd", "-m", "jo")
    assert lab.says("iot", "sudo", "-n", "id", "-u", user="ida") == "0"
    assert lab.says("iot", "sudo", "-n", "-u", "jo", "id", "-un", user="ida") == "jo"
    assert lab.says("iot", "sudo", "sh", "-c", "echo $HOME $SUDO_USER", user="ida") == "/root ida"
    refused = lab.run("iot", "sudo", "-n", "id", "-u", user="jo")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert lab.run("iot", "/usr/local/lib/homelab/become", "true", user="jo").returncode == 126


def test_a_machine_can_be_shown_this_checkout_and_runs_it(tmp_path: Path) -> None:
    topology = tmp_path / "t.yaml"
    topology.write_text(
        "networks: {lan: {prefix: 192.168.77.0/24}}\n"
        "machines: {desk: {role: desk, runbook: true, addresses: {lan: 192.168.77.2}},\n"
        "  other: {role: other, addresses: {lan: 192.168.77.3}}}\n"
    )
    owned = Owned("--topology", str(topology), state=tmp_path / "s")
    try:
        owned.lab.says("desk", "useradd", "-m", "mia")
        runbook = [sys.executable, "-P", "-m", "homelab", "check", "--params", "home.yaml"]
        home = {"user": "mia", "cwd": "/home/mia"}
        owned.lab.says("desk", "sh", "-c", "echo 'world: mine' >home.yaml", **home)
        assert "the params are good" in owned.lab.says("desk", *runbook, **home)
        assert owned.lab.run("desk", "touch", f"{CHECKOUT}/new").returncode == 1, "it is read-only"
        assert owned.lab.run("other", "ls", str(CHECKOUT)).returncode == 2, "the others do not see it"
    finally:
        owned.end()


def test_a_client_that_leaves_takes_its_command_along(lab: Lab) -> None:
    with Path(os.devnull).open("r+b") as nothing:
        request = {"op": "run", "machine": "iot", "argv": ["sh", "-c", "sleep 1234 & sleep 1234"]}
        with labsocket.ask(lab.socket, request, [nothing.fileno()] * 3) as connection:
            connection.answer()
            wait_for("two sleeps", lambda: lab.run("iot", "pgrep", "-fc", "^sleep 1234").stdout == "2\n")
    wait_for("no sleep", lambda: lab.run("iot", "pgrep", "-f", "^sleep 1234").returncode == 1)


def test_a_shell_has_a_prompt_and_a_terminal(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [*LAB, "shell", "tequila"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_LAB": lab.socket, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    seen = _until(ours, "root@tequila:~#")
    os.write(ours, b"sleep 99\n")
    wait_for(
        "sleep in the foreground",
        lambda: any(line.startswith("S+ pts/") for line in _sleeps(lab)),
    )
    os.write(ours, b"\x03")  # Ctrl-C ends the sleep, not the shell
    _until(ours, "root@tequila:~#")
    os.write(ours, b"tty\n")  # a name that the machine knows, so less and job control work
    assert "not a tty" not in _until(ours, "/dev/pts/")
    os.write(ours, b"test -t 0 && exit 7\n")
    assert shell.wait(10) == 7, seen
    os.close(ours)


def _sleeps(lab: Lab) -> list[str]:
    """State, terminal and arguments of each ``sleep 99``; other tests have sleepers of their own."""
    lines = lab.run("tequila", "ps", "-o", "stat=,tty=,args=", "-C", "sleep").stdout.splitlines()
    return [" ".join(line.split()) for line in lines if line.endswith(" sleep 99")]


def test_a_terminal_has_the_size_of_the_callers_from_the_first_moment(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (33, 123))
    shown = subprocess.Popen(
        [*LAB, "exec", "iot", "--", "stty", "size"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_LAB": lab.socket},
        start_new_session=True,
    )
    os.close(theirs)
    _until(ours, "33 123")
    assert shown.wait(10) == 0
    os.close(ours)


def test_a_shell_whose_terminal_goes_away_ends(lab: Lab) -> None:
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [*LAB, "shell", "iot"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_LAB": lab.socket, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    _until(ours, "root@iot:~#")
    os.close(ours)
    shell.wait(10)
    wait_for("no shell", lambda: lab.run("iot", "pgrep", "-x", "bash").returncode == 1)


def test_a_shell_without_a_terminal_reads_its_commands_and_ends_with_them(lab: Lab) -> None:
    done = lab.cli("shell", "iot", input="hostname\nexit 4\n", timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (4, "iot\n", "")
    nothing = lab.cli("shell", "iot", stdin=subprocess.DEVNULL, timeout=10)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "")


def _until(terminal: int, text: str) -> str:
    seen, end = "", time.monotonic() + 10
    while text not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096).decode()
    assert text in seen
    return seen


def test_files_are_read_and_written_in_the_machine(lab: Lab) -> None:
    request = {"op": "write", "machine": "iot", "path": "/root/note", "mode": 0o600}
    with labsocket.ask(lab.socket, request) as connection:
        connection.answer()
        with os.fdopen(connection.fds.pop(), "w") as file:
            file.write("hello")
        assert lab.run("iot", "ls", "/root/note").returncode != 0, "it is there before it is committed"
        connection.send({"commit": True})
        connection.answer()
    assert lab.says("iot", "stat", "-c", "%a %s", "/root/note") == "600 5"
    with labsocket.ask(lab.socket, {"op": "read", "machine": "iot", "path": "/root/note"}) as connection:
        assert connection.answer() == {"ok": True}
        with os.fdopen(connection.fds.pop()) as file:
            assert file.read() == "hello"
    assert lab.ask("read", machine="iot", path="/root/nosuch") == {"ok": False}


def test_a_write_that_is_given_up_leaves_nothing(lab: Lab) -> None:
    with labsocket.ask(lab.socket, {"op": "write", "machine": "iot", "path": "/srv/gone"}) as connection:
        connection.answer()
        os.close(connection.fds.pop())
    wait_for("no draft", lambda: lab.says("iot", "ls", "-A", "/srv") == "")


def test_a_socket_handed_out_speaks_from_the_machine(lab: Lab) -> None:
    with labsocket.ask(lab.socket, {"op": "socket", "machine": "phone"}) as connection:
        connection.answer()
        with socket.socket(fileno=connection.fds.pop()) as sock:
            sock.settimeout(5)
            sock.connect(("203.0.113.2", 80))
            sock.sendall(b"GET / HTTP/1.0\r\nHost: whatismyip.lab\r\n\r\n")
            answer = sock.makefile("rb").read()
    assert answer.splitlines()[-1] == b"203.0.113.20"


def test_a_unix_socket_of_a_machine_is_reached(lab: Lab) -> None:
    path = "/run/tailscale/tailscaled.sock"
    with labsocket.ask(lab.socket, {"op": "unix", "machine": "phone", "path": path}) as connection:
        connection.answer()
        with socket.socket(fileno=connection.fds.pop()) as sock:
            sock.sendall(b"GET /localapi/v0/status HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n")
            assert b'"BackendState":"Running"' in sock.makefile("rb").read().replace(b": ", b":")
    with pytest.raises(LabError, match="No such file"):
        lab.ask("unix", machine="phone", path="/run/nosuch")


def test_a_daemon_is_stopped_and_started_as_it_was(lab: Lab) -> None:
    before = lab.machine("router2")
    lab.ask("stop", machine="router2", name="tailscaled", signal=9)
    assert lab.machine("router2")["tailscale"] == "NotRunning"
    lab.ask("start", machine="router2", name="tailscaled")
    wait_for("router2 to be back", lambda: lab.machine("router2")["tailscale"] == "Running")
    assert lab.machine("router2")["tailnet_ip"] == before["tailnet_ip"]
    assert lab.ask("start", machine="router2", name="tailscaled")["already"]


def test_a_daemon_of_ones_own_runs_and_logs(lab: Lab) -> None:
    lab.ask(
        "start",
        machine="iot",
        name="ticker",
        argv=["sh", "-c", "echo $MOOD; sleep 999"],
        env={"MOOD": "fine"},
    )
    log = Path(lab.ask("status")["state"], "log", "iot-ticker.log")
    wait_for("its first words", lambda: log.read_text() == "fine\n")
    lab.ask("stop", machine="iot", name="ticker")
    assert lab.run("iot", "pgrep", "-f", "sleep 999").returncode == 1
    with pytest.raises(LabError, match="no daemon 'nosuch'"):
        lab.ask("start", machine="iot", name="nosuch")


def test_the_install_script_works_as_typed(lab: Lab) -> None:
    script = "curl -fsSL https://tailscale.com/install.sh | sh && tailscale version | head -1"
    assert lab.says("visitor", "sh", "-c", script).splitlines()[-1] == "1.102.5"
    assert lab.machine("visitor")["tailscale"] == "NeedsLogin"
    assert not Path("/etc/apt/sources.list.d/tailscale.list").exists()
    lab.says("visitor", "sudo", "apt-get", "remove", "-y", "tailscale")


def test_installing_over_a_client_that_runs_leaves_it_running(lab: Lab) -> None:
    before = lab.machine("fooocus")
    lab.says("fooocus", "sh", "-c", "curl -fsSL https://tailscale.com/install.sh | sh")
    assert lab.machine("fooocus") == before
    assert lab.says("fooocus", "pgrep", "-c", "tailscaled") == "1"


def test_nothing_of_the_reader_is_there(lab: Lab) -> None:
    empty = lab.says("phone", "sh", "-c", "ls -A /home /opt /srv /mnt /media /tmp")
    assert empty.split() == ["/home:", "/media:", "/mnt:", "/opt:", "/srv:", "/tmp:"]
    assert lab.run("tequila", "ls", str(CHECKOUT)).returncode != 0
    assert lab.says("router", "ls", "-A", "/root").split() == [".bashrc", ".profile"]
    assert lab.says("tequila", "awk", "-F:", '$3 >= 1000 && $1 != "nobody"', "/etc/passwd") == ""
    assert "$" not in lab.says("tequila", "cat", "/etc/shadow")
    sources = lab.says(
        "tequila", "sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true"
    )
    assert sources == ""


def test_what_a_machine_writes_stays_in_it(lab: Lab) -> None:
    marks = [
        "/usr/local/bin/lab-mark",
        "/etc/lab-mark",
        "/var/lib/lab-mark",
        "/opt/lab-mark",
        "/tmp/lab-mark",
    ]
    lab.says("windows", "touch", *marks)
    lab.says("windows", "sh", "-c", "echo x >>/etc/passwd; rm -rf /usr/share/doc /etc/ssl; true")
    assert not [m for m in marks if Path(m).exists()]
    assert Path("/etc/passwd").read_text().splitlines()[-1] != "x"
    assert Path("/usr/share/doc").is_dir()
    assert lab.run("iot", "ls", marks[0]).returncode != 0, "another machine sees it"


def test_a_machine_has_no_way_to_the_hosts_disks_and_kernel(lab: Lab) -> None:
    assert lab.run("windows", "mknod", "/tmp/disk", "b", "8", "0").returncode != 0
    assert not [
        n for n in lab.says("windows", "ls", "/dev").split() if n.startswith(("sd", "vd", "nvme", "loop"))
    ]
    done = lab.run("windows", "sh", "-c", "echo 1 >/proc/sys/kernel/sysrq")
    assert done.returncode != 0
    assert lab.run("windows", "date", "-s", "2001-01-01").returncode != 0
    script = "mkdir -p /mnt/d && mount -t devtmpfs none /mnt/d || unshare -rm mount -t devtmpfs none /mnt/d"
    assert lab.run("windows", "sh", "-c", script).returncode != 0
    assert lab.run("windows", "mount", "-o", "remount,rw", "/sys").returncode != 0


def test_the_internet_has_no_way_out(lab: Lab) -> None:
    done = lab.run("visitor", "ping", "-c1", "-W2", "192.0.2.1")
    assert done.returncode != 0
    assert "Net Unreachable" in done.stdout + done.stderr
