"""05, funnel: show the quiz, first to the tailnet and then to everybody, and take it away again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from homelab import needs, serve_config
from homelab.errors import ParamsError, Problem
from homelab.listeners import listeners, said
from homelab.params import TAILSCALE, Roles, Strict
from homelab.plan import Change, Plan, change
from homelab.plan import plan as planned
from homelab.policy import policyfile
from homelab.resources import consent as asked
from homelab.resources import policy, quiz_program, serve
from homelab.resources import serve_config as file
from homelab.resources.tailscale_status import status
from homelab.serve_config import DOMAIN, FUNNEL_PORTS
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.machine import Machine
    from homelab.world import World

STAGE = "05_funnel"
ROLE, PHONE, VISITOR, RELAY = "tequila", "phone", "visitor", "relay"
TITLE = "<title>Quiz</title>"  # what stands in every page of it
INSIDE, OUTSIDE = "show the quiz to the tailnet", "show it to everybody"
ALLOW = "allow Funnel in this tailnet"
NO_FUNNEL = "There is no Funnel without Tailscale's own control plane: Headscale's request is open (#1040)."
LATER = "your-tailnet.ts.net"
STAYS = "Nothing in the policy allows Funnel."


class Params(Strict):
    """The quiz is shown on `port`, and listens on the port `to` of the node itself; `quiz`: start it there if nobody does.

    `consent` says how Funnel is allowed: by a ``click`` on the page that the client names, or by an edit
    of the ``policy`` (which needs an admin API key). `config` is a serve configuration file of your own,
    instead of port and to. `visitors` come at once; with `experiments` 50 of them for 20 seconds.
    """

    port: int = 443
    to: int = Field(3000, ge=1, le=65535)
    quiz: bool = True
    consent: Literal["click", "policy"] = "click"
    config: str = ""
    visitors: int = Field(20, ge=1, le=500)
    experiments: bool = False

    @field_validator("port")
    @classmethod
    def _is_one_of_funnels(cls, value: int) -> int:
        if value not in FUNNEL_PORTS:
            raise ValueError(
                f"Funnel takes the ports {', '.join(map(str, FUNNEL_PORTS))} and no other: Tailscale's servers"
                f" listen on these only. (The client would not refuse {value}; nobody would ever come.)"
            )
        return value

    @field_validator("config")
    @classmethod
    def _is_there(cls, value: str) -> str:
        if not value:
            return value
        path = Path(value).expanduser().absolute()  # a notebook stands in another folder
        if not path.is_file():
            raise ValueError(f"there is no file {value!r}")
        return str(path)


def problems(wish: Params, roles: Roles) -> list[Problem]:
    """What is wrong with a file of one's own, as far as no machine need be asked."""
    if wish.config:
        try:
            serve_config.read(file_text(wish), wish.config)
        except ParamsError as error:
            return error.problems
    return []


def home(world: World) -> Machine:
    """The machine that shows the quiz: who plays ``tequila``, else the first."""
    return seat(world, ROLE if ROLE in world.machines else next(iter(world.machines), ROLE))


def host(world: World) -> str:
    """The full name of that machine in the tailnet; empty as long as it has none."""
    me = status(home(world)).get("Self") or {}
    return str(me.get("DNSName") or "").rstrip(".")


def words(wish: Params) -> str:
    """What proves that it is the quiz; of something else of yours only that it answers is asked."""
    return TITLE if wish.quiz else ""


def url(world: World, wish: Params) -> str:
    """Where the quiz is to be seen; before the machine is in a tailnet, nobody knows all of it."""
    port = "" if wish.port == serve.DEFAULT else f":{wish.port}"
    return f"https://{host(world) or f'{home(world).name}.{LATER}'}{port}"


def plan(world: World, wish: Params) -> Plan:
    """Who must be in the tailnet, certificates, the quiz; show it inside; ask for consent; show it to everybody.

    Raises:
        ParamsError: nobody listens where it is to lead, somebody else does, the port is in use, or the file is wrong.
    """
    machine = home(world)
    if isinstance(machine, Nobody):
        return Plan(STAGE, notes=(f"{machine.why}: {machine.hint}.",))
    role = machine.name
    wanted = [needs.joined(r) for r in dict.fromkeys((role, PHONE)) if r in world.machines]
    first = needs.missing(world, [*wanted, needs.certificates])
    shown = _by_file(machine, wish) if wish.config else _by_command(machine, wish)
    notes = () if world.login_server == TAILSCALE else (NO_FUNNEL,)
    inside = tuple(c for c in shown if c.why == INSIDE)
    outside = tuple(c for c in shown if c.why != INSIDE)
    return planned(
        STAGE, first, _quiz(machine, wish), inside, _consent(world, machine, wish), outside, notes=notes
    )


def _by_command(machine: Machine, wish: Params) -> tuple[Change, ...]:
    """First inside, then outside: two changes of the same port."""
    name, now = str(wish.port), serve.read(machine, str(wish.port))
    private, public = serve.proxy(wish.port, wish.to), serve.proxy(wish.port, wish.to, public=True)
    if now.kind and now.mounts != public.mounts:
        hint = f"choose another of {', '.join(map(str, FUNNEL_PORTS))}, or take that away first"
        problem = f"port {wish.port} of {machine.name} shows something already: {serve.words(now)}"
        raise ParamsError([Problem("port", problem, hint)])
    if now == public:
        return ()
    return (
        *change(machine.name, "serve", now, private, INSIDE, name=name),
        *change(machine.name, "serve", private, public, OUTSIDE, name=name),
    )


def file_text(wish: Params) -> str:
    """The serve configuration that is meant: the file of your own, or the talk's for this port.

    Raises:
        ParamsError: the file cannot be read.
    """
    try:
        return Path(wish.config).read_text(encoding="utf-8") if wish.config else as_json(wish)
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else "is not text in UTF-8"
        raise ParamsError([Problem(wish.config, what)]) from error


