"""What can go wrong, as few typed exceptions with structured fields.

Every error says what happened, where, and what to do next (``hint``). The command line
turns the type into an exit status: see ``EXIT_STATUS``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class HomelabError(Exception):
    """The base: `what` happened, `where` (file:line, machine, address), and a `hint` on what to do."""

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\nHint: {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: `where` is file:line or a parameter's name."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ParamsError(HomelabError):
    """Bad parameters, params file or topology: every problem at once, before anything starts."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        count = f"{len(self.problems)} problems" if len(self.problems) > 1 else "1 problem"
        super().__init__(f"{count} in the parameters")

    def __str__(self) -> str:
        return "\n".join(str(p) for p in self.problems)


class PrerequisiteMissing(HomelabError):
    """The machine lacks something that is needed; nothing was started."""


class LabError(HomelabError):
    """The lab refused a request or is not there."""


class LabRefused(LabError):
    """The lab refused a request before it began anything: no lab, no such machine, a value out of range."""


class LabGone(LabRefused):
    """No lab answers where one was: it was taken down, or has ended."""


class CommandFailed(HomelabError):
    """A command ended with a status that was not expected (`rc`), with what it printed.

    Where it ended well all the same (a pipe does if its last command does), `did` says what it really did.
    """

    def __init__(
        self,
        argv: Sequence[str],
        rc: int,
        out: str = "",
        err: str = "",
        where: str = "",
        did: str = "did not do it",
    ) -> None:
        self.argv, self.rc, self.out, self.err = list(argv), rc, out, err
        said = (err.strip() or out.strip() or "it printed nothing").splitlines()
        ended = f"ended with status {rc}" if rc else f"ended well, and {did}"
        what = f"`{_typed(self.argv)}` {ended}: {' | '.join(said[-3:])}"
        super().__init__(what, where, _hint(err or out))


# What a command of any kind may run into, by the words of the system, and what to do then.
_HINTS = (
    (
        r"sudo: (?:a password is required|a terminal is required|sorry, a password is required)",
        "nobody is there to type a password. Let this user do it without one: sudo visudo -f /etc/sudoers.d/homelab,"
        " with the line: <user> ALL=(ALL) NOPASSWD: ALL",
    ),
    (r"sudo: not found|is not in the sudoers file", "an administrator of the machine has to allow it: install sudo, and let the user use it"),
    (
        r"[Cc]ould not resolve|Temporary failure (?:in name resolution|resolving)|Name or service not known|bad address '",
        "that machine does not find the name: is its network up, and does its DNS answer? There: getent hosts tailscale.com",
    ),
    (
        r"Read-only file system",
        "the disk is mounted read-only: `findmnt -T .` says which; a damaged one turns so by itself: sudo dmesg | tail",
    ),
    (
        r"failed to connect to local tailscaled",
        "the node's daemon does not run there. At home: sudo systemctl start tailscaled. In the lab: ./runbook lab up starts what should run",
    ),
    (r"No space left on device", "the disk is full: df -h says which"),
    (
        r"(?:apt-get|apt|dpkg): (?:command )?not found|(?:apt-get|dpkg)\W+No such file",
        "this is no Debian or Ubuntu, which is what we install by: install it the way of this distribution; the next plan finds it",
    ),
)  # fmt: skip


def _typed(argv: Sequence[str]) -> str:
    """`argv` as it was typed: a shell's line stands for itself, a longer script by its first one."""
    if argv[:1] == ["sh"] and argv[1:2] in (["-c"], ["-ec"]) and len(argv) == 3:
        first, *more = argv[2].strip().splitlines() or [""]
        return f"{first} …" if more else first
    return shlex.join(argv)


def _hint(said: str) -> str:
    return next((hint for words, hint in _HINTS if re.search(words, said)), "")


class WaitTimeout(HomelabError):
    """A condition did not come true: what it was, how long we waited (s), and the state seen last."""

    def __init__(self, waited_for: str, seconds: float, last: str, hint: str = "", where: str = "") -> None:
        self.waited_for, self.seconds, self.last = waited_for, seconds, last
        super().__init__(f"waited {seconds:.3g} s for {waited_for}; last seen: {last}", where, hint)


class NoAnswer(HomelabError):
    """Nobody answers at an address: the name is unknown, the way is shut, or TLS is not trusted."""


class SshError(HomelabError):
    """A machine cannot be reached over SSH, or the connection broke; `kind` is a word of `homelab.ssh.faults.KINDS`."""

    def __init__(self, kind: str, what: str, where: str = "", hint: str = "") -> None:
        self.kind = kind
        super().__init__(what, where, hint)


class AdminRefused(HomelabError):
    """The admin API answered, and did not do it: `status` is HTTP's (0: what came is no answer of its)."""

    def __init__(self, status: int, what: str, where: str = "", hint: str = "") -> None:
        self.status = status
        super().__init__(what, where, hint)


class EngineError(HomelabError):
    """Docker cannot be reached or did not do it; `kind` is a word of `homelab.engine.faults.KINDS`."""

    def __init__(self, kind: str, what: str, where: str = "", hint: str = "") -> None:
        self.kind = kind
        super().__init__(what, where, hint)


class NotReadOnly(HomelabError):
    """While the world was only looked at, something asked for what may change it (`asked`); it was refused."""

    def __init__(self, asked: str, why: str, asker: str, where: str = "") -> None:
        self.asked, self.asker = asked, asker
        super().__init__(
            f"`{asked}` was refused while only looking: {why} (asked for by {asker or 'the notebook'})",
            where,
            "nothing was changed; this is a mistake of the runbook, not yours: please report this line",
        )


class StalePlan(HomelabError):
    """The world is no longer what the plan (or the undo) was computed from."""


class ApplyFailed(HomelabError):
    """A change failed; the ones before it are in the journal and can be undone."""


class NeedFailed(HomelabError):
    """What this stage needs failed to apply earlier in the same run: the stage is skipped."""


class CheckFailed(HomelabError):
    """A check did not hold: `name` of the check, the `vantage` point, and the `evidence`."""

    def __init__(self, name: str, vantage: str, evidence: str, hint: str = "") -> None:
        self.name, self.vantage, self.evidence = name, vantage, evidence
        super().__init__(f"{name}: {evidence}", f"from {vantage}", hint)


EXIT_OK, EXIT_FAILED, EXIT_DRIFT, EXIT_NOT_STARTED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to `name`, or all of them."""
    import difflib  # only where something is wrong: every start of ours would pay for it

    words = sorted(set(known))
    near = difflib.get_close_matches(name, words, 1, 0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""


def exit_status(error: BaseException) -> int:
    """The exit status that the command line's contract gives `error`."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, ParamsError | PrerequisiteMissing):
        return EXIT_NOT_STARTED
    return EXIT_FAILED
