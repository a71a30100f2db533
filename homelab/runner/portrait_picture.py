"""The picture of a home: its house with the machines in it, the tailnet above, and what the internet sees.

An SVG that takes its colours from the page around it, so it is right in the dark and in print as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from homelab.portrait.facts import Home, Seen

WIDTH, WALL, EAVES, GAP, ROW = (
    920,
    70,
    40,
    18,
    3,
)  # of the drawing, beside the house, and between cards; cards in a row
LETTER = 0.6  # width of a letter, as a share of its size
CHIP, LINE = 24, 30  # height of a chip, and of a row of them
SHOWN = 9  # devices that are drawn; the others are counted


@dataclass(frozen=True)
class _Chip:
    text: str
    kind: str

    @property
    def width(self) -> float:
        return len(self.text) * 12.5 * LETTER * 0.95 + 32


def picture(home: Home) -> str:
    """The drawing, with its description for who does not see it."""
    rows = [home.machines[n : n + ROW] for n in range(0, len(home.machines), ROW)]
    joined = [s for s in home.machines if s.node and s.node.running]
    top = 128.0 if joined else 20.0
    roof = top + 82
    parts: list[str] = []
    y = roof + 24
    wires: list[str] = []
    for row in rows:
        width = (WIDTH - 2 * WALL - GAP * (len(row) + 1)) / len(row)
        cards = [_card(seen, WALL + GAP + n * (width + GAP), y, width) for n, seen in enumerate(row)]
        high = max(height for _, height in cards)
        for n, (seen, (body, _)) in enumerate(zip(row, cards, strict=True)):
            x = WALL + GAP + n * (width + GAP)
            parts.append(f'<g transform="translate({x:.0f} {y:.0f})">{_sheet(width, high)}{body}</g>')
            if seen in joined:
                wires.append(_wire(x + width - 34, y))
            if any(s.public for s in seen.node.served) if seen.node else False:
                wires.append(_way_out(x + width - 14, y))
        y += high + GAP
    bottom = y + 6
    house = _house(top + 10, roof, bottom)
    sky = _sky(home, joined) if joined else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {bottom + 16:.0f}" role="img" aria-label="{escape(described(home))}" class="home">'
        f"{house}{''.join(wires)}{sky}{''.join(parts)}</svg>"
    )


def described(home: Home) -> str:
    """The picture in words."""
    said = []
    for seen in home.machines:
        runs = [c.name for c in seen.docker.containers if c.status == "running"] if seen.docker else []
        what = f" runs {', '.join(runs)}" if runs else " runs no containers"
        net = " and is in the tailnet" if seen.node and seen.node.running else " and is in no tailnet"
        said.append(f"{seen.called}{what}{net}")
        said += [
            f"{s.url} is open to the internet" for s in (seen.node.served if seen.node else ()) if s.public
        ]
    return f"A house. In it {'; '.join(said)}."


def _house(top: float, roof: float, bottom: float) -> str:
    middle = WIDTH / 2
    return (
        f'<path class="chimney" d="M206 {roof - 30:.0f}v-44h34v56z"/>'
        f'<rect class="wall" x="{WALL}" y="{roof - 4:.0f}" width="{WIDTH - 2 * WALL}" height="{bottom - roof + 4:.0f}" rx="6"/>'
        f'<path class="roof" d="M{EAVES} {roof:.0f} {middle} {top:.0f} {WIDTH - EAVES} {roof:.0f}z"/>'
        f'<path class="ground" d="M{EAVES - 20} {bottom:.0f}H{WIDTH - EAVES + 20}"/>'
    )


def _sheet(width: float, height: float) -> str:
    return f'<rect class="card" width="{width:.0f}" height="{height:.0f}" rx="9"/>'


def _card(seen: Seen, x: float, y: float, width: float) -> tuple[str, float]:
    """What stands on a machine's card, and how high that is."""
    chips = list(_chips(seen))
    words = [
        w
        for w in (seen.name if seen.called != seen.name else "", seen.system.distribution.partition(" (")[0])
        if w
    ]
    body = [
        f'<text class="name" x="16" y="30">{escape(_cut(seen.called, width - 70, 18))}</text>',
        f'<text class="soft" x="16" y="50">{escape(_cut(" · ".join(words), width - 32, 12.5))}</text>',
    ]
    placed, rows = _flow(chips, width - 24)
    body += [_drawn(chip, 12 + at, 66 + row * LINE) for chip, at, row in placed]
    if not chips:
        body.append('<text class="soft" x="16" y="80">no containers</text>')
    return "".join(body), 66 + max(rows, 1) * LINE + 8


