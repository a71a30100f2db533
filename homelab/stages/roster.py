"""Who is in the tailnet, as tables: asked of the machines themselves, and of the admin panel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from homelab import labsocket
from homelab.checks.panel import devices
from homelab.pictures.tables import Table
from homelab.resources import login
from homelab.vantage import Nobody, admin

if TYPE_CHECKING:
    from tailscale.models import Device

    from homelab.pictures.picture import Picture
    from homelab.world import World

DAY = 86_400


def standing(world: World, roles: list[str]) -> Table:
    """How each machine stands: what it is, what its tailscale says, its name and address in the tailnet."""
    rows = []
    for role in roles:
        now = login.read(world[role])
        rows.append((role, world[role].about, now.node, str(now.hostname) or "–", str(now.address) or "–"))
    head = ("machine", "what it is", "tailscale", "name", "address")
    return Table(head, tuple(rows), "None of the machines that the parameters name is in this world.")


def machines_page(world: World) -> Table:
    """The admin panel's machines: whose they are, what they run, whether they are connected, when to log in again."""
    tailnet = admin(world)
    if isinstance(tailnet, Nobody):
        return Table(("machines page",), ((tailnet.why,),))
    head = ("device", "belongs to", "address", "system", "client", "connected", "key")
    return Table(head, tuple(_row(name, d) for name, d in devices(tailnet).items()))


def drawn(world: World, roles: list[str]) -> Picture | Table:
    """The lab as it is now, with who is in the tailnet marked; of a home, the table of its machines."""
    if not world.lab:
        return standing(world, roles)
    from homelab.pictures.topology import topology

    return topology(
        labsocket.request(world.lab["socket"], op="status"), title="The lab, and who is in the tailnet"
    )


def _row(name: str, d: Device) -> tuple[str, ...]:
    address = next((a for a in d.addresses if ":" not in a), "–")
    owner = ", ".join(d.tags) or str(d.user)
    connected = "yes" if d.connected_to_control else "no"
    return (name, owner, address, str(d.os), str(d.client_version), connected, _renewal(d))


def _renewal(d: Device) -> str:
    if d.key_expiry_disabled or d.expires is None:
        return "never expires"
    days = round((d.expires - datetime.now(UTC)).total_seconds() / DAY)
    return f"{days} days left" if d.expires > datetime.now(UTC) else "expired"
