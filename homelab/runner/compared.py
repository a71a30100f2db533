"""A pytest plugin: where a cell asks for it, nbval compares what it says; neither what is volatile nor pictures."""

from __future__ import annotations

from typing import Any

from homelab.lab_lease import kept
from homelab.runner.volatile import PADDING, RULES

NOT_COMPARED = ("text/html", "image/svg+xml", "application/vnd.homelab+json")
WORDS = ("text", "text/plain")


def pytest_collectstart(collector: Any) -> None:
    """Give nbval's collector of a notebook the rules by which committed outputs are refreshed."""
    if not hasattr(collector, "sanitize_patterns"):
        return
    collector.sanitize_patterns.update({looks: stands for _, looks, stands in RULES}, **{PADDING: "  "})
    collector.skip_compare += NOT_COMPARED
    if kept():  # who knows what was done in that lab
        collector.skip_compare += WORDS
