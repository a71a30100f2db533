"""What of the talk works with Headscale as the control plane, chapter by chapter.

Source: Headscale's own features page, docs/about/features.md, as stored at commit 18d21d3, and its
open requests on GitHub: #1040 (Funnel), #1921 (serve with HTTPS), #2137 (tailscale cert), #2442
(OAuth clients), #1793 and #3425 (recorders); its CHANGELOG for 0.29 (check mode). Nothing here was
tried by us: Headscale is not among what the lab can install.
"""

from __future__ import annotations

from dataclasses import dataclass

from homelab.pictures.tables import Table

WORKS, PARTLY, NOT = "works", "partly", "not yet"


@dataclass(frozen=True)
class Chapter:
    """One stage of the talk: what its features page says, and what you would do instead."""

    stage: str
    feature: str
    verdict: str
    note: str


CHAPTERS = (
    Chapter(
        "03 enrollment",
        "login page, auth keys, MagicDNS, nameservers, policy, DERP",
        WORKS,
        "the same client with --login-server; the admin API is Headscale's own, so what we do by API is skipped",
    ),
    Chapter(
        "04 services",
        "a device per service, HTTPS by serve",
        PARTLY,
        "devices work; HTTPS by serve does not (#1921, certificates #2137): put a reverse proxy in front",
    ),
    Chapter("05 funnel", "Funnel", NOT, "#1040 is open: it needs an ingress that Headscale does not run"),
    Chapter("06 exit node", "exit nodes", WORKS, "approved by hand or by autoApprovers; no Mullvad"),
    Chapter(
        "07 subnet router", "subnet routes, split DNS", WORKS, "split DNS is set in Headscale's configuration"
    ),
    Chapter(
        "08 audited ssh",
        "Tailscale SSH with recording",
        PARTLY,
        "SSH rules work, check mode since 0.29; no recorders (#1793; a change is open, #3425), so no recording",
    ),
    Chapter("09 gpu benchmarks", "plain reachability", WORKS, "an API on a port of a node is all it takes"),
    Chapter("10 gotchas", "Windows and WSL", WORKS, "the client is the same, and so are its gotchas"),
)


def table() -> Table:
    """The chapters and their verdicts."""
    rows = tuple((c.stage, c.feature, c.verdict, c.note) for c in CHAPTERS)
    return Table(("stage", "needs", "with Headscale", "note"), rows)
