"""Eight trivial notebooks: one run of ours against eight calls of papermill's command line."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import Tiny

ROUNDS = 3
WANTED = 4.0


def seconds(do: Callable[[], None]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


@pytest.mark.bench
def test_one_run_against_eight_calls(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    books = [tiny.book(f"{n:02}_book{n}", *(f"print({k}, word)" for k in range(4))) for n in range(8)]
    papermill = Path(sys.executable).with_name("papermill")

    def one_by_one() -> None:
        for book in books:
            words = [papermill, book, tmp_path / "copy.ipynb", "-p", "word", "x", "--no-progress-bar"]
            subprocess.run(words, check=True, stderr=subprocess.DEVNULL)

    def one_run(number: int) -> None:
        out = tmp_path / f"out{number}"
        words = tiny.command("run", "--params", str(tiny.home), "-p", "word=x", "--out", str(out))
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    theirs = [seconds(one_by_one) for _ in range(ROUNDS)]
    ours = [seconds(lambda n=n: one_run(n)) for n in range(ROUNDS)]
    ratio = statistics.median(theirs) / statistics.median(ours)
    shown = " ".join(f"{t:.1f}" for t in theirs), " ".join(f"{t:.1f}" for t in ours)
    print(
        f"\neight trivial notebooks: papermill's command line {shown[0]} s, one run {shown[1]} s: {ratio:.1f} times faster"
    )
    assert ratio >= WANTED
