"""Break and mend: faults as data, one constant each; `fault.Fault` says what one is made of, `lesson` plays them."""

from __future__ import annotations

from homelab.errors import ParamsError, Problem, nearest
from homelab.faults import house, nodes, recordings, routes, shown
from homelab.faults.fault import Fault

ALL: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        nodes.EXPIRED_KEY,
        nodes.NAMES_OFF,
        nodes.UDP_BLOCKED,
        nodes.MTU,
        shown.SIDECAR_ALONE,
        shown.FUNNEL_CLOSED,
        routes.EXIT_NODE_OFF,
        routes.VPC_DNS_GONE,
        routes.OVERLAPPING_ROUTE,
        recordings.RECORDER_DOWN,
        recordings.DISK_FULL,
        house.TWO_DAEMONS,
        house.PORTPROXY_ADDRESS,
    )
}


def find(name: str) -> Fault:
    """The fault called `name`.

    Raises:
        ParamsError: there is none.
    """
    if name not in ALL:
        raise ParamsError([Problem(name, "is no fault that can be injected", nearest(name, ALL))])
    return ALL[name]
