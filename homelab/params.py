"""Parameters: one YAML file per world, checked with all its problems at once before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from homelab import stages
from homelab.errors import ParamsError, Problem, nearest
from homelab.secret import Secret
from homelab.ssh.address import Address, parse
from homelab.watch.settings import Keep, Notify, WebAddress
from homelab.yamldoc import Document, load, problems_of

PARAMS = Path(__file__).resolve().parents[1] / "params"
TAILSCALE = "https://controlplane.tailscale.com"


class Strict(BaseModel):
    """Refuses keys it does not know, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def spelled(pattern: str, words: str) -> AfterValidator:
    """A text that must match `pattern`, which `words` say for people: ``must be a tag such as tag:server``."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.search(value):
            raise ValueError(f"{words}, not {value!r}")
        return value

    return AfterValidator(check)


def is_https(value: str) -> str:
    """`value` as the address of a control plane, without a slash at its end.

    Raises:
        ValueError: it is not an https address of a host.
    """
    if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z0-9-]+(:[0-9]{1,5})?/?", value):
        raise ValueError(f"must be an address such as {TAILSCALE} or https://headscale.example.com")
    return value.rstrip("/")


def _stage(word: str) -> str:
    try:
        return stages.find(word)[3:]
    except ParamsError as error:
        raise ValueError("; ".join(f"{p.where!r} {p.what} ({p.hint})" for p in error.problems)) from error


def _is_address(value: str) -> str:
    parse(value)
    return value


class MachineParams(Strict):
    """A machine of a home: where it is."""

    via: Annotated[str, AfterValidator(_is_address)] = "local"
    about: str = ""

    @property
    def address(self) -> Address:
        """`via`, taken apart."""
        return parse(self.via)


class WorldParams(Strict):
    """The common keys of a params file.

    `manage` names the stages that the reader has claimed: all others are looked at, and not changed
    except for what a claimed stage needs of them.
    Without that key all are; written with nothing behind it, none is. `notify`, `heartbeat` and `keep` are
    for the watch: see `homelab.watch.settings`.
    """

    world: Annotated[
        str, spelled(r"^[a-z0-9][a-z0-9-]{0,39}\Z", "must be a name of small letters, digits and dashes")
    ] = "home"
    about: str = ""
    apply: bool = False
    login_server: str = TAILSCALE
    api_key: Secret | None = None
    machines: dict[str, MachineParams] = Field(default_factory=dict)
    manage: list[Annotated[str, AfterValidator(_stage)]] | None = None
    notify: Notify | None = None
    heartbeat: WebAddress | None = None
    keep: Keep | None = None

    @property
    def is_tailscale(self) -> bool:
        """Whether nodes log in to Tailscale itself: its admin API knows no other control plane's nodes."""
        return self.login_server == TAILSCALE

    @field_validator("manage", mode="before")
    @classmethod
    def _nothing_is_none_of_them(cls, value: object) -> object:
        return [] if value is None else value

    @field_validator("login_server")
    @classmethod
    def _is_https(cls, value: str) -> str:
        return is_https(value)


@dataclass(frozen=True)
class Roles:
    """What is known of a world's machines before it is opened: their roles (none: nothing is), and whether it is the lab."""

    names: tuple[str, ...]
    lab: bool

    def missing(self, parameter: str, given: Iterable[str], usual: Iterable[str]) -> list[Problem]:
        """The roles in the `parameter` that no machine plays; `usual` are its defaults, without which a stage does."""
        world = "the lab" if self.lab else "this home"
        own = "" if self.lab else "a home's machines are named under `machines`"
        return [
            Problem(parameter, f"no machine of {world} plays {role!r}", _and(nearest(role, self.names), own))
            for role in given
            if self.names and role not in (*self.names, *usual)
        ]


class World:
    """A params file that was read and found good: its common keys, and a section per stage."""

    def __init__(self, path: Path, common: WorldParams, document: Document) -> None:
        self.path, self.common, self.document = path, common, document

    @property
    def is_lab(self) -> bool:
        """Whether this is the disposable lab rather than somebody's home."""
        return self.common.world == "lab"

    def manages(self, stage: str) -> bool:
        """Whether `stage` (``04_services``) is claimed; what is none of our stages, such as an undo, always is."""
        claimed = self.common.manage
        return claimed is None or stage[3:] in claimed or stage not in stages.names()

    @property
    def roles(self) -> Roles:
        """Its machines, as far as the file tells."""
        return _roles(self.document, self.is_lab, self.common.machines)


