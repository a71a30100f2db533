"""Somebody's own Compose project: does it run, do its ports answer, is it what its files say?"""

from __future__ import annotations

from homelab.check import Answer, check
from homelab.checks.reach import tried
from homelab.engine import run, translated
from homelab.errors import EngineError
from homelab.machine import Machine
from homelab.resources.adopted import containers, paths, read, typed, wanted
from homelab.resources.project import LABEL
from homelab.upkeep import releases


@check
def runs(machine: Machine, files: str) -> Answer:
    """Do all services of the project run, and is none of them ill?"""
    now = read(machine, files)
    still = sorted(set(wanted(machine, now).running) - set(now.running))
    folder = paths(files)[0].rpartition("/")[0]
    found = [c for c in releases.running(machine, folder) if c.service in now.running]
    ill = [c for c in found if c.health == "unhealthy"]
    said = [f"{c.service} {c.image.word()}{f', {c.health}' if c.health else ''}" for c in found]
    said += [f"{name} does not run" for name in still]
    name = f"{now.project or _folder(files)} runs"
    hint = (
        f"{' '.join(typed(files))} logs --tail 20 {still[0] if still else ill[0].service}"
        if still or ill
        else ""
    )
    return Answer(
        name,
        machine.name,
        "fail" if still or ill or not found else "ok",
        "; ".join(said) or "nothing runs",
        hint,
    )


@check
def answers(machine: Machine, files: str) -> Answer:
    """Does every TCP port that it publishes take a connection, as this machine sees it?"""
    with translated(machine):
        ports = sorted(
            {p for c in containers(machine, files) if c.status == "running" for p in _published(c.attrs)}
        )
    name = f"the ports of {_folder(files)} answer"
    if not ports:
        return Answer(name, machine.name, "ok", "it publishes none")
    seen = [tried(machine, f"{host}:{port}") for host, port in ports]
    good = all(answered for answered, _ in seen)
    return Answer(name, machine.name, "ok" if good else "fail", "; ".join(words for _, words in seen))


def _folder(files: str) -> str:
    return paths(files)[0].rpartition("/")[0].rpartition("/")[2]


def _published(attrs: dict[str, dict[str, dict[str, list[dict[str, str]] | None]]]) -> list[tuple[str, int]]:
    found = []
    for inside, places in (attrs["NetworkSettings"]["Ports"] or {}).items():
        for place in places or () if inside.endswith("/tcp") else ():
            host = place.get("HostIp") or "0.0.0.0"
            if ":" not in host:  # IPv6 says the same again
                found.append(("127.0.0.1" if host == "0.0.0.0" else host, int(place["HostPort"])))
    return found


@check
def as_its_files_say(machine: Machine, files: str) -> Answer:
    """Was each service started from its files as they are now? One that was edited since is left alone, and said."""
    now = read(machine, files)
    try:
        text = run(machine, [*typed(files, now.project), "config", "--hash", "*"]).out
    except EngineError as error:
        return Answer("it is what its files say", machine.name, "fail", error.what, error.hint)
    hashes = dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) == 2)
    with translated(machine):
        running = {c.labels[f"{LABEL}.service"]: c.labels.get(f"{LABEL}.config-hash", "") for c in containers(machine, files)}  # fmt: skip
    differ = sorted(s for s, was in running.items() if s in hashes and hashes[s].strip() != was)
    if not differ:
        return Answer("it is what its files say", machine.name, "ok", f"{', '.join(sorted(running)) or 'nothing'}: started from {', '.join(paths(files))} as it is")  # fmt: skip
    said = f"{', '.join(differ)}: the file, or Compose itself, is another than when it was started"
    hint = (
        f"{' '.join(typed(files, now.project))} up -d, when it suits you: it makes {', '.join(differ)} anew"
    )
    return Answer("it is what its files say", machine.name, "warn", said, hint)
