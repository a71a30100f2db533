#!/usr/bin/env -S python3 -S -E
"""A stand-in of the lab for one of Windows' programs, named like it; no Windows is here.

WSL starts Windows programs by handing their command line and standard streams to a socket, $WSL_INTEROP.
So does this, and the lab answers: it knows the few command lines that the runbook uses, and says so of all others.
"""

import json
import os
import socket
import sys

SOCKET = "/run/WSL/1_interop"
ALWAYS = ("WSL_UTF8",)  # what a process on the Windows side would have in its environment anyway


def exported() -> dict[str, str]:
    """What of our environment Windows sees: from WSL only what WSLENV names (learn.microsoft.com/windows/wsl/filesystems)."""
    inside = "WSL_DISTRO_NAME" in os.environ
    listed = [part.partition("/")[0] for part in os.environ.get("WSLENV", "").split(":")]
    return {name: os.environ[name] for name in (listed if inside else ALWAYS) if name in os.environ}


def main() -> int:
    """Have the program run, and end as it ended."""
    name = sys.argv[0].rpartition("/")[2]
    path = os.environ.get("WSL_INTEROP", SOCKET)
    here = os.getcwd()  # noqa: PTH109  pathlib takes longer to load than all of this takes
    request = {"op": "call", "program": name, "argv": sys.argv[1:], "cwd": here, "env": exported()}
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except OSError as error:
            print(f"{name}: stand-in: no Windows answers at {path}: {error.strerror}", file=sys.stderr)
            return 126
        line = json.dumps(request).encode() + b"\n"
        if rest := line[socket.send_fds(sock, [line], [0, 1, 2]) :]:
            sock.sendall(rest)
        answer = sock.makefile("rb").readline()
    return int(json.loads(answer)["rc"]) if answer else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
