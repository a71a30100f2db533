"""The portrait of a home as a page: one file, no scripts, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from homelab.portrait.facts import Container, Home, Seen
from homelab.portrait.lifetimes import ends
from homelab.portrait.remarks import CARE, FULL, Remark, day, remarks, size
from homelab.runner.portrait_picture import picture
from homelab.runner.report import CLOSING, LOGO, POLICY
from homelab.secret import mask

STYLES = [Path(__file__).with_name(name) for name in ("report.css", "portrait.css")]
SOON = 30  # days
WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def page(home: Home, params: str) -> str:
    """The whole page; `params` is how the params file is called on a command line. No secret is in it."""
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    machines = "\n".join(_machine(seen, home) for seen in home.machines)
    said = "".join(map(_remark, remarks(home)))
    return mask(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title(home))}. Homelab Runbook</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="brand">{LOGO}<span>Homelab Runbook · the portrait of a home · {day(home.when)}</span></p>
<h1>{escape(title(home))}</h1>
<p class="lead">Seen by commands that only read. Nothing was changed, and nothing here is managed before you say so.</p>
<figure class="portrait">{picture(home)}</figure>
</header>
<main>
<section class="ok"><div class="top"><h2>Worth a look</h2></div>
<ul class="rows">{said}</ul></section>
{machines}
<section class="next drift"><div class="top"><h2>What now?</h2></div>
<ol>
<li>Read <code>{escape(params)}</code>: all of this is in it, as comments. <b>DECIDE</b> marks what only you can know.</li>
<li>See what the notebooks would say to it, and change nothing:<pre class="command">./runbook run --params {escape(params)}</pre></li>
<li>Claim one stage under <code>manage</code>, look at its plan, and only then add <code>--apply</code>. <code>./runbook undo</code> takes it back.</li>
</ol></section>
</main>
<footer>
<blockquote>{escape(CLOSING)}</blockquote>
<p>Written by Homelab Runbook on {day(home.when)} at {home.when:%H:%M} UTC. It holds names and addresses of your home: show it to whom you would show your home.</p>
</footer>
</body>
</html>
""")


def title(home: Home) -> str:
    """The home in one line: ``One machine, five containers, seven devices``."""
    containers = sum(len(s.docker.containers) for s in home.machines if s.docker)
    devices = max((len(s.node.peers) + 1 for s in home.machines if s.node and s.node.running), default=0)
    parts = [_count(len(home.machines), "machine"), _count(containers, "container")]
    parts += [f"{_count(devices, 'device')} in the tailnet"] if devices else ["no tailnet yet"]
    line = ", ".join(parts)
    return line[0].upper() + line[1:]


def _count(number: int, noun: str) -> str:
    return f"{WORDS[number] if number < len(WORDS) else number} {noun}{'s' * (number != 1)}"


def _remark(remark: Remark) -> str:
    kind, mark = ("warn", "!") if remark.kind == CARE else ("ok", "✓")
    return (
        f'<li class="{kind}"><span class="mark">{mark}</span><span class="what">{_inline(remark.title)}</span><span></span>'
        f'<div class="more">{_inline(remark.text)}</div></li>'
    )


def _inline(text: str) -> str:
    """Words in backticks are commands."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _machine(seen: Seen, home: Home) -> str:
    system = seen.system
    about = [
        f"plays {seen.name} in the notebooks: {seen.why}", system.cpu,
        f"{system.cores} core{'s' * (system.cores != 1)}" if system.cores else "",
        f"{size(system.memory)} of memory" if system.memory else "", seen.via if seen.via != "local" else "",
    ]  # fmt: skip
    columns = [_block("Tailnet", _tailnet(seen, home)), _disks(seen), _block("Backups", _backups(seen, home)), _block("Versions", _versions(seen, home))]  # fmt: skip
    if seen.wsl:
        columns.append(_block("WSL", [(escape(k), escape(v), "") for k, v in seen.wsl]))
    silent = (
        f'<p class="meta">No answer in time about {escape(", ".join(seen.silent))}.</p>'
        if seen.silent
        else ""
    )
    return f"""<section class="skipped"><div class="top"><h2>{escape(seen.called)}</h2><span class="badge">observed, not managed</span></div>
