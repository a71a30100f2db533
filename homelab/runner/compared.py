"""A pytest plugin: nbval compares what committed plans say, and neither what is volatile nor pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from homelab.lab_lease import kept
from homelab.runner.records import MIME
from homelab.runner.volatile import PADDING, RULES


def pytest_collectstart(collector: Any) -> None:
    """Give nbval's collector of a notebook the rules by which committed outputs are refreshed."""
    if hasattr(collector, "sanitize_patterns"):
        collector.sanitize_patterns.update({looks: stands for _, looks, stands in RULES}, **{PADDING: "  "})
        collector.skip_compare += ("text/html", MIME)


def pytest_itemcollected(item: Any) -> None:
    """Have a cell of plans compared, in labs as the committed ones were: fresh, and root's."""
    if hasattr(item.parent, "sanitize_patterns") and only_plans(item.cell.get("outputs", [])):
        item.options["check"] = os.geteuid() == 0 and not kept()


def only_plans(outputs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether `outputs` are plans: two labs never differ in them. What is measured, every machine has its own."""
    return {output.get("data", {}).get(MIME, {}).get("kind") for output in outputs} == {"plan"}