def _and(*hints: str) -> str:
    return "; ".join(hint for hint in hints if hint)


def path_of(params: str | Path) -> Path:
    """The file that `params` means: ``lab`` is params/lab.yaml, anything else is a path."""
    text = str(params)
    return PARAMS / "lab.yaml" if text == "lab" else Path(text).expanduser()


def read(params: str | Path) -> World:
    """Read a params file and check all of it, every stage's section included.

    Raises:
        ParamsError: every problem, with file and line.
    """
    path = path_of(params)
    document = load(path)
    problems: list[Problem] = []
    known = {name[3:]: name for name in stages.names()}
    common: dict[str, Any] = {}
    named = document.data.get("machines")
    roles = _roles(document, document.data.get("world") == "lab", named if isinstance(named, dict) else {})
    for key, value in document.data.items():
        if key in known:
            _, bad = _section(known[key], document.under(key), roles)
            problems += bad
        elif key in WorldParams.model_fields:
            common[key] = value
        elif key != "topology":  # the lab's own business, which it checks itself
            words = [*WorldParams.model_fields, *known, "topology"]
            problems.append(Problem(document.where((key,)), f"unknown key {key!r}", nearest(key, words)))
    try:
        made = WorldParams.model_validate(common)
    except ValidationError as error:
        raise ParamsError(problems + problems_of(error, WorldParams, document)) from error
    if "topology" in document.data and made.world != "lab":
        where = document.where(("topology",))
        problems.append(Problem(where, "only the lab has a topology", "a home is what it is: remove the key"))
    if problems:
        raise ParamsError(problems)
    return World(path, made, document)


def for_stage(world: World, stage: str, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The parameters of `stage` as plain values for its notebook; `given` are words from the command line.

    Raises:
        ParamsError: unknown parameter (with the nearest name) or a value of the wrong kind or range.
    """
    section = dict(world.document.under(stage[3:]).data or {})
    model: type[BaseModel] = stages.module(stage).Params
    problems = []
    for name, word in (given or {}).items():
        if name not in model.model_fields:
            hint = nearest(name, model.model_fields)
            problems.append(Problem(f"-p {name}", f"{stage} has no such parameter", hint))
            continue
        section[name] = _value(word)
    document = Document(f"{stage}", section)
    made, bad = _section(stage, document, world.roles)
    if problems or bad or made is None:
        raise ParamsError(problems + bad)
    return made.model_dump(mode="json")


def _value(word: str) -> Any:
    """A word of the command line, read as YAML reads a value, so that 3 is a number and [a, b] a list."""
    try:
        return yaml.safe_load(word)
    except yaml.YAMLError:
        return word


def _section(stage: str, document: Document, roles: Roles) -> tuple[BaseModel | None, list[Problem]]:
    """The parameters of `stage`, by its model; a stage's own ``problems`` says what needs a look at the world's roles."""
    module = stages.module(stage)
    model: type[BaseModel] = module.Params
    try:
        made = model.model_validate(document.data or {})
    except ValidationError as error:
        return None, problems_of(error, model, document)
    asked = getattr(module, "problems", None)
    return made, [_placed(p, model, document) for p in (asked(made, roles) if asked else ())]


def _placed(problem: Problem, model: type[BaseModel], document: Document) -> Problem:
    """`problem` with the place of its parameter, where it names one."""
    if problem.where not in model.model_fields:
        return problem
    return replace(problem, where=document.where((problem.where,)), what=f"{problem.where}: {problem.what}")


def _roles(document: Document, lab: bool, machines: Mapping[str, Any]) -> Roles:
    if not document.data:  # a file that could not be read: what is wrong with that is said
        return Roles((), lab)
    if not lab:
        return Roles(tuple(machines) or ("tequila",), False)
    for data in (document.data, load(path_of("lab")).data):
        topology = data.get("topology")
        found = topology.get("machines") if isinstance(topology, dict) else None
        if isinstance(found, dict):
            return Roles(tuple(found), True)
    return Roles((), True)