<p class="meta">{escape(" · ".join(a for a in about if a))}</p>{silent}
{_services(seen)}
<div class="cols">{"".join(f"<div>{c}</div>" for c in columns if c)}</div></section>"""


Row = tuple[str, str, str]  # name, HTML, class


def _block(name: str, rows: list[Row]) -> str:
    cells = "".join(f'<dt>{n}</dt><dd class="{kind}">{value}</dd>' for n, value, kind in rows)
    return f'<h3>{name}</h3><dl class="facts">{cells}</dl>'


def _services(seen: Seen) -> str:
    if seen.docker is None:
        return '<h3>Services</h3><p class="meta">Docker is not installed here.</p>'
    if seen.docker.refused:
        return f'<h3>Services</h3><p class="meta">Docker: {escape(seen.docker.refused)}.</p>'
    if not seen.docker.containers:
        return '<h3>Services</h3><p class="meta">Docker runs, and no container is there yet.</p>'
    groups = [(f"Compose project {p.name}", ", ".join(p.files), p.containers) for p in seen.docker.projects]
    groups += [("Containers of no project", "", seen.docker.single)] if seen.docker.single else []
    out = []
    for name, files, containers in groups:
        rows = "".join(_service(c, seen) for c in containers)
        out.append(f'<h3>{escape(name)}</h3><p class="meta path">{escape(files)}</p><div class="table"><table class="services"><thead><tr><th>service</th><th>image</th><th>address</th><th>keeps</th></tr></thead><tbody>{rows}</tbody></table></div>')  # fmt: skip
    return "".join(out)


def _service(one: Container, seen: Seen) -> str:
    kind, mark = ("ok", "✓") if one.well else ("fail", "✗")
    state = ", ".join(w for w in (one.status, one.health if one.health not in ("", "none") else "", f"restart {one.restart}" if one.restart in ("no", "") else "") if w)  # fmt: skip
    made = f"<small>made on {day(one.built)}</small>" if one.built else ""
    places = (
        "<br>".join(_address(p.address, p.port, p.protocol, seen) for p in one.ports)
        or '<span class="meta">not published</span>'
    )
    kept = ", ".join(m.source.rstrip("/").rpartition("/")[2][:24] or "/" for m in one.mounts[:3])
    kept += f" and {len(one.mounts) - 3} more" if len(one.mounts) > 3 else ""
    return (
        f'<tr class="{kind}"><td><span class="mark">{mark}</span>{escape(one.service or one.name)}<small>{escape(state)}</small></td>'
        f"<td>{_name(one.image)}{made}</td><td>{places}</td><td>{_name(kept) or 'nothing'}</td></tr>"
    )


def _name(words: str) -> str:
    """A long name in HTML, which is broken between its parts rather than in one."""
    return re.sub(r"([/:_])", r"\1<wbr>", escape(words))


def _address(address: str, port: int, protocol: str, seen: Seen) -> str:
    more = "/udp" if protocol == "udp" else ""
    if address in ("", "0.0.0.0", "::"):
        return f'{escape(seen.called)}:{port}{more} <small class="open">on all addresses</small>'
    return f"{escape(address)}:{port}{more}"


def _tailnet(seen: Seen, home: Home) -> list[Row]:
    node = seen.node
    if node is None:
        return [("tailscale", "not installed", "")]
    if not node.running:
        return [("state", escape(node.state), "")]
    rows = [
        ("name", escape(node.domain or node.name), ""),
        ("address", escape(", ".join(node.addresses[:1])), ""),
    ]
    if node.key_expires:
        days = (node.key_expires - home.when).days
        rows.append(
            ("login", f"ends in {days} days" if days >= 0 else "has ended", "warn" if days <= SOON else "")
        )
    else:
        rows.append(("login", "does not end", ""))
    for shown in node.served:
        kind = "to the whole internet" if shown.public else "to the tailnet"
        rows.append(("shows", f"{escape(shown.url)} {kind}", "warn" if shown.public else ""))
    if not node.served:
        rows.append(("shows", "nothing by serve or Funnel", ""))
    if node.routes or node.offers_exit:
        offers = [*node.routes, *(["a way out"] if node.offers_exit else [])]
        rows.append(("offers", escape(", ".join(offers)), ""))
    if node.uses_exit_node:
        rows.append(("goes out by", escape(node.uses_exit_node), ""))
    rows.append(("SSH", "by Tailscale" if node.ssh else _sshd(seen), ""))
    rows += [("says", escape(word), "warn") for word in node.health[:2]]
    return rows


def _sshd(seen: Seen) -> str:
    if any(p.port == 22 and not p.loopback for p in seen.listeners):
        return "sshd listens on port 22"
    return "sshd is installed" if "sshd" in seen.system.programs else "none"


def _disks(seen: Seen) -> str:
    bars = "".join(
        f'<div class="disk {"warn" if m.share >= FULL else "planned"}"><p><span>{escape(m.at)}</span>'
        f"<small>{m.share:.0%} full, {size(m.size - m.used)} of {size(m.size)} left</small></p>"
        f'<div class="bar" role="img" aria-label="{escape(m.at)} is {m.share:.0%} full"><i style="width:{m.share:.0%}"></i></div></div>'
        for m in seen.mounts
    )
    kinds = ", ".join(f"{d.model or d.name} ({size(d.size)})" for d in seen.disks)
    return f'<h3>Disks</h3>{bars}<p class="meta">{escape(kinds)}</p>' if bars else ""


def _backups(seen: Seen, home: Home) -> list[Row]:
    rows: list[Row] = []
    for one in seen.repositories:
        days = (home.when - one.newest).days if one.newest else None
        age = "empty" if days is None else "newest of today" if days < 1 else f"newest {days} days old"
        rows.append((one.kind, f"{escape(one.at)}, {age}", ""))
    rows += [("scheduled", escape(word), "") for word in seen.schedules[:4]]
    return rows or [("seen", "none, where this user may look", "")]


def _versions(seen: Seen, home: Home) -> list[Row]:
    return [(escape(what), escape(value), kind) for what, value, kind in versions(seen, home)]


def versions(seen: Seen, home: Home) -> Iterator[Row]:
    """What runs in which version, as plain words, and whether it is out of date as far as we know (class ``warn``)."""
    system = seen.system
    last = ends(system.id, system.version)
    name = system.distribution or "unknown"
    if last is None:
        yield "system", name, ""
    elif last < home.when.date():
        yield "system", f"{name}: no updates since {last:%B %Y}", "warn"
    else:
        yield "system", f"{name}, mended until {last:%B %Y}", ""
    yield (
        "kernel",
        system.kernel + (" (waits for a restart)" if system.reboot else ""),
        "warn" if system.reboot else "",
    )
    if seen.node and seen.node.version:
        newer = f"; {seen.node.latest} is out" if seen.node.latest else ""
        yield "Tailscale", f"{seen.node.version}{newer}", "warn" if newer else ""
    if seen.docker and seen.docker.version:
        yield "Docker", seen.docker.version, ""
    for card in seen.gpus:
        yield "GPU", f"{card.name}, {size(card.total)}, driver {card.driver}", ""
    if not seen.gpus:
        yield "GPU", "none of NVIDIA's", ""