def _by_file(machine: Machine, wish: Params) -> tuple[Change, ...]:
    """The whole file, first with nobody let in from outside, then as it is."""
    wanted = _wanted(machine, file_text(wish), wish.config, also=wish.to if wish.quiz else 0)
    now = file.read(machine)
    data = json.loads(wanted.text or "{}")
    closed = {**data, "AllowFunnel": dict.fromkeys(data.get("AllowFunnel", ()), False)}
    private = file.wanted(json.dumps(closed)) if data.get("AllowFunnel") else wanted
    if now == wanted:
        return ()
    return (
        *change(machine.name, "serve_config", now, private, INSIDE),
        *change(machine.name, "serve_config", private, wanted, OUTSIDE),
    )


def _wanted(machine: Machine, text: str, source: str, also: int = 0) -> file.State:
    """What the serve configuration `text` says, once it is found good; `also` will be listened on as well.

    Raises:
        ParamsError: it is no such file, or leads to a port on which nobody listens, with its line.
    """
    listening = {**listeners(machine), **({also: "the quiz"} if also else {})}
    serve_config.read(text, source, listening)
    return file.wanted(text)


def _quiz(machine: Machine, wish: Params) -> tuple[Change, ...]:
    """The quiz as a program where nobody listens, if wished; what listens must be what is to be shown."""
    found = listeners(machine)
    if wish.to in found:
        if wish.quiz and not _is_the_quiz(machine, wish.to):
            problem = f"port {wish.to} of {machine.name} is taken by {found[wish.to] or 'something'} that is not the quiz"
            hint = "to show that to everybody, say quiz = false; else choose another port with `to`"
            raise ParamsError([Problem("to", problem, hint)])
        return ()
    if not wish.quiz:
        problem = f"nothing listens on port {wish.to} of {machine.name}"
        raise ParamsError([Problem("to", problem, f"there is {said(found)}")])
    folder = _folder(machine)
    name = f"{wish.to} {folder}"
    now = quiz_program.read(machine, name)
    return change(machine.name, "quiz_program", now, dataclasses.replace(now, running=True), "start the quiz", name=name)  # fmt: skip


def _is_the_quiz(machine: Machine, port: int) -> bool:
    said_so = machine.run(["curl", "-sS", "-m", "5", f"http://127.0.0.1:{port}/health"]).out
    return '"questions"' in said_so


def _folder(machine: Machine) -> str:
    home_of = machine.run(["sh", "-c", 'test "$(id -u)" = 0 && echo /srv || echo "$HOME"']).ok().out.strip()
    return f"{home_of}/quiz-program"


def _consent(world: World, machine: Machine, wish: Params) -> tuple[Change, ...]:
    now = asked.read(machine)
    if now.given or not (serve_config.read(file_text(wish), wish.config).funnel if wish.config else True):
        return ()
    if wish.consent == "policy":
        return by_policy(world, ("autogroup:member",))
    given = dataclasses.replace(now, given=True)
    return change(machine.name, "consent", now, given, ALLOW, loses=asked.STAYS)


def by_policy(world: World, target: tuple[str, ...]) -> tuple[Change, ...]:
    """The same consent as an edit of the policy: the attribute ``funnel`` for `target`, such as a tag.

    Raises:
        ParamsError: there is no admin API key.
    """
    if world.tailnet is None:
        problem = "'policy' needs an admin API key"
        raise ParamsError([Problem("consent", problem, f"set api_key in {world.params.path.name}, or click")])
    now = policy.read(world.tailnet)
    entry = {"target": list(target), "attr": ["funnel"]}
    text = policyfile.with_item(now.text, "nodeAttrs", entry)
    return change("tailnet", "policy", now, policy.State(text), ALLOW)


def withdraw(world: World) -> Plan:
    """The attribute ``funnel`` out of the policy again: nothing of this tailnet can be public then."""
    if world.tailnet is None:
        return Plan(STAGE, notes=("The policy needs an admin API key: edit it on the access controls page.",))
    now = policy.read(world.tailnet)
    text = now.text
    for entry in policyfile.data(now.text).get("nodeAttrs", []):
        if entry.get("attr") == ["funnel"]:
            text = policyfile.without_item(text, "nodeAttrs", entry)
    left = change("tailnet", "policy", now, policy.State(text), "allow no Funnel any more")
    return planned(STAGE, left, notes=() if left else (STAYS,))


def off(world: World, wish: Params) -> Plan:
    """Nothing on that port any more, neither for everybody nor inside."""
    machine = home(world)
    now = serve.read(machine, str(wish.port))
    gone = serve.State(wish.port)
    return planned(STAGE, change(machine.name, "serve", now, gone, "show it to nobody", name=str(wish.port)))


def as_json(wish: Params, public: bool = True) -> str:
    """The talk's file for this: what a container takes as ``TS_SERVE_CONFIG``."""
    at = f"{DOMAIN}:{wish.port}"
    return json.dumps(
        {
            "TCP": {str(wish.port): {"HTTPS": True}},
            "Web": {at: {"Handlers": {"/": {"Proxy": f"http://127.0.0.1:{wish.to}"}}}},
            "AllowFunnel": {at: public},
        },
        indent=2,
    )


def by_json(world: World, text: str, source: str = "serve.json") -> Plan:
    """All that the node shows, by one file.

    Raises:
        ParamsError: it is no such file, or leads to a port on which nobody listens, with its line.
    """
    machine = home(world)
    wanted = _wanted(machine, text, source)
    return planned(STAGE, change(machine.name, "serve_config", file.read(machine), wanted, OUTSIDE))
