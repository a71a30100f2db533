"""Tables of what a world's status document holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from homelab.record import MIME, VERSION, masked, table


@dataclass(frozen=True)
class Table:
    """Rows of plain words under a head, or the words `empty`; shows as HTML and as columns of text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "none"

    def __str__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.head, *self.rows]
        wide = [max(len(line[n]) for line in lines) for n in range(len(self.head))]
        return "\n".join(
            "  ".join(word.ljust(w) for word, w in zip(line, wide, strict=True)).rstrip() for line in lines
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        rows = [[escape(word) for word in row] for row in self.rows]
        html = table(list(self.head), rows) if rows else f"<p>{escape(self.empty)}</p>"
        bundle: dict[str, Any] = {"text/plain": str(self), "text/html": html}
        if rows:  # a run's report has it too
            bundle[MIME] = masked({"v": VERSION, "kind": "table", "head": self.head, "rows": self.rows})
        return bundle


def machines(status: Mapping[str, Any]) -> Table:
    """Every machine of the lab: what it is, where it is, and how its tailscale stands."""
    return Table(
        ("machine", "what it is", "addresses", "tailscale"),
        tuple(
            (
                name,
                m.get("about") or m.get("role", ""),
                ", ".join(a.partition("/")[0] for a in m["addresses"].values()),
                _tailscale(m),
            )
            for name, m in status["machines"].items()
        ),
    )


def stand_ins(status: Mapping[str, Any]) -> Table:
    """Which machines only play something, and what; every other machine is what it says."""
    return Table(
        ("machine", "stands in for", "what it does here"),
        tuple(
            (name, m["stand_in"], m.get("about") or m.get("role", ""))
            for name, m in status["machines"].items()
            if m.get("stand_in")
        ),
        "Nothing here is a stand-in.",
    )


def links(status: Mapping[str, Any]) -> Table:
    """Every link that is not as it should be; no rows where all are sound."""
    from homelab.pictures.topology import strains

    found = [(k["machine"], k["network"], ", ".join(strains(k))) for k in status.get("links", ())]
    return Table(
        ("machine", "network", "what is wrong"), tuple(row for row in found if row[2]), "Every link is sound."
    )


def _tailscale(machine: Mapping[str, Any]) -> str:
    state = machine.get("tailscale") or "none"
    if state in ("none", "not installed"):
        return "–"
    address = machine.get("tailnet_ip")
    return f"{state}, {address}" if address else str(state)
