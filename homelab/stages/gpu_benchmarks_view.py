"""What the benchmarks' chapter shows: tables and pictures of a report, of lists of cards, models and prices."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from homelab.gpu import cost, talk_figures
from homelab.pictures import break_even as even
from homelab.pictures import cost as costs
from homelab.pictures import depth as deep
from homelab.pictures import roofline as roof
from homelab.pictures import vram
from homelab.pictures.tables import Table

if TYPE_CHECKING:
    from homelab.gpu.bandwidth import Bandwidth
    from homelab.gpu.catalogue import Catalogue
    from homelab.llm.result import Case, Number, Report
    from homelab.pictures.picture import Picture

CARDS = ("gtx-1060-3gb", "rtx-3060-12gb", "t4", "rtx-3090", "a100-80gb", "a10g-x4")
LINES = ("smollm2-135m", "llama-3.2-3b", "llama-3.1-8b", "llama-2-70b")
EXAMPLE = "llama-3.1-8b"  # the model of the price comparison
OWN, RENTED = "rtx-3060-12gb", ("g4dn-spot", "g4dn-on-demand")


def fits(listed: Catalogue, contexts: tuple[int, ...] = (2500, 32768)) -> Picture:
    """Every model of the list on the talk's cards and their neighbours."""
    return vram.vram([
        vram.Fit(model.name, listed.card(card).name, n, listed.verdict(key, card, n) if n <= model.context else None)
        for n in contexts for key, model in listed.models.items() for card in CARDS
    ])  # fmt: skip


def by_depth(report: Report) -> Picture:
    """Decode and prefill of one stream against the depth of the context."""
    curve = deep.Curve(
        report.engine.model or report.engine.engine, _points(report, "decode"), _points(report, "prefill")
    )
    return deep.depth([curve])


def _points(report: Report, what: str) -> list[deep.Point]:
    found = [(c.depth, c.number(what, report.wanted)) for c in report.cases if c.streams == 1]
    return [deep.Point(depth, n.mean, n.sd, bool(n.disturbed)) for depth, n in found if n]


def reads(report: Report, depth: int) -> int:
    """Bytes that decoding one token reads at `depth`: all weights, and the cache of what stands before it."""
    return report.engine.weights + report.engine.kv * depth


def by_this_memory(report: Report) -> bool:
    """Whether the engine computes with this machine's processor, by what it tells, and says how large its model is."""
    e = report.engine
    return e.weights > 0 and e.device == "CPU" and not e.host


def shares(report: Report, memory: Bandwidth) -> Table:
    """Decode as a share of what this machine's memory could deliver, depth by depth."""
    rows = []
    for depth, n in _decode(report) if by_this_memory(report) else ():
        many = reads(report, depth)
        mark = "~" if n.disturbed or memory.disturbed else ""
        rows.append(
            (
                f"{depth:,}",
                f"{many / 1e6:.1f} MB",
                str(n),
                f"{many * n.mean / 1e9:.2f} GB/s",
                f"{mark}{memory.used_by(many, n.mean):.0%}",
            )
        )
    head = ("depth", "read for a token", "tokens/s", "that is", "of what memory delivers")
    return Table(
        head,
        tuple(rows),
        report.ended or "As far as the engine tells, it does not read this machine's memory.",
    )


def agreement(report: Report) -> Table:
    """Our clock beside the engine's own, as a ratio: the method is good where it is near 1; and what our asking took."""
    rows = []
    for case in report.cases:
        for what in ("prefill", "decode"):
            ours, own = case.number(what, report.wanted), case.number(f"engine_{what}", report.wanted)
            if ours and own and case.streams == 1:
                share = case.number("asking", report.wanted) if what == "decode" else None
                differ = f"{ours.median / own.median - 1:+.1%}"
                took = f"{share.median:.1%}" if share else "–"
                rows.append((what, f"{case.depth:,}", str(ours), str(own), differ, took))
    head = ("what", "depth", "our clock (tokens/s)", "the engine's (tokens/s)", "difference of the medians",
            "asking took at most")  # fmt: skip
    return Table(head, tuple(rows), "The engine does not tell its own times.")


def _mark(disturbed: object) -> str:
    return " (~)" if disturbed else ""


