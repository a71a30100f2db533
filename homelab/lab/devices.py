"""Which devices the processes of a control group can open: by files in version 1, by a program in version 2.

A program of version 2 is attached beside those that the engine attaches for its containers; all of them
must allow (BPF_F_ALLOW_MULTI).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path

# What containers need by Docker's own defaults: making nodes (which opens nothing); null, full, zero, random,
# urandom, tty, console, ptmx, terminals; and tun and fuse. No disk, no memory, no loop device.
ALLOWED = (
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
    "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm", "c 10:229 rwm",
)  # fmt: skip

# linux/bpf.h and linux/bpf_common.h
_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
_LOAD, _ATTACH, _KIND, _POINT, _MULTI = 5, 8, 15, 6, 2
_WORD, _COPY, _SET, _AND, _SHIFT_RIGHT, _UNLESS_EQUAL, _EXIT = 0x61, 0xBF, 0xB7, 0x57, 0x77, 0x55, 0x95
_TYPES, _ACCESS = {"b": 1, "c": 2}, {"m": 1, "r": 2, "w": 4}
_RESULT, _CONTEXT, _TYPE, _WANTED, _MAJOR, _MINOR, _TOO_MUCH = 0, 1, 2, 3, 4, 5, 6  # registers


def guard(group: Path) -> None:
    """Let nothing in `group`, which is new and empty, open any device but `ALLOWED`.

    Raises:
        OSError: the kernel cannot do it.
    """
    if (group / "devices.deny").exists():
        (group / "devices.deny").write_text("a")
        for rule in ALLOWED:
            (group / "devices.allow").write_text(rule)
    else:
        _attach(program(ALLOWED), group)


def program(rules: tuple[str, ...]) -> bytes:
    """`rules`, as a version 1 group takes them, for the kernel's virtual machine: 1 allows, 0 refuses."""
    code = [
        _do(_WORD, _WANTED, _CONTEXT),  # the access in the upper half, the type of device in the lower
        _do(_COPY, _TYPE, _WANTED), _do(_AND, _TYPE, value=0xFFFF), _do(_SHIFT_RIGHT, _WANTED, value=16),
        _do(_WORD, _MAJOR, _CONTEXT, 4), _do(_WORD, _MINOR, _CONTEXT, 8),
    ]  # fmt: skip
    for rule in rules:
        kind, numbers, access = rule.split()
        major, minor = numbers.split(":")
        tests = [[_UNLESS_EQUAL, _TYPE, _TYPES[kind]]]
        tests += [[_UNLESS_EQUAL, _MAJOR, int(major)]] if major != "*" else []
        tests += [[_UNLESS_EQUAL, _MINOR, int(minor)]] if minor != "*" else []
        rest = 7 & ~sum(_ACCESS[letter] for letter in access)
        more = [_do(_COPY, _TOO_MUCH, _WANTED), _do(_AND, _TOO_MUCH, value=rest)] if rest else []
        last = [[_UNLESS_EQUAL, _TOO_MUCH, 0]] if rest else []
        size = len(tests) + len(more) + len(last) + 2
        one: list[bytes] = []
        for test in tests:
            one.append(_do(test[0], test[1], jump=size - len(one) - 1, value=test[2]))
        one += more
        for test in last:
            one.append(_do(test[0], test[1], jump=size - len(one) - 1, value=test[2]))
        code += [*one, _do(_SET, _RESULT, value=1), _do(_EXIT)]
    return b"".join([*code, _do(_SET, _RESULT, value=0), _do(_EXIT)])


def _do(code: int, to: int = 0, source: int = 0, jump: int = 0, value: int = 0) -> bytes:
    """One instruction; `jump` is also the offset that a word is read from."""
    return struct.pack("=BBhi", code, to | source << 4, jump, value)


def _attach(code: bytes, group: Path) -> None:
    text, license_ = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    load = struct.pack(
        "=IIQQIIQII", _KIND, len(code) // 8, ctypes.addressof(text), ctypes.addressof(license_), 0, 0, 0, 0, 0
    )
    loaded = _bpf(_LOAD, load)
    try:
        handle = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _bpf(_ATTACH, struct.pack("=IIII", handle, loaded, _POINT, _MULTI))
        finally:
            os.close(handle)
    finally:
        os.close(loaded)  # the group keeps it


def _bpf(command: int, attributes: bytes) -> int:
    libc, raw = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    number = _SYSCALL[platform.machine()]
    done = int(libc.syscall(ctypes.c_long(number), command, ctypes.byref(raw), len(raw) - 1))
    if done < 0:
        raise OSError(ctypes.get_errno(), f"bpf: {os.strerror(ctypes.get_errno())}")
    return done
