"""What a machine with an engine is made of, as far as it is plain data and files."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from homelab.lab import accounts, cgroups, devices, engine, names
from homelab.lab.engine import runc_trust

V1 = [("memory", "/user/one"), ("cpu,cpuacct", "/"), ("name=systemd", "/user/one"), ("", "/user/one")]


@pytest.mark.parametrize(
    ("mounts", "own", "planned"),
    [
        (
            [
                ("/", Path("/sys/fs/cgroup/memory"), {"rw", "memory"}),
                ("/", Path("/sys/fs/cgroup/cpu,cpuacct"), {"rw", "cpu", "cpuacct"}),
                ("/user", Path("/sys/fs/cgroup/systemd"), {"rw", "name=systemd"}),
                ("/", Path("/sys/fs/cgroup/unified"), None),
            ],
            V1,
            [
                ("memory", "/sys/fs/cgroup/memory/user/one/x"),
                ("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/x"),
                ("systemd", "/sys/fs/cgroup/systemd/one/x"),
                ("unified", "/sys/fs/cgroup/unified/x"),
            ],
        ),
        ([("/", Path("/sys/fs/cgroup"), None)], [("", "/user/one")], [("", "/sys/fs/cgroup/x")]),
        ([], V1, []),
    ],
    ids=["version 1 and a bit of 2", "version 2", "none mounted"],
)
def test_groups_go_below_our_own(
    monkeypatch: pytest.MonkeyPatch,
    mounts: list[tuple[str, Path, set[str] | None]],
    own: list[tuple[str, str]],
    planned: cgroups.Groups,
) -> None:
    monkeypatch.setattr(cgroups, "_mounts", lambda: iter(mounts))
    monkeypatch.setattr(cgroups, "_memberships", lambda: iter(own))
    assert cgroups.plan("x") == planned


def test_groups_are_made_and_removed_with_their_parts(tmp_path: Path) -> None:
    groups = [(name, str(tmp_path / name / "x")) for name in ("memory", "pids")]
    for name in ("memory", "pids"):
        (tmp_path / name).mkdir()
    cgroups.make(groups, ["tequila"])
    (tmp_path / "pids" / "x" / "tequila" / "docker" / "abc").mkdir(parents=True)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"cgroups": groups}))
    cgroups.sweep(config)
    assert [list((tmp_path / name).iterdir()) for name in ("memory", "pids")] == [[], []]
    cgroups.sweep(tmp_path / "none.json")


def test_groups_that_cannot_be_made_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    with pytest.raises(OSError, match="No such file"):
        cgroups.make(
            [("memory", str(tmp_path / "memory" / "x")), ("pids", str(tmp_path / "pids" / "x"))], ["m"]
        )
    assert list((tmp_path / "memory").iterdir()) == []


def _run(code: bytes, kind: str, major: int, minor: int, access: str) -> int:
    """What the kernel's virtual machine would answer; the few instructions that we use."""
    access_bits = sum({"m": 1, "r": 2, "w": 4}[letter] for letter in access)
    context = struct.pack("=III", access_bits << 16 | {"b": 1, "c": 2}[kind], major, minor)
    registers, at = [0] * 11, 0
    while True:
        op, both, jump, value = struct.unpack_from("=BBhi", code, at * 8)
        to, source, at = both & 15, both >> 4, at + 1
        if op == 0x61:
            registers[to] = int(struct.unpack_from("=I", context, jump)[0])
        elif op in (0xBF, 0xB7):
            registers[to] = registers[source] if op == 0xBF else value
        elif op == 0x57:
            registers[to] &= value
        elif op == 0x77:
            registers[to] >>= value
        elif op == 0x55:
            at += jump if registers[to] != value else 0
        else:
            assert op == 0x95
            return registers[0]


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (("c", 1, 3, "rw"), True),  # null
        (("c", 136, 7, "rw"), True),  # a terminal
        (("c", 10, 200, "rw"), True),  # tun
        (("b", 254, 0, "m"), True),  # a node opens nothing
        (("b", 254, 0, "r"), False),  # a disk
        (("b", 8, 0, "rw"), False),
        (("c", 1, 1, "r"), False),  # memory
        (("c", 10, 237, "rw"), False),  # loop-control
        (("c", 10, 237, "m"), True),
        (("c", 10, 237, "mr"), False),
    ],
    ids=str,
)
def test_the_program_that_guards_devices(asked: tuple[str, int, int, str], allowed: bool) -> None:
    assert _run(devices.program(devices.ALLOWED), *asked) == allowed