def _decode(report: Report) -> list[tuple[int, Number]]:
    found = ((c.depth, c.number("decode", report.wanted)) for c in report.cases if c.streams == 1)
    return [(depth, n) for depth, n in found if n]


def roofline(listed: Catalogue, report: Report, memory: Bandwidth) -> Picture:
    """How fast decoding could be by memory alone; today's dots, and the talk's, hollow."""
    large, talk = listed.model("llama-2-70b"), listed.prices.talk
    dots = [
        roof.Dot(
            f"here, depth {depth:,}{_mark(n.disturbed or memory.disturbed)}",
            memory.mean,
            reads(report, depth),
            n.mean,
            n.sd,
        )
        for depth, n in _decode(report)[:1]
        if by_this_memory(report)
    ]
    dots.append(
        roof.Dot(
            "the talk's", listed.card("a10g-x4").bandwidth.value, large.size, talk.speed.value, measured=False
        )
    )
    cards = {listed.card(k).name: listed.card(k).bandwidth.value for k in CARDS if k != "a10g-x4"}
    memories = {
        f"this machine{_mark(memory.disturbed)}": memory.mean,
        **cards,
        "A10G": listed.card("a10g-x4").bandwidth.value,
    }
    return roof.roofline({listed.model(m).name: listed.model(m).size for m in LINES}, memories, dots)


def ways(listed: Catalogue, report: Report) -> list[cost.Way]:
    """Ways to get tokens: today's small model here, an 8B model at its cards' ceilings, the talk's 70B as it was told."""
    model = listed.model(EXAMPLE)
    found = []
    for case in [c for c in report.cases if c.streams == 1][:1]:
        if n := case.number("decode", report.wanted):
            watts, known = _watts(listed, report, case, n)
            hourly = cost.electricity(watts, listed.prices.per_kwh())
            size = f", {report.engine.parameters / 1e9:.2g}B" if report.engine.parameters else ""
            name = f"{_whose(report)}{size}{_mark(n.disturbed)}"
            found.append(cost.Way(name, "home", hourly, n.mean, known=f"measured, at {watts:.0f} W {known}"))

    def most(card: str) -> float:
        return cost.ceiling(listed.card(card), model.size)

    found += [_named(cost.at_home(listed, card, most(card)), "8B") for card in (OWN, "rtx-3090")]
    found += [_named(cost.rented(listed, name, most("t4")), "8B") for name in RENTED]
    speed = listed.prices.talk.speed.value
    return [
        *found,
        *(_named(cost.rented(listed, name, speed), "70B") for name in ("g5-talk", "g5-on-demand")),
    ]


def _whose(report: Report) -> str:
    """What the bar of the price stands for: this machine only where its processor is known to have computed."""
    e = report.engine
    if by_this_memory(report):
        return "this machine"
    device = f" ({e.device})" if e.device else ""
    return f"{e.engine}{device} on {e.host or 'this machine'}"


def _watts(listed: Catalogue, report: Report, case: Case, decode: Number) -> tuple[float, str]:
    """What it draws while it decodes: the board as NVML measured it, where it did, else assumed."""
    joules = case.number("joules", report.wanted)
    if joules and not report.engine.host:
        return joules.mean * decode.mean, "of the card measured"
    return listed.prices.machine.value, "assumed"


def _named(way: cost.Way, model: str) -> cost.Way:
    return dataclasses.replace(way, name=f"{way.name}, {model}")


def price(listed: Catalogue, report: Report) -> Picture:
    """Dollars for a million tokens."""
    return costs.cost(ways(listed, report))


def pays(listed: Catalogue) -> Picture:
    """When buying a card is cheaper than renting one for the same tokens."""
    size = listed.model(EXAMPLE).size
    own = cost.at_home(listed, OWN, cost.ceiling(listed.card(OWN), size))
    rent = [cost.rented(listed, name, cost.ceiling(listed.card("t4"), size)) for name in RENTED]
    return even.break_even(own, rent)


def claims(listed: Catalogue) -> Table:
    """The talk's figures, each beside its arithmetic."""
    rows = tuple((c.said, c.arithmetic, c.verdict, c.why) for c in talk_figures.claims(listed))
    return Table(("the talk says", "the arithmetic", "it", "why"), rows)
