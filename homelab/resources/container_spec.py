"""A container's state as the words of the Docker SDK: what ``docker run`` would send to the engine."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from docker.types import DeviceRequest, Mount

from homelab.resources.container import State, memory_bytes

if TYPE_CHECKING:
    from docker import APIClient


def spec(api: APIClient, state: State) -> dict[str, Any]:
    """The arguments of the SDK's ``create_container`` for `state`."""
    host: dict[str, Any] = {
        "port_bindings": _bindings(state.ports),
        "binds": list(state.volumes),
        "mounts": [_mount(m) for m in state.mounts],
        "devices": [f"{d}:rwm" for d in state.devices],
        "cap_add": list(state.cap_add),
    }
    if state.memory:
        host["mem_limit"] = memory_bytes(state.memory)
    if state.gpus:
        count = -1 if state.gpus == "all" else int(state.gpus)
        host["device_requests"] = [DeviceRequest(count=count, capabilities=[["gpu"]])]
    if state.restart:
        name, _, most = state.restart.partition(":")
        host["restart_policy"] = {"Name": name, "MaximumRetryCount": int(most or 0)}
    if state.network:
        host["network_mode"] = state.network
    made: dict[str, Any] = {
        "image": state.image,
        "name": state.name,
        "detach": True,
        "environment": list(state.env),
        "ports": [_inside(port) for port in state.ports],
        "host_config": api.create_host_config(**{k: v for k, v in host.items() if v}),
    }
    if state.entrypoint:
        made["entrypoint"] = shlex.split(state.entrypoint)
    if state.args:
        made["command"] = list(state.args)
    return made


def _inside(port: str) -> tuple[int, str]:
    number, _, protocol = port.rpartition(":")[2].partition("/")
    return int(number), protocol or "tcp"


def _bindings(ports: tuple[str, ...]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for port in ports:
        number, protocol = _inside(port)
        outside = port.rpartition(":")[0]
        address, _, host = outside.rpartition(":")
        found.setdefault(f"{number}/{protocol}", []).append((address.strip("[]"), host) if address else host)
    return found


def _mount(text: str) -> Mount:
    fields = dict(re.findall(r"(\w+)=([^,]*)", text))
    return Mount(
        fields["target"],
        fields.get("source"),
        type=fields.get("type", "volume"),
        read_only=bool(re.search(r"(^|,)(readonly|ro)\b", text)),
    )
