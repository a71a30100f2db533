"""Who is who in the tailnet: its devices as the policy sees them, and which of them a machine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from homelab.policy.allowed import Node
from homelab.resources.tailscale_status import peers, short_name

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet


def nodes(tailnet: Tailnet) -> list[Node]:
    """Every device of the tailnet, by the admin API; those shared into it by others are left out.

    Raises:
        HomelabError: the API refuses.
    """
    roles = {u.login_name: str(u.role) for u in tailnet.call(lambda ts: ts.users())}
    return [
        Node(
            d.name.split(".")[0],
            d.user or "",
            roles.get(d.user or "", "member"),
            tuple(sorted(d.tags)),
            tuple(d.addresses),
            tuple(d.enabled_routes),
            online=bool(d.connected_to_control),
        )
        for d in tailnet.call(lambda ts: ts.devices()).values()
        if not d.is_external
    ]


def itself(found: Mapping[str, Any], known: Sequence[Node]) -> Node | None:
    """The node whose ``tailscale status`` is `found`; None where nobody is logged in.

    A node that the tailnet does not list belongs to another one.
    """
    me = found.get("Self") or {}
    addresses = tuple(found.get("TailscaleIPs") or ())
    if found.get("BackendState") != "Running" or not addresses:
        return None
    for node in known:
        if set(node.addresses) & set(addresses):
            return node
    user = (found.get("User") or {}).get(str(me.get("UserID")), {}).get("LoginName", "")
    tags = tuple(sorted(me.get("Tags") or ()))
    return Node(short_name(me), user, tags=tags, addresses=addresses, shared=bool(known))


def seen_peers(found: Mapping[str, Any]) -> dict[str, str]:
    """The nodes that a node sees, by name, with their first address."""
    return {short_name(p): p["TailscaleIPs"][0] for p in peers(dict(found)) if p.get("TailscaleIPs")}


def exit_node(found: Mapping[str, Any], known: Sequence[Node]) -> Node | None:
    """The node through which the node of the status `found` goes to the internet; None where it goes itself."""
    used = [set(p.get("TailscaleIPs") or ()) for p in peers(dict(found)) if p.get("ExitNode")]
    return next((node for node in known for addresses in used if addresses & set(node.addresses)), None)
