"""The pages of a window into the lab that are the window's own: its first page, and "no way there"."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab.runner.window import Offered

FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root{{color-scheme:light dark}}
body{{font:17px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}}
h1{{font-size:1.5rem}} a{{color:#0b5cad}} li{{margin:.4rem 0}} .soft{{color:#57606a}}
input{{font:inherit;width:24rem;max-width:70%;padding:.3rem}} button{{font:inherit;padding:.3rem .8rem}}
@media (prefers-color-scheme: dark){{body{{color:#e6e6e6;background:#16181c}} a{{color:#79b8ff}} .soft{{color:#9aa4af}}}}
</style><h1>{title}</h1>{body}"""


def index(offered: Offered, base: str) -> str:
    """The first page of a window: who looks, what there is to see, and a line for any other address."""
    links = "".join(
        f'<li><a href="{base}/go?to={escape(address)}">{escape(address)}</a> <span class="soft">{escape(about)}</span>'
        for address, about in offered.places
    )
    body = (
        f'<p>{escape(offered.about)}</p><ul>{links}</ul><form action="{base}/go"><label>Another address: '
        '<input name="to" placeholder="http://host:port/" required></label> <button>Go</button></form>'
        '<p class="soft">This page is made by the runbook; what it leads to is fetched inside the lab.</p>'
    )
    return FRAME.format(title=escape(offered.title), body=body)


def refused(offered: Offered, base: str, address: str, why: str) -> str:
    """What a reader sees where the machine cannot get the page."""
    body = (
        f"<p>From {escape(offered.role)}, <b>{escape(address)}</b> cannot be reached:</p>"
        f'<p class="soft">{escape(why)}</p><p>Is that what the chapter expects? Then all is well. '
        "If not: does the service run, and is this machine in the tailnet?</p>"
    )
    return FRAME.format(title="No way there", body=body + _back(offered, base))


def unknown(offered: Offered, base: str) -> str:
    """What a reader sees who asks for what no browser of the lab would open."""
    body = (
        "<p>Only addresses that begin with <b>http://</b> or <b>https://</b> are opened here, "
        "such as <code>http://192.168.1.20:8096/</code>.</p>"
    )
    return FRAME.format(title="No such address", body=body + _back(offered, base))


def _back(offered: Offered, base: str) -> str:
    return f'<p><a href="{base}/">{escape(offered.title)}: where it can look</a></p>'
