"""The parts of a topology, and what each value may be."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

TAILNET_RANGE = IPv4Network("100.64.0.0/10")


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text):
        raise ValueError(
            f"{text!r} is no name here; a name has 1 to 40 small letters, digits and _, and begins with a letter"
        )
    return text


def _network(text: Any) -> IPv4Network:
    if not isinstance(text, str) or "/" not in text:
        raise ValueError("must be an IPv4 prefix such as 192.168.77.0/24")
    try:
        return IPv4Network(text)
    except ValueError as error:
        try:
            meant = IPv4Network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is no IPv4 prefix such as 192.168.77.0/24") from error
        raise ValueError(f"{text} has bits set behind its length; did you mean {meant}?") from error


def _fits(prefix: IPv4Network) -> IPv4Network:
    if prefix.is_loopback or prefix.is_multicast or prefix.is_unspecified or prefix.is_link_local:
        raise ValueError(f"{prefix} is no range for machines; use a private or documentation range")
    if not 8 <= prefix.prefixlen <= 29:
        raise ValueError(
            f"/{prefix.prefixlen} is too {'small' if prefix.prefixlen > 29 else 'large'}; use /8 to /29"
        )
    if prefix.overlaps(TAILNET_RANGE):
        raise ValueError(f"{prefix} overlaps {TAILNET_RANGE}, which tailnets use")
    return prefix


def _address(text: Any) -> IPv4Address:
    try:
        return IPv4Address(text) if isinstance(text, str) else IPv4Address("")
    except ValueError:
        raise ValueError("must be an IPv4 address such as 192.168.77.10") from None


def _disk(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", path) or path.split("/")[1] in (
        "dev",
        "etc",
        "proc",
        "sys",
        "usr",
    ):
        raise ValueError(f"{path!r} is no place for a disk; write a path such as /mnt/backup")
    return path


def _host_name(text: str) -> str:
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*", text):
        raise ValueError(f"{text!r} is no name for DNS; write one such as rds.vpc.internal")
    return text


Prefix = Annotated[IPv4Network, BeforeValidator(_network), AfterValidator(_fits)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]
Disk = Annotated[str, AfterValidator(_disk)]
HostName = Annotated[str, AfterValidator(_host_name)]


class Part(BaseModel):
    """Refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Part):
    """A wire with a range of addresses; `public`: the lab's internet."""

    prefix: Prefix
    public: bool = False


class Names(Part):
    """A network's own DNS server: the machine's address that it answers on, and what it knows."""

    address: Address
    records: dict[HostName, Address] = Field(min_length=1, max_length=64)


class Windows(Part):
    """Windows on a machine, played by stand-ins: what they say, and the machine that is its WSL distribution.

    `admin`: a program asks for administrator's rights and the person says yes (`asked`) or no (`refused`),
    or has them from the start (`elevated`).
    """

    wsl: str
    distribution: str = Field("Ubuntu", pattern=r"^[A-Za-z0-9._-]{1,40}$")
    name: str = Field("TEQUILA", pattern=r"^[A-Z][A-Z0-9-]{0,14}$")
    user: str = Field("alice", pattern=r"^[a-z][a-z0-9]{0,19}$")
    build: Literal[19045, 22631, 26100, 26200] = 19045
    locale: Literal["en-US", "de-DE", "es-ES", "fr-FR"] = "en-US"
    admin: Literal["asked", "refused", "elevated"] = "asked"


class Machine(Part):
    """A machine: what it is for, where it is, who carries its packets out.

    `tailscale`: `installed` runs from the start, `later` is installed by a stage; `asked` is installed,
    runs when somebody starts it, and is no member of the people's tailnet unless a stage makes it one.
    `room`: what its own disk holds, MiB; without it, half of this computer's memory.
    """

    role: str = Field(min_length=1, max_length=60)
    about: str = Field("", max_length=200)
    stand_in: str | None = None
    addresses: dict[str, Address]
    also: dict[str, list[Address]] = Field(default_factory=dict)
    gateway: str | None = None
    nat: Literal["cone", "symmetric"] | None = None
    tailscale: Literal["none", "later", "installed", "asked"] = "none"
    docker: StrictBool = False  # an engine of its own, which `sudo service docker start` starts
    room: int | None = Field(None, ge=16, le=65536)
    disks: list[Disk] = Field(default_factory=list, max_length=8)  # further disks, by where they are mounted
    runbook: StrictBool = False  # sees this checkout and its Python, read-only: it can run the runbook itself
    database: StrictBool = False  # PostgreSQL with a few films in it, once somebody asks the lab for it
    names: Names | None = None  # a DNS server, once somebody asks the lab for it
    windows: Windows | None = None


class Place(Part):
    """Where a rented exit node is said to stand."""

    country: str = Field(min_length=1, max_length=40, pattern=r"^[^/=]+$")
    code: str = Field(pattern=r"^[A-Z]{2}$")
    city: str = Field(min_length=1, max_length=40, pattern=r"^[^/=]+$")
    city_code: str = Field(pattern=r"^[A-Z]{3}$")


class Cloud(Part):
    """The machine that plays the public services, and the addresses it answers on."""

    machine: str
    derp: list[Address] = Field(min_length=1, max_length=8)
    dns: Address
    tailnet: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.ts\.net$")
    relay: str | None = None  # Funnel's front end
    recorder: str | None = None  # keeps recordings of shell sessions
    exits: dict[str, Place] = Field(default_factory=dict)  # a VPN provider's exit nodes
    owner: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


class Topology(Part):
    """The whole of it."""

    networks: dict[Name, Network] = Field(min_length=1, max_length=64)
    machines: dict[Name, Machine] = Field(min_length=1, max_length=250)
    cloud: Cloud | None = None


class Draft(Topology):
    """What is left of a topology without its faulty parts; names may be anything."""

    networks: dict[str, Network]
    machines: dict[str, Machine]