def _chips(seen: Seen) -> Iterator[_Chip]:
    for one in seen.docker.containers if seen.docker else ():
        port = f" :{one.ports[0].port}" if one.ports else ""
        yield _Chip(f"{one.name[:26]}{port}", "well" if one.well else "ill")
    for card in seen.gpus:
        yield _Chip(card.name.removeprefix("NVIDIA ")[:28], "gpu")


def _flow(chips: Sequence[_Chip], width: float) -> tuple[list[tuple[_Chip, float, int]], int]:
    """Chips in rows: each with its place, and the number of rows."""
    placed: list[tuple[_Chip, float, int]] = []
    at, row = 0.0, 0
    for chip in chips:
        if at and at + chip.width > width:
            at, row = 0.0, row + 1
        placed.append((chip, at, row))
        at += chip.width + 7
    return placed, row + 1


def _drawn(chip: _Chip, x: float, y: float) -> str:
    return (
        f'<g class="chip {chip.kind}" transform="translate({x:.1f} {y:.0f})"><rect width="{chip.width:.1f}" height="{CHIP}" rx="12"/>'
        f'<circle cx="12" cy="12" r="3.2"/><text x="20" y="16.5">{escape(chip.text)}</text></g>'
    )


def _sky(home: Home, joined: Sequence[Seen]) -> str:
    node = joined[0].node
    assert node
    own = {s.node.name for s in joined if s.node}
    others = [p for p in node.peers if p.name not in own]
    public = any(x.public for s in joined if s.node for x in s.node.served)
    width = WIDTH - 2 * EAVES - (190 if public else 0)
    chips = [_Chip(p.name[:22], "on" if p.online else "off") for p in others]
    placed, _ = _flow(chips[:SHOWN], width - 40)
    fitting = [(c, at, row) for c, at, row in placed if row < 2]
    left = len(others) - len(fitting)
    title = f"tailnet {node.tailnet}" if node.tailnet else "the tailnet"
    title += f", {left} more devices" if left else ""
    first = 34 if any(row for _, _, row in fitting) else 48
    body = "".join(_drawn(c, EAVES + 16 + at, first + row * LINE) for c, at, row in fitting)
    if not others:
        body = f'<text class="soft" x="{EAVES + 18}" y="62">no other device yet</text>'
    sky = (
        f'<rect class="tailnet" x="{EAVES}" y="8" width="{width}" height="92" rx="22"/>'
        f'<text class="title" x="{EAVES + 18}" y="28">{escape(_cut(title, width - 36, 13))}</text>{body}'
    )
    if public:
        sky += (
            f'<rect class="internet" x="{WIDTH - EAVES - 170}" y="8" width="170" height="92" rx="22"/>'
            f'<text class="title" x="{WIDTH - EAVES - 85}" y="50" text-anchor="middle">the internet</text>'
            f'<text class="soft" x="{WIDTH - EAVES - 85}" y="70" text-anchor="middle">sees one page (Funnel)</text>'
        )
    return sky


def _wire(x: float, y: float) -> str:
    return f'<path class="wire" d="M{x:.0f} {y + 24:.0f}V96"/><circle class="plug" cx="{x:.0f}" cy="{y + 24:.0f}" r="5"/>'


def _way_out(x: float, y: float) -> str:
    to = WIDTH - EAVES - 60
    return f'<path class="funnel" d="M{x:.0f} {y + 24:.0f}C{x:.0f} {y - 60:.0f} {to} {y - 40:.0f} {to} 96"/>'


def _cut(text: str, width: float, size: float) -> str:
    most = max(4, int(width / (size * LETTER)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
