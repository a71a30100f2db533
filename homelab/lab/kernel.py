"""The few system calls that Python has no name for: namespaces, mounts, capabilities.

Called directly rather than through `unshare`, `mount` and `nsenter`, for a lab makes hundreds of them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path

NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000
NEWCGROUP = 0x02000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

# Capabilities that reach past any namespace when they are real root's: modules, raw devices, the clock,
# other people's file handles; and mounts and device nodes, for with those one mounts the host's disks.
CAP_DAC_READ_SEARCH, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT, CAP_SYS_TIME = 2, 16, 17, 22, 25
CAP_SYS_ADMIN = 21
CAP_MKNOD, CAP_SYSLOG, CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_PERFMON, CAP_BPF = 27, 34, 35, 36, 38, 39
REACHES_OUT = (
    CAP_DAC_READ_SEARCH, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT, CAP_SYS_TIME,
    CAP_SYSLOG, CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_PERFMON, CAP_BPF, CAP_SYS_ADMIN, CAP_MKNOD,
)  # fmt: skip
# What an engine cannot do without: it mounts roots for its containers, and makes their devices. The price,
# where root is real: whoever is root in such a machine, or holds its engine's socket, and means harm can mount
# a file system that the host has mounted too, or a /proc or /sys that is not masked, and by what is written
# there (kernel.core_pattern, say) have the host run a program. Closed are the host's devices themselves
# (devices.py: no dd, no mkfs, no file system that the host has not mounted) and its control groups. A container
# as `docker run` makes it cannot mount anything. Without root the kernel itself closes all of it.
ENGINE_NEEDS = (CAP_SYS_ADMIN, CAP_MKNOD)

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
_CAPGET = {"x86_64": 125, "aarch64": 90, "riscv64": 90}
_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91}
_CAP_VERSION = 0x20080522
_PR_CAPBSET_DROP, _PR_SET_NAME = 24, 15

_libc = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the namespaces in `flags` for new ones."""
    _done(_libc.unshare(flags), "unshare")


def enter(namespace: str, kind: int) -> None:
    """Enter a namespace by the path of its file."""
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _done(_libc.setns(handle, kind), f"setns {namespace}")
    finally:
        os.close(handle)


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    _done(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            data.encode() or None,
        ),
        f"mount {kind or 'bind'} on {target}",
    )


def bind(source: str | Path, target: str | Path, *, read_only: bool = False, recursive: bool = False) -> None:
    """Show `source` at `target`, which exists."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        # Flags that the file system below has cannot be dropped in a user namespace, so they are kept.
        held = os.statvfs(target).f_flag
        kept = held & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount(
            "none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | kept | (held & 0x1C00 and _atime(held))
        )


def _atime(held: int) -> int:
    """statvfs has its own numbers for the access-time flags (ST_NOATIME 1024, ST_RELATIME 4096)."""
    return (1024 if held & 1024 else 0) | (2048 if held & 2048 else 0) | (1 << 21 if held & 4096 else 0)


def detach(target: str | Path) -> None:
    """umount(2), lazily."""
    _done(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def make_private() -> None:
    """What is mounted from here on stays in this mount namespace."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def pivot_into(root: str | Path) -> None:
    """Make `root`, a mount point, the root of this mount namespace, and let go of the old one."""
    os.chdir(root)
    number = _PIVOT_ROOT[platform.machine()]
    # The same directory twice: the old root then lies on top of the new one and can be detached.
    _done(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root {root}")
    _done(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def set_hostname(name: str) -> None:
    """The host name of this UTS namespace."""
    raw = name.encode()
    _done(_libc.sethostname(raw, len(raw)), "sethostname")


def set_process_name(name: str) -> None:
    """What `ps` shows for this process, as its name and as its command line."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # where the kernel reads the command line from
    if end - start > len(name):
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, name.encode(), len(name))


def drop_capabilities(numbers: tuple[int, ...]) -> None:
    """Give up capabilities for this process and everything that it will start."""
    for number in numbers:
        _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAP_VERSION, 0), 8)
    data = ctypes.create_string_buffer(24)
    machine = platform.machine()
    _done(_libc.syscall(ctypes.c_long(_CAPGET[machine]), header, data), "capget")
    words = list(struct.unpack("=6I", data.raw))
    for number in numbers:
        low = (number // 32) * 3
        for set_of in range(3):  # effective, permitted, inheritable
            words[low + set_of] &= ~(1 << (number % 32))
    data = ctypes.create_string_buffer(struct.pack("=6I", *words), 24)
    _done(_libc.syscall(ctypes.c_long(_CAPSET[machine]), header, data), "capset")
