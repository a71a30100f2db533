"""The library's WSL half against the lab's Windows: shown and done are the same, the bridge bridges, and what goes wrong is said."""

from __future__ import annotations

import time
from datetime import date

import pytest

from homelab import labsocket
from homelab.checks import wsl as checks
from homelab.errors import HomelabError, LabError
from homelab.plan import matches
from homelab.resources import firewall_rule, logon_task, portproxy, startup_script, wsl_config
from homelab.wsl import facts, interop, where, wslconfig

WINDOWS = "192.168.77.20"  # on the home's network
PORT = 1883
RULE = firewall_rule.State(firewall_rule.named(PORT, "mqtt"), PORT)
LISTEN = f"0.0.0.0:{PORT}"
RESOURCES = ("portproxy", "firewall_rule", "startup_script", "wsl_config", "logon_task")


class Settings:
    """The lab's Windows as a person would set it, and as it was again afterwards."""

    def __init__(self, path: str) -> None:
        self.path = path
        first = labsocket.request(path, op="windows", machine="windows", set={})["windows"]
        self.first = {
            name: first[name] for name in ("build", "locale", "admin", "network", "firewall", "delay_ms")
        }

    def __call__(self, **wanted: object) -> None:
        labsocket.request(self.path, op="windows", machine="windows", set=wanted)

    def restart_wsl(self) -> None:
        labsocket.request(self.path, op="wsl", machine="windows", do="restart")


@pytest.fixture
def windows(world):
    try:
        settings = Settings(world.lab["socket"])
    except LabError as error:
        pytest.skip(f"this lab has no Windows: {error.what}")
    yield settings
    settings(**settings.first)


@pytest.fixture
def wsl(world, windows):
    return world["tequila"]


def states(resource, machine, who):
    """The module, the name to read, and what is wanted from nothing."""
    home, startup = (interop.unix_path(machine, path) for path in (who.profile, who.startup))
    config, kept = f"{home}/.wslconfig", f"{home}/kept"
    return {
        "portproxy": lambda: (portproxy, LISTEN, portproxy.wanted([], where.look(machine).address, PORT)),
        "firewall_rule": lambda: (firewall_rule, RULE.name, RULE),
        "startup_script": lambda: (
            startup_script, f"{startup}/wsl-init.vbs", startup_script.wanted(startup, "Ubuntu", kept),
        ),
        "wsl_config": lambda: (
            wsl_config, config, wsl_config.wanted(wsl_config.State(config, None), kept, wslconfig.ALIVE),
        ),
        "logon_task": lambda: (logon_task, logon_task.TASK, logon_task.wanted("Ubuntu", who.name, home)),
    }[resource]()  # fmt: skip


@pytest.mark.parametrize("resource", RESOURCES)
def test_done_and_typed_lead_to_the_same_both_ways(resource, wsl, windows) -> None:
    seen = []
    for way in ("do", "typed"):
        windows(admin="asked" if way == "do" else "elevated")  # a learner's terminal runs as administrator
        module, name, wanted = states(resource, wsl, facts.gather(wsl).user)
        before, path = module.read(wsl, name), []
        for old, new in ((before, wanted), (wanted, before)):
            if way == "do":
                module.do(wsl, old, new)
            else:
                wsl.run(module.command(old, new)).ok()
            path.append(module.read(wsl, name))
            assert matches(path[-1], new)
        seen.append(path)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "es-ES", "fr-FR"])
def test_facts_are_whole_in_any_language(locale, wsl, windows) -> None:
    windows(locale=locale)
    found = facts.gather(wsl)
    assert not [row for row in found.rows(date(2026, 11, 27)) if "unknown" in row[1]]
    assert (found.where.kind, found.default, found.distributions[0].running) == ("WSL 2", "Ubuntu", True)


def test_facts_take_less_than_5_s_when_each_call_takes_2(wsl, windows) -> None:
    windows(delay_ms=2000)
    began = time.monotonic()
    found = facts.gather(wsl)
    assert 2 < time.monotonic() - began < 5
    assert isinstance(found.user, facts.User)


@pytest.fixture
def listening(wsl):
    """Something in WSL that answers on the port."""
    serve = f"import socket\ns=socket.create_server(('',{PORT}))\nwhile True: s.accept()[0].close()"
    wsl.run(["sh", "-c", f'setsid -f python3 -c "{serve}" </dev/null >/dev/null 2>&1']).ok()
    yield
    wsl.run(["pkill", "-f", f"create_server.*{PORT}"])


def test_the_bridge_leads_from_the_home_into_wsl_and_each_fault_has_its_reason(
    world, wsl, windows, listening, monkeypatch
) -> None:
    monkeypatch.setattr(checks, "PROBE", 1)  # nothing is far away in the lab
    windows(admin="elevated")
    iot = world["iot"]

    def asked():
        return checks.lets_in(iot, WINDOWS, PORT, firewall_rule.read(wsl, RULE.name), checks.categories(wsl))

    def bridged(listen: str) -> None:
        wanted = portproxy.wanted(portproxy.every(wsl), where.look(wsl).address, PORT)
        portproxy.do(wsl, portproxy.read(wsl, listen), wanted)

    assert "no rule lets TCP 1883 in" in asked().hint
    firewall_rule.do(wsl, firewall_rule.State(RULE.name), RULE)
    assert "nothing listens there" in asked().hint
    bridged(LISTEN)
    assert asked().status == "ok"
    assert checks.leads_here(wsl, PORT).status == "ok"
    windows(network="Public")
    assert "takes this one for Public" in asked().hint
    windows(network="Private", firewall="ignores")
    assert "another firewall" in asked().hint
    windows(firewall="obeys")
    windows.restart_wsl()
    drift = checks.leads_here(wsl, PORT)
    assert (drift.status, "now" in drift.evidence) == ("fail", True)
    bridged(LISTEN)
    assert checks.leads_here(wsl, PORT).status == "ok"
    portproxy.do(wsl, portproxy.read(wsl, LISTEN), portproxy.State(LISTEN))
    firewall_rule.do(wsl, RULE, firewall_rule.State(RULE.name))
    assert portproxy.every(wsl) == []
    assert "no rule" in asked().hint


def test_a_person_who_says_no(wsl, windows) -> None:
    windows(admin="refused")
    with pytest.raises(HomelabError, match="it was not allowed") as error:
        firewall_rule.do(wsl, firewall_rule.State(RULE.name), RULE)
    assert "New-NetFirewallRule" in error.value.hint
