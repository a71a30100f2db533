"""A container by its name, as ``docker run`` makes it: what it runs, what it publishes, what it mounts.

Read back is what was asked for, not what Docker and the image add to it; so a container that a person
started by hand compares equal to one made here.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homelab.engine import engine, translated
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.resources.image import UNREACHED

if TYPE_CHECKING:
    from docker import APIClient
    from docker.models.containers import Container

UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Volumes(tuple[str, ...]):
    """Volumes in the order in which they are typed; equal in any order, for the client shuffles them."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and sorted(self) == sorted(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(frozenset(self))


@dataclass(frozen=True)
class State:
    """A container; without an `image` there is none of this `name`.

    `ports` ([address:]host:container[/udp]), `volumes` (source:target[:ro], as ``--volume``), `mounts`
    (type=bind,source=…,target=…, as ``--mount``), `env` (NAME=value) and `devices` (host:container) are what
    is typed; `memory` is a limit such as 512m, `gpus` is all or a number, `network` a mode such as
    container:sidecar. `folder` is where the command is typed, for ``$(pwd)``; `detach` false shows the
    command that keeps the terminal. `health` is Docker's word (none, starting, healthy, unhealthy).
    """

    name: str
    image: str = ""
    running: bool = False
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    memory: str = ""
    gpus: str = ""
    restart: str = ""
    network: str = ""
    entrypoint: str = ""
    args: tuple[str, ...] = ()
    folder: str = field(default="", compare=False, metadata={"show": False})
    detach: bool = field(default=True, compare=False)
    health: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", memory_text(memory_bytes(self.memory)))
        object.__setattr__(self, "volumes", Volumes(self.volumes))
        for name in ("env", "ports"):  # Docker keeps no order of these
            object.__setattr__(self, name, tuple(sorted(getattr(self, name))))


def memory_bytes(text: str) -> int:
    """Bytes in Docker's way to write a memory limit: ``512m`` is 512 MiB; nothing is 0, no limit."""
    found = re.fullmatch(r"(\d+)\s*([bkmg]?)b?", text.lower())
    return int(found[1]) * UNITS[found[2] or "b"] if found else 0


def memory_text(count: int) -> str:
    """The shortest way to write `count` bytes."""
    unit = next((u for u in "gmk" if count and count % UNITS[u] == 0), "b")
    return f"{count // UNITS[unit]}{unit}" if count else ""


def read(machine: Machine, name: str) -> State:
    """Ask the engine; where none can be asked, there is no container.

    Raises:
        EngineError: the engine went away while it was asked.
    """
    from docker.errors import NotFound

    try:
        with translated(machine):
            client = engine(machine)
            try:
                found = client.containers.get(name)
            except NotFound:
                return State(name)
            try:
                made_of = client.images.get(found.attrs["Image"]).attrs["Config"]
            except NotFound:  # the image was removed by force
                made_of = {}
            return _state(client.api, found, made_of)
    except EngineError as error:
        if error.kind in UNREACHED:
            return State(name)
        raise


def _state(api: APIClient, found: Container, made_of: dict[str, Any]) -> State:
    config, host = found.attrs["Config"], found.attrs["HostConfig"]
    state = found.attrs["State"]
    entry = list(config.get("Entrypoint") or ())
    args = tuple(config.get("Cmd") or ())
    return State(
        name=str(found.name),
        image=config["Image"],
        running=bool(state["Running"]),
        ports=_ports(host.get("PortBindings") or {}),
        volumes=tuple(host.get("Binds") or ()),
        mounts=tuple(_mount(m) for m in host.get("Mounts") or ()),
        env=tuple(e for e in config.get("Env") or () if e not in (made_of.get("Env") or ())),
        devices=tuple(f"{d['PathOnHost']}:{d['PathInContainer']}" for d in host.get("Devices") or ()),
        cap_add=tuple(c.removeprefix("CAP_") for c in host.get("CapAdd") or ()),
        memory=memory_text(int(host.get("Memory") or 0)),
        gpus=_gpus(host.get("DeviceRequests") or []),
        restart=_restart(host.get("RestartPolicy") or {}),
        network=_network(api, host.get("NetworkMode") or ""),
        entrypoint="" if entry == list(made_of.get("Entrypoint") or ()) else " ".join(entry),
        args=() if args == tuple(made_of.get("Cmd") or ()) and not _replaced(entry, made_of) else args,
        health=(state.get("Health") or {}).get("Status", "none"),
    )


def _replaced(entry: list[str], made_of: dict[str, Any]) -> bool:
    return bool(entry) and entry != list(made_of.get("Entrypoint") or ())


