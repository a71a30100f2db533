"""The daemons that the lab itself runs, and how: known by machine and name, so that they can be restarted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from . import database

TAILSCALED, DNS, CLOUD, REGISTRY = "tailscaled", "dns", "cloud", "registry"
RELAY, RECORDER = "relay", "recorder"
DATABASE, NAMES = "database", "names"
NAMES_STATE = "/var/lib/names"
PID_FILE = "/run/tailscale/tailscaled.pid"
LOCAL_API = "/run/tailscale/tailscaled.sock"
INIT = "/etc/init.d/tailscaled"
# What a service manager does elsewhere: `sudo service tailscaled restart`, with what the two files say.
INIT_SCRIPT = f"""\
#!/bin/sh
# The lab's own: its machines have no systemd. The settings are read as systemd reads them.
set -a
for file in /etc/default/tailscaled /etc/default/lab-tailscaled; do [ ! -r "$file" ] || . "$file"; done
set +a
running() {{ pid=$(cat {PID_FILE} 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = tailscaled ]; }}
stop() {{
  running || return 0
  kill "$pid"
  n=0; while [ -e "/proc/$pid/exe" ] && [ "$n" -lt 100 ]; do n=$((n + 1)); sleep 0.05; done
}}
start() {{
  ! running || return 0
  rm -f {LOCAL_API}
  setsid sh -c 'echo $$ >{PID_FILE}; exec "$@"' tailscaled /usr/sbin/tailscaled --statedir=/var/lib/tailscale \\
    --socket={LOCAL_API} --port="$PORT" $FLAGS </dev/null >>/var/log/tailscaled.log 2>&1 &
  n=0; while [ ! -S {LOCAL_API} ] && [ "$n" -lt 200 ]; do n=$((n + 1)); sleep 0.05; done
  [ -S {LOCAL_API} ]
}}
case $1 in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  status) running ;;
  *) echo "usage: service tailscaled start|stop|restart|status" >&2; exit 2 ;;
esac
"""
CLOUD_STATE = "/var/lib/cloud"
CLOUD_HOME = "/opt/cloud"  # where the cloud's machine sees its program, its pages and the CA
HUB = "hub"  # below the state folder: what the lab's hub offers
HUB_STORAGE = "/srv/hub"  # where the cloud's machine sees it
REGISTRY_SETTINGS = "/etc/docker-registry.yml"
RECORDINGS = "/var/lib/recorder"  # in it a folder for each host, in that a file for each session
SEEN = "/var/lib/relay"  # what Funnel's front end saw of the latest visit
API_KEY, AUTH_KEY, FUNNEL_KEY = "tskey-api-lab", "tskey-auth-lab", "tskey-auth-funnel"


@dataclass(frozen=True)
class Daemon:
    """A program that runs on under a machine's first process."""

    machine: str
    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    pid_file: str = ""  # where the machine's own scripts look for its PID
    needs: tuple[str, ...] = ()  # daemons of the same machine that are started before
    join: tuple[str, ...] = ()  # a tailscaled of the cloud's own: how it logs in


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
    daemons = [*_cloud(blueprint), *_helpers(blueprint), *_private(blueprint)]
    helpers = {(d.machine, d.name) for d in daemons}
    daemons += [
        tailscaled(n, m)
        for n, m in blueprint["machines"].items()
        if m["udp_port"] and (n, TAILSCALED) not in helpers
    ]
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
    if cloud["relay"]:
        serve += ["--funnel", _public(blueprint, cloud["relay"]), "--funnel-key", FUNNEL_KEY]
    for name, place in cloud["exits"].items():
        where = "/".join((place["country"], place["code"], place["city"], place["city_code"]))
        serve += ["--exit", f"{_exit_key(name)}={where}"]
    registry = ["docker-registry", "serve", REGISTRY_SETTINGS]
    return [Daemon(machine, DNS, dns), Daemon(machine, CLOUD, serve), Daemon(machine, REGISTRY, registry)]


def _helpers(blueprint: dict[str, Any]) -> list[Daemon]:
    """What plays parts of the cloud on machines of its own. Its tailscaled belong to no person."""
    cloud, machines = blueprint["cloud"], blueprint["machines"]
    if not cloud:
        return []
    made = [
        _outsider(name, machines[name], _exit_key(name), name.replace("_", "-"), "--advertise-exit-node")
        for name in cloud["exits"]
    ]
    program = f"{CLOUD_HOME}/cloud"
    if name := cloud["relay"]:
        made.append(_outsider(name, machines[name], FUNNEL_KEY, "funnel-ingress-node"))
        argv = [program, "relay", "--listen", _public(blueprint, name), "--seen", SEEN]
        made.append(Daemon(name, RELAY, argv, needs=(TAILSCALED,)))
    if name := cloud["recorder"]:
        argv = [program, "recorder", "--dir", RECORDINGS]
        made.append(Daemon(name, RECORDER, argv, needs=(TAILSCALED,)))
    return made


def _private(blueprint: dict[str, Any]) -> list[Daemon]:
    """What only a private network reaches: databases, and DNS servers of the network's own."""
    machines = blueprint["machines"]
    made = [
        Daemon(name, DATABASE, database.ARGV) for name, machine in machines.items() if machine["database"]
    ]
    for name, machine in machines.items():
        if names := machine["names"]:
            argv = [f"{CLOUD_HOME}/cloud", "dns", "--state", NAMES_STATE, "--listen", names["address"]]
            argv += [word for n, a in names["records"].items() for word in ("--record", f"{n}={a}")]
            made.append(Daemon(name, NAMES, argv))
    return made


def _outsider(name: str, machine: dict[str, Any], key: str, hostname: str, *more: str) -> Daemon:
    up = ("tailscale", "up", f"--auth-key={key}", f"--hostname={hostname}", "--accept-dns=false", *more)
    return replace(tailscaled(name, machine), join=up)


def _exit_key(name: str) -> str:
    return f"tskey-auth-exit-{name}"


def _public(blueprint: dict[str, Any], name: str) -> str:
    """The machine's address on the internet."""
    nics = blueprint["machines"][name]["interfaces"]
    nic = next(n for n in nics if blueprint["networks"][n["network"]]["public"])
    return str(nic["addresses"][0]).partition("/")[0]