def test_accounts_of_packages_are_added_and_people_left_out(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/zsh\npostgres:x:109:117:,,,:/var/lib/postgresql:/bin/bash\n"
        "mia:x:1000:1000::/home/mia:/bin/bash\nother:x:980:980::/:/bin/false\n"
    )
    (tmp_path / "host" / "group").write_text("root:x:0:\npostgres:x:117:\ndocker:x:999:mia\nother:x:980:\n")
    etc = tmp_path / "etc"
    accounts.make(etc, tmp_path / "host")
    passwd, group = ((etc / name).read_text().splitlines() for name in ("passwd", "group"))
    people = {line.split(":")[0]: line.split(":") for line in passwd}
    assert set(people) == {"root", "postgres", "other", "mosquitto", "redis", "sshd"}
    assert people["root"][6] == "/bin/bash"
    assert accounts.number(etc, "postgres") == 109  # the host's stays
    numbers = [fields[2] for fields in people.values()]
    assert len(set(numbers)) == len(numbers)
    assert "docker:x:999:" in group  # nobody of the host is in it
    assert accounts.number(etc, "mia") is None


def _bundle(tmp_path: Path, **config: object) -> Path:
    (tmp_path / "root" / "etc" / "ssl").mkdir(parents=True)
    document = {
        "process": {"env": ["PATH=/bin"]},
        "mounts": [],
        "root": {"path": f"{tmp_path}/root"},
        **config,
    }
    (tmp_path / "config.json").write_text(json.dumps(document))
    return tmp_path / "config.json"


def test_a_new_container_is_told_of_the_bundle(tmp_path: Path) -> None:
    file = _bundle(tmp_path)
    (tmp_path / "root" / "etc" / "ssl" / "cert.pem").symlink_to(
        "certs/ca-certificates.crt"
    )  # as Alpine has it
    runc_trust.main(["--root", "/run", "create", "--bundle", str(tmp_path), "abc"])
    config = json.loads(file.read_text())
    assert [m["destination"] for m in config["mounts"]] == [runc_trust.BUNDLE, "/etc/ssl/cert.pem"]
    assert all("ro" in m["options"] for m in config["mounts"])
    assert f"SSL_CERT_FILE={runc_trust.BUNDLE}" in config["process"]["env"]


def test_what_an_image_or_a_caller_says_goes_first(tmp_path: Path) -> None:
    own = [{"destination": runc_trust.BUNDLE, "source": "/mine"}]
    file = _bundle(tmp_path, process={"env": ["SSL_CERT_FILE=/mine"]}, mounts=own)
    runc_trust.main(["run", f"--bundle={tmp_path}", "abc"])
    config = json.loads(file.read_text())
    assert config["mounts"] == own
    assert [line for line in config["process"]["env"] if line.startswith("SSL_CERT_FILE")] == [
        "SSL_CERT_FILE=/mine"
    ]


def test_a_command_in_a_container_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "process").write_text(json.dumps({"env": None, "args": ["env"]}))
    runc_trust.main(["exec", "--process", str(tmp_path / "process"), "--detach", "abc"])
    assert f"SSL_CERT_FILE={runc_trust.BUNDLE}" in json.loads((tmp_path / "process").read_text())["env"]


def test_machines_without_an_engine_are_spared_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "bin" / "docker").touch()
    engine.install(tmp_path)
    found = engine.not_elsewhere([tmp_path])
    assert {"usr/bin/docker", "etc/init.d/docker", "etc/docker/daemon.json"} <= set(found)
    assert "usr/sbin/dockerd" not in found
    assert os.access(tmp_path / "etc/init.d/docker", os.X_OK)


def test_questions_go_to_whoever_is_asked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    upstream.bind(("127.0.0.1", 0))
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("127.0.0.1", 0))
    monkeypatch.setattr(names, "PORT", upstream.getsockname()[1])
    servers = ["127.0.0.9", "127.0.0.1"]  # at the first nobody answers
    monkeypatch.setattr(names, "_servers", lambda: servers)
    threading.Thread(target=names._datagrams, args=(front,), daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, upstream:
        client.settimeout(5)
        client.sendto(b"question", front.getsockname())
        upstream.settimeout(5)
        asked, back = upstream.recvfrom(512)
        upstream.sendto(b"answer", back)
        assert (asked, client.recv(512)) == (b"question", b"answer")
