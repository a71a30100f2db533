"""What else the machine does while we measure: load, the engine's share of the processors, time stolen by a host.

Linux only: https://www.kernel.org/doc/html/latest/filesystems/proc.html
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
SHARE = 0.9  # of its threads' time an engine gets on a quiet machine; 0.97 and more were seen
PASSIVE = 0.7  # the same of threads that sleep while they wait for each other; where nobody else computes, 0.57 is theirs
ALONE = 0.1  # processors that others keep busy on a machine where nobody computes, at most
OTHERS = 0.25  # processors that others may keep busy before they are in the way
STOLEN = 0.03  # of all time, by the host of a virtual machine
JUMP = 0.25  # seconds that the two clocks may drift apart in one repetition


@dataclass(frozen=True)
class Snapshot:
    """Counters at one moment, all in seconds: two clocks, processor time of the machine, the engine, and ours."""

    monotonic: float
    wall: float
    busy: float
    stolen: float
    engine: float | None
    ours: float
    load: float = 0.0  # the average of the last minute


@dataclass(frozen=True)
class Disturbance:
    """What happened between two snapshots: the engine's `share` of its threads' time (None: not to be seen),
    processors kept busy by `others`, and in words what makes the numbers in between untrustworthy.
    """

    share: float | None
    others: float
    load: float
    reasons: tuple[str, ...] = ()


def snapshot(engine: float | None = None, proc: str = "/proc") -> Snapshot:
    """Now; `engine` is what the engine says of its own processor time (s)."""
    words = Path(proc, "stat").read_text().partition("\n")[0].split()[1:9]
    user, nice, system, _, _, irq, softirq, stolen = (int(w) / TICK for w in words)
    times = os.times()
    return Snapshot(
        time.monotonic(),
        time.time(),
        user + nice + system + irq + softirq,
        stolen,
        engine,
        times.user + times.system,
        float(Path(proc, "loadavg").read_text().split()[0]),
    )


def between(
    before: Snapshot, after: Snapshot, threads: int, processors: int = 0, *, passive: bool = False
) -> Disturbance:
    """Compare two snapshots around a repetition of an engine that has `threads` (0: unknown), and should get
    nearly all of their time; less where they sleep while they wait (`passive`), and none of it is missing where nobody
    else computed.

    A share is judged only where more than a tenth of a second was measured: processor time is counted in ticks.
    """
    processors = processors or os.cpu_count() or 1
    seconds, reasons = after.monotonic - before.monotonic, []
    if seconds <= 0 or abs((after.wall - before.wall) - seconds) > JUMP:
        reasons.append("a clock was set")
    seconds = max(seconds, 1e-9)
    used = None if before.engine is None or after.engine is None else after.engine - before.engine
    others = max(0.0, after.busy - before.busy - (used or 0.0) - (after.ours - before.ours)) / seconds
    share = None
    if used is not None and threads and seconds > 0.1:
        share = used / (seconds * threads)
        if share < (PASSIVE if passive else SHARE) and not (passive and others <= ALONE):
            reasons.append(f"the engine had {share:.0%} of its processors")
    if (after.stolen - before.stolen) / seconds / processors > STOLEN:
        reasons.append("the host of this machine took its processors away")
    if used is not None and others > max(OTHERS, processors - threads) and seconds > 0.1:
        reasons.append(f"others kept {others:.1f} of {processors} processors busy")
    return Disturbance(share, others, after.load, tuple(reasons))


def process_cpu(pid: int, proc: str = "/proc") -> float | None:
    """Processor seconds of a process with all its threads; None when it is gone."""
    try:
        return cpu_of(Path(proc, str(pid), "stat").read_text())
    except OSError:
        return None


def cpu_of(stat: str) -> float:
    """Processor seconds in the text of a ``/proc/PID/stat``."""
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces
    return (int(fields[11]) + int(fields[12])) / TICK


def available(proc: str = "/proc") -> int:
    """Bytes of memory that a new program may take."""
    for line in Path(proc, "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def is_busy(seconds: float = 0.2) -> bool:
    """Whether others compute: now, looked at for `seconds`, or on the average of the last minute."""
    before = snapshot()
    time.sleep(seconds)
    after = snapshot()
    return between(before, after, 0).others > OTHERS or after.load > (os.cpu_count() or 1)
