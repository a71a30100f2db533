"""A machine's accounts: the system's of this host, those that the lab's packages would make, and no people."""

from __future__ import annotations

from pathlib import Path

# What the packages' own scripts would make: account → home. A group of the same name goes with each.
OWN = {
    "mosquitto": "/var/lib/mosquitto", "postgres": "/var/lib/postgresql", "redis": "/var/lib/redis",
    "sshd": "/run/sshd",
}  # fmt: skip
OWN_GROUPS = ("docker",)
HIGHEST = 980  # the lab's own count down from here, past what the host has


def make(etc: Path, host: Path = Path("/etc")) -> None:
    """Write passwd, group and their shadows into `etc`: the reader's name is no business of a machine."""
    people, groups = [], []
    for line in (host / "passwd").read_text().splitlines():
        fields = line.split(":")
        if len(fields) == 7 and _of_the_system(fields[0], fields[2]):
            shell = "/root:/bin/bash" if fields[0] == "root" else ":".join(fields[5:])
            people.append(":".join([*fields[:1], "x", *fields[2:5], shell]))
    for line in (host / "group").read_text().splitlines():
        fields = line.split(":")
        if len(fields) == 4 and _of_the_system(fields[0], fields[2]):
            groups.append(":".join([fields[0], "x", fields[2], ""]))
    _add_own(people, groups)
    _write(etc / "passwd", "\n".join(people) + "\n")
    _write(etc / "group", "\n".join(groups) + "\n")
    _write(etc / "shadow", "".join(f"{p.split(':')[0]}:*:19000:0:99999:7:::\n" for p in people), 0o640)
    _write(etc / "gshadow", "".join(f"{g.split(':')[0]}:*::\n" for g in groups), 0o640)
    for name in ("subuid", "subgid"):
        _write(etc / name, "")


def number(etc: Path, account: str) -> int | None:
    """The number of an account of the machine whose /etc this is."""
    for line in (etc / "passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == account:
            return int(fields[2])
    return None


def _add_own(people: list[str], groups: list[str]) -> None:
    taken = {line.split(":")[2] for line in people + groups}
    free = (str(n) for n in range(HIGHEST, 100, -1) if str(n) not in taken)
    has_user, has_group = ({line.split(":")[0] for line in lines} for lines in (people, groups))
    for name in (*OWN, *OWN_GROUPS):
        id_ = next(free)
        if name not in has_group:
            groups.append(f"{name}:x:{id_}:")
        if name in OWN and name not in has_user:
            gid = next(line.split(":")[2] for line in groups if line.startswith(f"{name}:"))
            people.append(f"{name}:x:{id_}:{gid}::{OWN[name]}:/usr/sbin/nologin")


def _of_the_system(name: str, number: str) -> bool:
    return number.isdigit() and (int(number) < 1000 or name in ("nobody", "nogroup"))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
