"""What was seen, as data. Sizes in bytes, times in UTC; what is empty or None was not there or not told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class System:
    """A machine as it is: `init` is its first process, `uptime` in seconds, `programs` those that matter here."""

    name: str = ""
    distribution: str = ""
    id: str = ""
    version: str = ""
    kernel: str = ""
    architecture: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    home: str = ""
    init: str = ""
    uptime: int = 0
    cores: int = 0
    cpu: str = ""
    memory: int = 0
    available: int = 0
    reboot: bool = False
    programs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peer:
    """Another device of the tailnet, as this node knows it."""

    name: str
    os: str = ""
    online: bool = False
    exit_node: bool = False
    routes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Served:
    """What `tailscale serve` shows at `host`:`port` under `path`; `public`: to the whole internet (Funnel)."""

    host: str
    port: int
    path: str
    target: str
    public: bool = False

    @property
    def url(self) -> str:
        """The address to open, or host:port where it is not the web."""
        if not self.path:
            return f"{self.host}:{self.port}"
        return f"https://{self.host}{'' if self.port == 443 else f':{self.port}'}{self.path}"


@dataclass(frozen=True)
class Node:
    """The machine in its tailnet: `state` is tailscaled's word; `latest` is set where it knows of a newer client."""

    state: str
    name: str = ""
    domain: str = ""
    tailnet: str = ""
    addresses: tuple[str, ...] = ()
    version: str = ""
    latest: str = ""
    key_expires: datetime | None = None
    tags: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    health: tuple[str, ...] = ()
    control: str = ""
    advertises: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    accepts_routes: bool = False
    uses_exit_node: str = ""
    ssh: bool = False
    served: tuple[Served, ...] = ()

    @property
    def running(self) -> bool:
        """Whether it is in a tailnet now."""
        return self.state == "Running"

    @property
    def offers_exit(self) -> bool:
        """Whether it offers itself as a way out."""
        return "0.0.0.0/0" in self.advertises

    @property
    def routes(self) -> tuple[str, ...]:
        """The networks behind it that it offers."""
        return tuple(r for r in self.advertises if r not in ("0.0.0.0/0", "::/0"))


@dataclass(frozen=True)
class Port:
    """A published port of a container: on `address` (empty: all) of the machine, to `inside`/`protocol`."""

    address: str
    port: int
    inside: int
    protocol: str = "tcp"

    @property
    def everywhere(self) -> bool:
        """Whether it listens on every address of the machine."""
        return self.address in ("", "0.0.0.0", "::", "*")


@dataclass(frozen=True)
class Mount:
    """What a container sees at `inside`: a volume's name, or a folder of the machine."""

    kind: str
    source: str
    inside: str


@dataclass(frozen=True)
class Container:
    """A container; `built` is the day that its image was made, `project` and `service` are Compose's labels."""

    name: str
    image: str
    digest: str = ""
    built: datetime | None = None
    status: str = ""
    health: str = ""
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    restart: str = ""
    project: str = ""
    service: str = ""
    folder: str = ""
    files: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether it runs and does not say that it is ill."""
        return self.status == "running" and self.health in ("", "none", "healthy", "starting")


@dataclass(frozen=True)
class Project:
    """A Compose project, where it is."""

    name: str
    folder: str
    files: tuple[str, ...]
    containers: tuple[Container, ...]

    @property
    def adoptable(self) -> bool:
        """Whether this machine has its file by that path: not where Windows started it."""
        return bool(self.files) and all(f.startswith("/") for f in self.files)


@dataclass(frozen=True)
class Docker:
    """The engine; `refused` says why it could not be asked, where it is installed."""

    version: str = ""
    api: str = ""
    context: str = ""
    system: str = ""
    volumes: int = 0
    containers: tuple[Container, ...] = ()
    refused: str = ""

    @property
    def projects(self) -> tuple[Project, ...]:
        """Its Compose projects, by name."""
        names = sorted({c.project for c in self.containers if c.project})
        return tuple(_project(name, [c for c in self.containers if c.project == name]) for name in names)

    @property
    def single(self) -> tuple[Container, ...]:
        """The containers that belong to no project."""
        return tuple(c for c in self.containers if not c.project)


def _project(name: str, parts: list[Container]) -> Project:
    return Project(name, parts[0].folder, parts[0].files, tuple(sorted(parts, key=lambda c: c.service)))


@dataclass(frozen=True)
class Mounted:
    """A file system: where it is mounted, what it is on, its kind, and how full."""

    at: str
    source: str
    kind: str
    size: int
    used: int

    @property
    def share(self) -> float:
        """How full it is, 0 to 1."""
        return self.used / self.size if self.size else 0.0


@dataclass(frozen=True)
class Disk:
    """A physical disk; `turns`: it is one with platters."""

    name: str
    size: int
    turns: bool
    model: str = ""


@dataclass(frozen=True)
class Listener:
    """Somebody listens on a TCP port; `program` where this user may know it."""

    address: str
    port: int
    program: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether on every address of the machine."""
        return self.address in ("0.0.0.0", "::", "*")

    @property
    def loopback(self) -> bool:
        """Whether only for programs of the machine itself."""
        return self.address.startswith("127.") or self.address == "::1"


@dataclass(frozen=True)
class Gpu:
    """A card of NVIDIA's."""

    name: str
    total: int
    used: int
    driver: str


@dataclass(frozen=True)
class Repository:
    """A place of backups: its program, its folder, and when its newest snapshot was made."""

    kind: str
    at: str
    newest: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """One machine: its role `name`, how it is reached (`via`), and all that it showed.

    `why` is the reason for the role; `silent` names the questions that had no answer in time.
    """

    name: str
    via: str
    why: str = ""
    system: System = field(default_factory=System)
    node: Node | None = None
    docker: Docker | None = None
    gpus: tuple[Gpu, ...] = ()
    mounts: tuple[Mounted, ...] = ()
    disks: tuple[Disk, ...] = ()
    listeners: tuple[Listener, ...] = ()
    repositories: tuple[Repository, ...] = ()
    schedules: tuple[str, ...] = ()
    wsl: tuple[tuple[str, str], ...] = ()
    windows_ended: str = ""
    silent: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """Its own name: in the tailnet, else what the system says."""
        return (self.node.name if self.node else "") or self.system.name or self.name


@dataclass(frozen=True)
class Home:
    """The machines that were looked at, and when."""

    machines: tuple[Seen, ...]
    when: datetime
