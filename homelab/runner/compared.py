"""A pytest plugin: nbval compares what committed plans say, and neither what is volatile nor pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from homelab.lab_lease import kept
from homelab.runner.records import MIME
from homelab.runner.volatile import PADDING, RULES


def pytest_collectstart(collector: Any) -> None:
    """Give nbval's collector of a notebook the rules by which committed outputs are refreshed."""
    if hasattr(collector, "sanitize_patterns"):
        collector.sanitize_patterns.update({looks: stands for _, looks, stands in RULES}, **{PADDING: "  "})
        collector.skip_compare += ("text/html", MIME)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: Any) -> Iterator[None]:
    """Start nbval's kernels as those of runs: nobody presses a button there, so panels show what they say without."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(item.parent, "sanitize_patterns"):
            patch.setenv("HOMELAB_HEADLESS", "1")
        yield


def pytest_itemcollected(item: Any) -> None:
    """Have a cell of plans compared, in labs as the committed ones were: fresh, and root's."""
    if hasattr(item.parent, "sanitize_patterns") and only_plans(item.cell.get("outputs", [])):
        item.options["check"] = os.geteuid() == 0 and not kept()


def only_plans(outputs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether `outputs` are plans: two labs never differ in them. What is measured, every machine has its own."""
    return {output.get("data", {}).get(MIME, {}).get("kind") for output in outputs} == {"plan"}
