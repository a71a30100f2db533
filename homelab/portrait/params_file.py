"""The params file that a portrait leads to: what was found as comments, nothing claimed, good for a run at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from homelab.params import TAILSCALE
from homelab.portrait.facts import Home, Seen
from homelab.portrait.lifetimes import ends
from homelab.portrait.remarks import day, size
from homelab.portrait.sections import alone, projects, sections
from homelab.portrait.yaml_lines import DECIDE, comment, scalar

HEAD = """\
# Your home, as it was seen on {when}. Nothing here is managed yet: what runs is observed, and left alone.
#
#     ./runbook check --params {path}        is it good, is everything there? starts nothing
#     ./runbook run --params {path}          looks at everything; changes nothing
#     ./runbook run --params {path} --apply  does what is planned, in the stages that you claim below
#
# {decide} marks what only you can know. Secrets are references (env:NAME, file:PATH, cmd:COMMAND), never values.
"""


def text(home: Home, path: str = "params/home.yaml") -> str:
    """The whole file; `path` is what it will be called, for the commands in it."""
    here = ", ".join(s.called for s in home.machines)
    lines = [
        *HEAD.format(when=f"{day(home.when)}", path=path, decide=DECIDE).splitlines(),
        "",
        "world: home",
    ]
    lines += [f"about: {scalar(here)}", "", *_tailnet(home), "", *_machines(home), "", *_manage(home)]
    lines += sections(home)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _tailnet(home: Home) -> Iterator[str]:
    nodes = [s.node for s in home.machines if s.node and s.node.running]
    own = next((n.control for n in nodes if n.control and n.control.rstrip("/") != TAILSCALE), "")
    if nodes:
        yield comment(f"Observed: the tailnet {nodes[0].tailnet or '(without a name)'}, with {len(nodes[0].peers)} other devices.")  # fmt: skip
        for node in nodes:
            for shown in node.served:
                how = "to the whole internet (Funnel)" if shown.public else "to the tailnet (serve)"
                yield comment(f"Observed: {node.name} shows {shown.url} {how}, from {shown.target}.")
    else:
        yield comment("Observed: no machine here is in a tailnet.")
    yield f"login_server: {own.rstrip('/') if own.startswith('https://') else TAILSCALE}"
    yield comment(
        f"{DECIDE}: an API key lets the runbook read and plan the admin page too: policy, DNS, keys."
    )
    yield comment("api_key: env:TS_API_KEY")


def _machines(home: Home) -> Iterator[str]:
    yield comment(
        "Machines by the role that they play in the notebooks. A role is a guess: rename it here, and below."
    )
    yield "machines:"
    for seen in home.machines:
        yield f"  {scalar(seen.name)}:  # {seen.why}"
        yield f"    via: {seen.via}"
        yield f"    about: {scalar(_about(seen))}"
        for said in _shown(seen, home.when):
            yield comment(f"Observed: {said}", 4)
    yield comment(
        "The notebooks also know a phone, a visitor from outside and more. What you lack is skipped:", 2
    )
    if "phone" not in [seen.name for seen in home.machines]:
        yield comment("phone: {via: ssh://user@host}", 2)


def _about(seen: Seen) -> str:
    parts = [seen.called, seen.system.distribution]
    parts += ["WSL"] * bool(seen.wsl) + [g.name for g in seen.gpus[:1]]
    return ", ".join(p for p in parts if p)


def _shown(seen: Seen, when: datetime) -> Iterator[str]:
    if seen.system.memory:
        yield f"{seen.system.cores} cores, {size(seen.system.memory)} of memory, {'systemd' if seen.system.init == 'systemd' else f'no systemd ({seen.system.init} is first)'}."  # fmt: skip
    if (last := ends(seen.system.id, seen.system.version)) is not None:
        ended = "gets no updates since" if last < when.date() else "is mended until"
        yield f"{seen.system.distribution} {ended} {day(last)}."
    if seen.docker and not seen.docker.refused:
        yield f"Docker {seen.docker.version}, {len(seen.docker.containers)} containers, {seen.docker.volumes} volumes."
    elif seen.docker:
        yield f"Docker: {seen.docker.refused}."
    for disk in seen.mounts:
        yield f"{disk.at} is {disk.share:.0%} full ({size(disk.size - disk.used)} of {size(disk.size)} left)."
    everywhere = sorted({p.port for p in seen.listeners if p.everywhere})
    if everywhere:
        yield f"TCP ports that listen on all addresses: {', '.join(map(str, everywhere))}."
    for repository in seen.repositories:
        newest = f", newest {day(repository.newest)}" if repository.newest else ""
        yield f"a {repository.kind} repository in {repository.at}{newest}."
    if seen.silent:
        yield f"no answer in time about {', '.join(seen.silent)}."


def _manage(home: Home) -> Iterator[str]:
    yield comment(
        "What is yours to let the runbook manage. To claim a stage take the # away before its dash; until then"
    )
    yield comment(
        "it is looked at, and not changed, except for what a claimed stage needs (its plan says so). Without `manage` all are managed."
    )
    yield "manage:"
    for stage, said in _claims(home).items():
        yield f"  # - {stage:<16} # {said}"


def _claims(home: Home) -> dict[str, str]:
    joined = [s for s in home.machines if s.node and s.node.running]
    enrolled = (
        "nothing would change: in the tailnet already"
        if len(joined) == len(home.machines)
        else "installs Tailscale where it is missing, and logs in"
    )
    served = (
        "nothing to start: your own projects stay where and as they are"
        if projects(home)
        else "services of this runbook, each with a sidecar"
    )
    has_gpu = any(s.gpus for s in home.machines)
    return {
        "wsl_setup": "starts WSL at logon" if any(s.wsl for s in home.machines) else "this is not WSL: nothing to do",
        "jellyfin": "the one that runs is left as it is" if alone(home) else "runs Jellyfin, as the talk does",
        "enrollment": enrolled,
        "services": served,
        "funnel": "shows one page to the whole internet",
        "exit_node": "makes a machine the way out for another",
        "subnet_router": "brings a network without Tailscale into the tailnet",
        "audited_ssh": "Tailscale SSH, with a recording",
        "gpu_benchmarks": "measures; changes nothing" if has_gpu else "measures on the processor: no GPU was seen",
        "gotchas": "a bridge from the home's network into the tailnet",
    }  # fmt: skip
