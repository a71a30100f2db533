"""Type lines into a program that has a terminal: runs on the machine itself, see ``keyboard.py``."""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 20.0  # seconds for a prompt to come


def main(argv: list[str], lines: list[list[str]], pause: float) -> int:
    """Run `argv`, type each line once its prompt is there; its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(argv[0], argv)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    for prompt, line in lines:
        seen, end = "", time.monotonic() + PATIENCE
        while prompt not in seen:
            if (part := read(terminal, 0.2)) is None or time.monotonic() > end:
                sys.exit(f"waited for {prompt!r}, and saw {seen!r}")
            seen += part
        time.sleep(10 * pause)  # a person reads before they type
        for key in line + "\n":
            os.write(terminal, key.encode())
            time.sleep(pause)
    while read(terminal, PATIENCE):
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def read(terminal: int, seconds: float) -> str | None:
    """What the program shows within `seconds`; None once it has ended."""
    if not select.select([terminal], [], [], seconds)[0]:
        return ""
    try:
        part = os.read(terminal, 1 << 16).decode(errors="replace")
    except OSError:  # how Linux says that the other side is closed
        return None
    print(part, end="", flush=True)
    return part or None


if __name__ == "__main__":
    sys.exit(main(*json.loads(sys.argv[1])))