def _ports(bindings: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for inside, outside in bindings.items():
        number, _, protocol = inside.partition("/")
        for one in outside or ():
            address = f"{one['HostIp']}:" if one.get("HostIp") not in ("", "0.0.0.0", None) else ""
            found.append(
                f"{address}{one['HostPort']}:{number}" + (f"/{protocol}" if protocol != "tcp" else "")
            )
    return tuple(found)


def _mount(mount: dict[str, Any]) -> str:
    text = f"type={mount['Type']},source={mount.get('Source', '')},target={mount['Target']}"
    return text + (",readonly" if mount.get("ReadOnly") else "")


def _gpus(requests: list[dict[str, Any]]) -> str:
    for one in requests:
        if ["gpu"] in (one.get("Capabilities") or []):
            return "all" if one.get("Count") == -1 else str(one.get("Count"))
    return ""


def _restart(policy: dict[str, Any]) -> str:
    name, most = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return "" if name == "no" else f"{name}:{most}" if most else str(name)


def _network(api: APIClient, mode: str) -> str:
    from docker.errors import NotFound

    if mode in ("default", "bridge"):
        return ""
    kind, _, other = mode.partition(":")
    if kind == "container":
        try:
            return f"container:{api.inspect_container(other)['Name'].lstrip('/')}"
        except NotFound:
            return f"container:{other[:12]} (gone)"
    return mode


def command(before: State, after: State) -> list[str]:
    """``docker run`` as it is typed; a changed container is removed and run again."""
    name = after.name
    if not after.image:
        return ["docker", "rm", "-f", name]
    run = _run(after)
    if not before.image:
        return ["sh", "-c", _there(after, run)]
    if _same(before, after):
        return ["docker", "start" if after.running else "stop", name]
    return ["sh", "-c", _there(after, f"docker rm -f {name} && {run}")]


def _same(before: State, after: State) -> bool:
    return {**_compared(before), "running": 0} == {**_compared(after), "running": 0}


def _compared(state: State) -> dict[str, Any]:
    hidden = ("folder", "detach", "health")
    return {k: v for k, v in vars(state).items() if k not in hidden}


def _there(state: State, typed: str) -> str:
    if not state.folder:
        return typed
    folder = shlex.quote(state.folder)
    return f"mkdir -p {folder} && cd {folder} && {typed}"


def _run(state: State) -> str:
    words = ["docker run" if state.running else "docker create", f"--name {state.name}"]
    words += ["--detach"] if state.running and state.detach else []
    words += [f"-p {port}" for port in state.ports]
    words += [f"--volume {_here(state, volume)}" for volume in state.volumes]
    words += [f"--mount {_here(state, mount)}" for mount in state.mounts]
    words += [f"--env {shlex.quote(one)}" for one in state.env]
    words += [f"--device {one}" for one in state.devices]
    words += [f"--cap-add {one}" for one in state.cap_add]
    for option in ("memory", "gpus", "restart", "network", "entrypoint"):
        if value := getattr(state, option):
            words.append(f"--{option} {shlex.quote(value)}")
    return " ".join([*words, state.image, *map(shlex.quote, state.args)])


def _here(state: State, text: str) -> str:
    """`text` with the folder that the command is typed in written as the talk does."""
    return text.replace(f"{state.folder}/", "$(pwd)/") if state.folder else text


def do(machine: Machine, before: State, after: State) -> None:
    """The same through the SDK; what could not be started is removed again.

    Raises:
        EngineError: a port or the name is taken, a folder to mount is not there, no GPU, a bad entry point,
            or it ended at once.
    """
    client, name = engine(machine), after.name
    with translated(machine):
        if not after.image:
            client.api.remove_container(name, force=True)
        elif before.image and _same(before, after):
            (client.api.start if after.running else client.api.stop)(name)
        else:
            _have(machine, after.image)
            if after.folder:
                machine.run(["mkdir", "-p", after.folder]).ok()
            if before.image:
                client.api.remove_container(name, force=True)
            _make(client.api, after)


def _have(machine: Machine, image: str) -> None:
    """As ``docker run`` does: what is not there is pulled; before anything is removed."""
    from docker.errors import ImageNotFound

    from homelab.engine.pull import pull

    try:
        engine(machine).images.get(image)
    except ImageNotFound:
        pull(machine, image)


def _make(api: APIClient, state: State) -> None:
    from homelab.resources.container_spec import spec

    made = api.create_container(**spec(api, state))["Id"]
    if not state.running:
        return
    try:
        api.start(made)
    except BaseException:
        api.remove_container(made, force=True)  # Docker leaves it behind, and the name would be taken
        raise
