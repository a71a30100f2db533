"""Which tests run when: ``--nightly`` adds the long and heavy, ``--bench`` prints ratios and nothing else."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("homelab")
    group.addoption("--nightly", action="store_true", help="also the tests that are long or heavy")
    group.addoption("--bench", action="store_true", help="only the benchmarks, which print ratios")


@pytest.hookimpl(tryfirst=True)  # before anybody asks for the folder
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("python_files", "bench_*.py")
    if hasattr(config, "workerinput"):
        _apart(config, config.workerinput["workerid"])


def _apart(config: pytest.Config, worker: str) -> None:
    """What there is once for a checkout, its lab among it, each of two workers has for itself: in the run's folder."""
    folder = Path(config.option.basetemp)
    config.option.basetemp = folder.with_name(
        worker.removeprefix("gw")
    )  # a short name, for sockets are below it
    os.environ["XDG_STATE_HOME"] = str(folder.with_name(f"{worker}-state"))
    os.environ.pop("HOMELAB_LAB", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    nightly, bench = config.getoption("--nightly"), config.getoption("--bench")
    chosen, others = [], []
    for item in items:
        is_bench = item.get_closest_marker("bench") is not None
        wanted = is_bench if bench else not is_bench and (nightly or not item.get_closest_marker("nightly"))
        (chosen if wanted else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


def pytest_runtest_setup(item: pytest.Item) -> None:
    if (item.get_closest_marker("lab") or item.path.suffix == ".ipynb") and (reason := no_lab()):
        pytest.skip(reason)


@functools.cache
def no_lab() -> str:
    """Why this machine cannot have a lab; empty where it can."""
    found = subprocess.run(
        [sys.executable, "-m", "homelab.lab", "preflight"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = (found.stderr.strip() or found.stdout.strip() or f"status {found.returncode}").splitlines()
    return f"no lab here: {' | '.join(said[-4:])}" if found.returncode else ""
