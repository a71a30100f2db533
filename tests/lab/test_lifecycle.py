"""A lab comes up once, goes down whole, and does not outlive whoever holds it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import CHECKOUT, LAB, SMALL, Lab, Owned, wait_for
from host import alive, family, parent

from homelab import lab_lease
from homelab.errors import LabError, PrerequisiteMissing
from homelab.lab_lease import Lease

Call = Callable[..., subprocess.CompletedProcess[str]]
VICTIMS = ("owner", "launcher", "pid1", "init")


def _up(call: Call, small: Path, *options: str) -> dict[str, Any]:
    done = call("up", "--topology", small, *options)
    assert done.returncode == 0, done
    return dict(json.loads(call("status", "--json").stdout))


def test_up_status_exec_down(call: Call, small: Path, tmp_path: Path) -> None:
    done = call("up", "--topology", small)
    assert done.returncode == 0, done
    assert "3 machines on 2 networks" in done.stdout
    status = call("status")
    assert "inside   host    192.168.77.2" in status.stdout, status
    socket_file = Path(json.loads(call("status", "--json").stdout)["socket"])
    assert socket_file.stat().st_mode & 0o777 == 0o600
    assert socket_file.parent.stat().st_mode & 0o777 == 0o700
    assert call("exec", "inside", "--", "ping", "-c1", "-W2", "203.0.113.50").returncode == 0
    assert call("exec", "outside", "--", "ping", "-c1", "-W1", "203.0.113.10").returncode == 1
    assert "the lab is down" in call("down").stdout
    assert list((tmp_path / "s").iterdir()) == []


def test_up_twice_is_safe(call: Call, small: Path) -> None:
    first = _up(call, small)
    again = call("up", "--topology", small)
    assert (again.returncode, again.stdout) == (
        0,
        f"the lab is up already: 3 machines (tier {first['tier']})\n",
    )
    assert json.loads(call("status", "--json").stdout)["pid"] == first["pid"]


def test_two_ups_at_once_make_one_lab(call: Call, small: Path) -> None:
    done: list[subprocess.CompletedProcess[str]] = []
    both = [threading.Thread(target=lambda: done.append(call("up", "--topology", small))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [d.returncode for d in done] == [0, 0], done
    assert sorted("already" in d.stdout for d in done) == [False, True], done


def test_up_enrolled_on_a_lab_that_is_up_joins_who_is_missing(call: Call) -> None:
    assert call("up").returncode == 0
    before = json.loads(call("status", "--json").stdout)["machines"]
    assert before["tequila"]["tailscale"] == "NeedsLogin"
    assert before["demoserver"]["tailscale"] == "none"
    done = call("up", "--enrolled")
    assert done.returncode == 0, done
    document = json.loads(call("status", "--json").stdout)
    joined = {n for n, m in document["machines"].items() if m["tailscale"] == "Running"} - {"relay"}
    assert joined == {"tequila", "phone", "router", "router2", "demoserver", "fooocus"}
    assert document["enrolled"] is True


@pytest.mark.parametrize(
    ("victims", "died", "again"),
    [
        ([("cloud", "cloud serve")], {"cloud/cloud"}, ["cloud/cloud"]),
        ([("cloud", "cloud dns")], {"cloud/dns"}, ["cloud/dns", "cloud/cloud"]),
        (
            [("cloud", "/opt/cloud/cloud"), ("phone", "tailscaled")],
            {"cloud/dns", "cloud/cloud", "phone/tailscaled"},
            ["cloud/dns", "cloud/cloud", "phone/tailscaled"],
        ),
    ],
    ids=["cloud", "dns", "all"],
)
def test_what_died_is_seen_and_started_again_by_up(
    call: Call, victims: list[tuple[str, str]], died: set[str], again: list[str]
) -> None:
    assert call("up").returncode == 0
    assert "not running" not in call("status").stdout
    for machine, program in victims:
        call("exec", machine, "--", "pkill", "-9", "-f", program)

    def dead() -> set[str]:
        machines = json.loads(call("status", "--json").stdout)["machines"]
        return {f"{m}/{n}" for m in machines for n, s in machines[m]["services"].items() if s != "running"}

    wait_for("the death to be seen", lambda: dead() == died)
    said = call("status").stdout
    assert not [name for name in died if f"{name.partition('/')[2]} is not running" not in said]
    assert "Hint: ./runbook lab up starts what is not running" in said
    done = call("up")
    assert done.returncode == 0, done
    assert done.stdout.strip().endswith(f"; started again: {', '.join(again)}")
    assert dead() == set()
    page = call("exec", "visitor", "--", "curl", "-sS", "-m", "10", "https://whatismyip.lab")
    assert page.stdout == "203.0.113.50\n", page


def test_addresses_of_a_tailnet_repeat(call: Call, lab: Lab) -> None:
    assert call("up", "--enrolled").returncode == 0
    mine = json.loads(call("status", "--json").stdout)["machines"]
    theirs = lab.ask("status")["machines"]
    assert {n: m["tailnet_ip"] for n, m in mine.items()} == {n: m["tailnet_ip"] for n, m in theirs.items()}


def test_down_and_status_without_a_lab(call: Call) -> None:
    assert (call("down").returncode, call("down").stdout) == (0, "no lab is up\n")
    status = call("status")
    assert (status.returncode, status.stderr) == (1, "no lab is up\nHint: start it: ./runbook lab up\n")
    for argv in (["exec", "phone", "--", "true"], ["shell", "phone"], ["link", "phone"]):
        assert call(*argv).returncode == 3  # nothing was started
    gone = call("status", env={"HOMELAB_LAB": "/nowhere/lab.sock"})
    assert (gone.returncode, "no lab answers" in gone.stderr) == (1, True)
    assert call("exec", "phone", "true", env={"HOMELAB_LAB": "/nowhere/lab.sock"}).returncode == 3


@pytest.mark.parametrize("victim", VICTIMS)
def test_whoever_is_killed_everything_goes(call: Call, small: Path, victim: str, tmp_path: Path) -> None:
    status = _up(call, small)
    launcher = parent(status["pid"])
    everybody = family(status["owner_pid"])
    assert len(everybody) == 7  # owner, unshare, tini, init, three machines
    init = next(pid for pid, _ in everybody if parent(pid) == status["pid"])
    os.kill(
        {"owner": status["owner_pid"], "launcher": launcher, "pid1": status["pid"], "init": init}[victim], 9
    )
    wait_for("everybody to be gone", lambda: not alive(everybody), 5)
    # What is left is swept by the next `up`, which finds a stale folder only where the owner was the victim.
    assert (Path(status["state"]).exists(), victim) in ((True, "owner"), (False, victim))
    assert call("status").returncode == 1
    assert _up(call, small)["pid"] != status["pid"]


def test_a_killed_owners_leavings_are_removed_by_down(call: Call, small: Path) -> None:
    status = _up(call, small)
    os.kill(status["owner_pid"], signal.SIGKILL)
    wait_for(
        "the end",
        lambda: not alive(family(status["owner_pid"])) and not Path(f"/proc/{status['pid']}").exists(),
    )
    assert call("down").stdout == "no lab is up; what a killed one had left is removed\n"
    assert not Path(status["state"]).exists()


@pytest.mark.parametrize("how", ["end of input", "kill -9", "interrupt"])
def test_a_leased_lab_ends_with_its_holder(small: Path, tmp_path: Path, how: str) -> None:
    owned = Owned("--topology", str(small), state=tmp_path / "s")
    everybody = family(owned.process.pid)
    assert len(everybody) == 7
    if how == "end of input":
        owned.end()
    else:
        owned.process.send_signal(signal.SIGKILL if how == "kill -9" else signal.SIGINT)
        owned.process.wait(5)
    wait_for("everybody to be gone", lambda: not alive(everybody), 5)
    for stream in (owned.process.stdin, owned.process.stdout, owned.process.stderr):
        assert stream
        stream.close()
    left = list((tmp_path / "s").iterdir())
    assert len(left) == (1 if how == "kill -9" else 0)
    again = Owned("--topology", str(small), state=tmp_path / "s")  # sweeps
    assert not [p for p in left if p.exists()]
    again.end()


def test_the_lab_of_open_is_the_one_that_any_terminal_is_about(
    call: Call, small: Path, tmp_path: Path
) -> None:
    owned = Owned("--here", "--topology", str(small), state=tmp_path / "s")
    assert json.loads(call("status", "--json").stdout)["socket"] == owned.lab.socket
    assert "ends with that" in call("status").stdout
    again = call("up", "--topology", small)
    assert again.returncode == 0
    assert "the lab is up already: 3 machines" in again.stdout
    assert "it is the one of ./runbook open, and ends with that" in again.stdout
    assert "It was that of ./runbook open, whose notebooks have none now" in call("down").stdout
    owned.end()
    assert list((tmp_path / "s").iterdir()) == []
    assert call("status").returncode == 1


def test_two_labs_never_meet(small: Path, tmp_path: Path) -> None:
    labs = [Owned("--topology", str(small), state=tmp_path / "s") for _ in range(2)]
    one, two = (owned.lab for owned in labs)
    assert one.socket != two.socket
    one.says("outside", "touch", "/srv/mine")
    assert two.says("outside", "ls", "/srv") == ""
    one.ask("start", machine="outside", name="web", argv=["python3", "-m", "http.server", "80"])
    wait_for(
        "the server", lambda: one.run("inside", "curl", "-so", "/dev/null", "203.0.113.50").returncode == 0
    )
    assert two.run("inside", "curl", "-m", "2", "-so", "/dev/null", "203.0.113.50").returncode == 7  # refused
    labs[0].end()
    assert two.says("inside", "echo", "still here") == "still here"
    labs[1].end()


def test_interrupting_up_leaves_nothing(small: Path, tmp_path: Path) -> None:
    env = {**os.environ, "HOMELAB_STATE": str(tmp_path / "s")}
    for pause in (0.1, 0.3, 0.45, 0.6):
        up = subprocess.Popen(
            [*LAB, "up", "--topology", str(small)],
            cwd=CHECKOUT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        threading.Event().wait(pause)  # the moment of the interruption is what varies here
        os.killpg(up.pid, signal.SIGINT)
        up.communicate(timeout=10)
        assert up.returncode in (0, 130, -signal.SIGINT), up.returncode
        subprocess.run([*LAB, "down"], cwd=CHECKOUT, env=env, check=True, capture_output=True)
        assert not (tmp_path / "s").exists() or list((tmp_path / "s").iterdir()) == []


def test_state_of_another_version_is_refused_until_it_is_taken_down(
    call: Call, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = _up(call, small)
    call("down")
    state = Path(status["state"])
    state.mkdir(mode=0o700)
    (state / "lab.json").write_text(json.dumps({"schema": 0, "version": "0.0.1"}))
    for argv in (["up", "--topology", small], ["status"], ["exec", "inside", "--", "true"]):
        done = call(*argv)
        assert done.returncode == 3, done
        assert "another version of the lab (schema 0, version 0.0.1; this one has schema 1)" in done.stderr
        assert "Hint: `./runbook lab down` ends that lab and removes it" in done.stderr
    monkeypatch.setenv("HOMELAB_STATE", str(state.parent))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()  # as a run does: it says so too, and starts no lab of its own
    with pytest.raises(PrerequisiteMissing, match="another version of the lab") as refused:
        lease.socket()
    assert refused.value.hint == "`./runbook lab down` ends that lab and removes it"
    lease.close()
    assert not lease.own
    assert list(state.parent.iterdir()) == [state]
    assert call("down").returncode == 0
    assert not state.exists()


def test_a_socket_path_that_is_too_long_is_said_before_anything_starts(
    call: Call, small: Path, tmp_path: Path
) -> None:
    state = tmp_path / ("x" * 100)
    done = call("up", "--topology", small, env={"HOMELAB_STATE": str(state)})
    assert done.returncode == 3
    assert "the kernel takes 107" in done.stderr
    assert "Hint: set HOMELAB_STATE" in done.stderr
    assert not state.exists()


def test_a_state_folder_that_cannot_be_made_is_one_clear_error(
    call: Call, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for options in ([], ["--lease"]):
        done = call("up", "--topology", small, *options, env={"HOMELAB_STATE": str(tmp_path / "file" / "s")})
        assert done.returncode == 3
        assert done.stderr == (
            f"{tmp_path}/file/s: the lab's state cannot be written: Not a directory; "
            "nothing half-done is left\n"
            "Hint: make room there, or set HOMELAB_STATE to a folder of yours with a short name\n"
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ("size=64k", 3, "No space left on device (0 MiB are free, 4 are needed)"),
        *((f"size=64m,nr_inodes={n}", 3, "No space left on device") for n in range(2, 6)),
        ("size=64m,nr_inodes=6", 1, "No space left on device"),  # the owner is there already
        ("ro", 3, "Read-only file system"),
    ],
)
def test_a_state_folder_without_room_is_one_clear_error(
    small: Path, tmp_path: Path, options: str, status: int, said: str
) -> None:
    (tmp_path / "m").mkdir()
    script = 'mount -t tmpfs -o "$1" none "$2"; shift 2; "$@"; rc=$?; find "$HOMELAB_STATE"; exit $rc'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", options, tmp_path / "m", *LAB, "up", "--topology", small],
        cwd=CHECKOUT,
        env={**os.environ, "HOMELAB_STATE": str(tmp_path / "m")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (status, f"{tmp_path}/m\n"), done
    assert f": the lab's state cannot be written: {said}" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_lease_whose_lab_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the owner prints when the lab fails after everything was found to be there."""
    event = {"error": {"what": "the kernel refuses", "where": "here", "hint": "ask it"}}
    script = f"import sys; 'status' in sys.argv and sys.exit(1); print({json.dumps(event)!r})"
    monkeypatch.setattr(lab_lease, "LAB", (sys.executable, "-c", script))
    monkeypatch.delenv("HOMELAB_LAB", raising=False)
    lease = Lease()
    with pytest.raises(LabError, match="here: the lab did not come up: the kernel refuses"):
        lease.socket()
    lease.close()


def test_a_self_contradicting_topology_starts_nothing(call: Call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SMALL.replace("gateway: router", "gateway: ruter").replace("203.0.113.50", "203.0.112.50"))
    done = call("up", "--topology", bad)
    assert done.returncode == 3
    assert f"{bad}:7: there is no machine 'ruter' (did you mean 'router'?)" in done.stderr
    assert f"{bad}:8: 203.0.112.50 is not in internet (203.0.113.0/24)" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_request_that_is_none_is_answered(lab: Lab) -> None:
    for raw in (
        b"hello\n",
        b"[]\n",
        b'{"op": 1}\n',
        b'{"op": "nosuch"}\n',
        b'{"op": "run", "machine": "phone"}\n',
    ):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(lab.socket)
            sock.sendall(raw)
            answer = json.loads(sock.makefile().readline())
            assert answer["error"]["type"] == "LabError", raw
    assert lab.says("phone", "echo", "fine") == "fine"


def test_status_is_quick(call: Call, small: Path) -> None:
    call("status")
    start = time.monotonic()
    call("status")
    assert time.monotonic() - start < 2  # idle: 0.1 s
