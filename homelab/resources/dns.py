"""The tailnet's DNS page: MagicDNS, HTTPS certificates, nameservers. One per tailnet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab.resources.admin_api import curl, line

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet


@dataclass(frozen=True)
class State:
    """`nameservers` are the global ones; `split` holds ``domain=address`` pairs, sorted."""

    magic_dns: bool
    https: bool
    nameservers: tuple[str, ...] = ()
    split: tuple[str, ...] = ()


def read(tailnet: Tailnet, name: str = "") -> State:
    """By the admin API."""
    preferences = tailnet.call(lambda ts: ts.dns_preferences())
    servers = tailnet.call(lambda ts: ts.dns_nameservers())
    settings = tailnet.call(lambda ts: ts.tailnet_settings())
    split = tailnet.call(lambda ts: ts.split_dns())
    pairs = sorted(f"{domain}={a}" for domain, addresses in split.items() for a in addresses or ())
    return State(bool(preferences.magic_dns), bool(settings.https_enabled), tuple(servers.dns), tuple(pairs))


def command(before: State, after: State) -> list[str]:
    """The admin API by curl, one line for each setting that differs."""
    lines = []
    for path, method, body in _requests(before, after):
        lines.append(line(curl(path, method, json.dumps(body))))
    return ["sh", "-c", " &&\n".join(lines)]


def _requests(before: State, after: State) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    if before.magic_dns != after.magic_dns:
        found.append(("tailnet/-/dns/preferences", "POST", {"magicDNS": after.magic_dns}))
    if before.https != after.https:
        found.append(("tailnet/-/settings", "PATCH", {"httpsEnabled": after.https}))
    if before.nameservers != after.nameservers:
        found.append(("tailnet/-/dns/nameservers", "POST", {"dns": list(after.nameservers)}))
    if before.split != after.split:
        found.append(("tailnet/-/dns/split-dns", "PUT", _split(after)))
    return found


def _split(state: State) -> dict[str, Any]:
    domains: dict[str, Any] = {}
    for pair in state.split:
        domain, _, address = pair.partition("=")
        domains.setdefault(domain, []).append(address)
    return domains


def do(tailnet: Tailnet, before: State, after: State) -> None:
    """The same requests through the client library.

    Raises:
        HomelabError: the API refuses.
    """
    if before.nameservers != after.nameservers:
        tailnet.call(lambda ts: ts.set_dns_nameservers(dns=list(after.nameservers)))
    if before.magic_dns != after.magic_dns:
        tailnet.call(lambda ts: ts.set_dns_preferences(magic_dns=after.magic_dns))
    if before.https != after.https:
        tailnet.call(lambda ts: ts.update_tailnet_settings(https_enabled=after.https))
    if before.split != after.split:
        tailnet.call(lambda ts: ts.set_split_dns(split_dns=_split(after)))
