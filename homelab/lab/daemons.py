"""The daemons that the lab itself runs, and how: known by machine and name, so that they can be restarted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TAILSCALED, DNS, CLOUD, REGISTRY = "tailscaled", "dns", "cloud", "registry"
PID_FILE = "/run/tailscale/tailscaled.pid"
LOCAL_API = "/run/tailscale/tailscaled.sock"
CLOUD_STATE = "/var/lib/cloud"
CLOUD_HOME = "/opt/cloud"  # where the cloud's machine sees its program, its pages and the CA
HUB = "hub"  # below the state folder: what the lab's hub offers
HUB_STORAGE = "/srv/hub"  # where the cloud's machine sees it
REGISTRY_SETTINGS = "/etc/docker-registry.yml"
API_KEY, AUTH_KEY = "tskey-api-lab", "tskey-auth-lab"


@dataclass(frozen=True)
class Daemon:
    """A program that runs on under a machine's first process."""

    machine: str
    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    pid_file: str = ""  # where the machine's own scripts look for its PID


REGISTRY_AT = "127.0.0.1:5000"  # where the cloud's front asks it
# Images are put into its storage from outside, as files; nobody pushes, and it can be read without locks.
REGISTRY_CONFIG = f"""\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {HUB_STORAGE}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: {REGISTRY_AT}}}
"""


def known(blueprint: dict[str, Any]) -> dict[tuple[str, str], Daemon]:
    """Every daemon that the lab knows how to start."""
    daemons = _cloud(blueprint)
    daemons += [tailscaled(n, m) for n, m in blueprint["machines"].items() if m["udp_port"]]
    return {(d.machine, d.name): d for d in daemons}


def tailscaled(name: str, machine: dict[str, Any]) -> Daemon:
    """The real client, telling nobody, on a UDP port of its own."""
    argv = [
        "/usr/sbin/tailscaled",
        "--statedir=/var/lib/tailscale",
        f"--socket={LOCAL_API}",
        f"--port={machine['udp_port']}",
        "--no-logs-no-support",
    ]
    return Daemon(name, TAILSCALED, argv, {"TS_NO_LOGS_NO_SUPPORT": "true"}, PID_FILE)


def _cloud(blueprint: dict[str, Any]) -> list[Daemon]:
    cloud = blueprint["cloud"]
    if not cloud:
        return []
    machine, program = cloud["machine"], f"{CLOUD_HOME}/cloud"
    main = blueprint["machines"][machine]["interfaces"][0]["addresses"][0].partition("/")[0]
    dns = [program, "dns", "--state", CLOUD_STATE, "--listen", cloud["dns"]]
    for name, other in blueprint["machines"].items():
        for nic in other["interfaces"]:
            if blueprint["networks"][nic["network"]]["public"] and name != machine:
                address = nic["addresses"][0].partition("/")[0]
                dns += ["--record", f"{other['hostname']}.lab={address}"]
    serve = [
        program, "serve", "--state", CLOUD_STATE, "--ca", f"{CLOUD_HOME}/ca", "--www", f"{CLOUD_HOME}/www",
        "--ip", main, "--derp", ",".join(cloud["derp"]), "--dns", cloud["dns"], "--domain", cloud["tailnet"],
        "--owner", cloud["owner"], "--api-key", API_KEY, "--auth-key", AUTH_KEY,
    ]  # fmt: skip
    registry = ["docker-registry", "serve", REGISTRY_SETTINGS]
    return [Daemon(machine, DNS, dns), Daemon(machine, CLOUD, serve), Daemon(machine, REGISTRY, registry)]
