"""The lab in a terminal: its status and its links as tables."""

from __future__ import annotations

from typing import Any

from homelab.lab_idle import missing

LEASED = "it is the one of ./runbook open, and ends with that"


def status(document: dict[str, Any]) -> str:
    """The status document for a person."""
    head = f"the lab is up: tier {document['tier']}, pid {document['pid']}, topology {document['topology']}"
    head += f"\n{LEASED}" if document["leased"] else ""
    rows: list[tuple[str, ...]] = [("machine", "role", "addresses", "tailscale", "tailnet", "")]
    for name, machine in document["machines"].items():
        notes = [f"plays {machine['stand_in']}"] if machine["stand_in"] else []
        notes += ["Docker"] if machine["docker"] else []
        notes += [f"{machine['nat']} NAT"] if machine["nat"] else []
        notes += ["stopped"] if machine["stopped"] else []
        notes += [f"{service} is not running" for service in missing(machine)]
        rows.append(
            (
                name,
                machine["role"],
                " ".join(a.partition("/")[0] for a in machine["addresses"].values()),
                "–" if machine["tailscale"] == "none" else machine["tailscale"],
                machine["tailnet_ip"] or "–",
                "; ".join(notes),
            )
        )
    changed = [link for link in document["links"] if differs(link)]
    lines = [head, "", *table(rows), *(["", *(link_line(w) for w in changed)] if changed else [])]
    if document.get("broken"):
        lines += ["", f"broken on purpose: {document['broken']}; ./runbook lab mend"]
    if any(missing(machine) for machine in document["machines"].values()):
        lines += ["", "Hint: ./runbook lab up starts what is not running"]
    return "\n".join(lines)


def differs(link: dict[str, Any]) -> bool:
    """Whether something was done to the link."""
    plain = not link["delay_ms"] and not link["loss_pct"] and link["mtu"] == 1500 and link["udp"] == "pass"
    return link["cut"] or link["nat"] == "symmetric" or not plain


def link_line(link: dict[str, Any]) -> str:
    """One link for a person."""
    if link["cut"]:
        state = "cut"
    else:
        state = f"delay {link['delay_ms']:g} ms each way, loss {link['loss_pct']:g} %, MTU {link['mtu']}"
        state += ", UDP blocked" if link["udp"] == "block" else ""
        state += f", {link['nat']} NAT" if link["nat"] else ""
    return f"{link['machine']} – {link['network']}: {state}"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
