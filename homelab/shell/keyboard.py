"""A person at a keyboard, played: lines are typed into a program on a machine, each when its prompt is there.

The program gets a terminal of 80 by 24; how it is done on the machine is in ``keyboard_there.py``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from homelab.machine import Machine, Result

THERE = Path(__file__).with_name("keyboard_there.py")
TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def typed(
    machine: Machine, argv: Sequence[str], lines: Sequence[tuple[str, str]], pause: float = 0.01
) -> Result:
    """Run `argv` on `machine` in a terminal and type `lines`: (what to wait for, what to type then).

    A line is ended with Enter. `pause` is the time between two keys (s). The result has what the
    terminal showed, and the program's exit status.

    Raises:
        WaitTimeout: the program did not end.
    """
    told = json.dumps([list(argv), [list(line) for line in lines], pause])
    return machine.run(["python3", "-c", THERE.read_text(encoding="utf-8"), told], env=TERMINAL)
