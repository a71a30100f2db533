"""A command as one types it on a machine, and what it printed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.errors import HomelabError, LabGone
from homelab.machine import Machine
from homelab.record import BLOCK
from homelab.secret import mask

PROMPT = "light-dark(#0a6aa8,#79b8ff)"
# The ink is the page's own; so the paper is a shade of whatever the page's is.
STYLE = f"{BLOCK};font-family:monospace;font-size:.93em;background:#8881;border-left:3px solid {PROMPT};padding:.5em .9em;line-height:1.45"


@dataclass(frozen=True)
class Terminal:
    """What a terminal on machine `where` shows: (command, output) after (command, output)."""

    where: str
    lines: tuple[tuple[str, str], ...]

    @property
    def prompt(self) -> str:
        """What stands before a command."""
        return f"{self.where}$"

    def __str__(self) -> str:
        return mask("\n".join(f"{self.prompt} {typed}\n{printed}".rstrip() for typed, printed in self.lines))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        parts = [
            f'<span style="color:{PROMPT}">{escape(self.prompt)}</span> <b>{escape(mask(typed))}</b>\n'
            + escape(mask(printed)).rstrip()
            for typed, printed in self.lines
        ]
        html = "\n".join(part.rstrip() for part in parts)
        return {"text/plain": str(self), "text/html": f'<pre style="{STYLE}">{html}</pre>'}


def typed(machine: Machine, *commands: str) -> Terminal:
    """Type `commands` on `machine`, one after the other, and show it as a terminal would.

    A command that fails shows its own error; where there is no such machine, that is what is shown.

    Raises:
        LabGone: the lab has ended.
    """
    lines = []
    for command in commands:
        try:
            done = machine.run(["sh", "-c", command])
            lines.append((command, (done.out + done.err).rstrip("\n")))
        except LabGone:
            raise  # there is nothing to type on any more
        except HomelabError as error:
            lines.append((command, f"({error.what})"))
            break  # where nobody answers, the next command says nothing new
    return Terminal(machine.name, tuple(lines))
