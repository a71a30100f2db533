"""Tailscale SSH: the node's own server, whose host keys the tailnet tells us, through the tailscaled of this machine.

The same options as ``tailscale ssh`` gives to ssh
(https://github.com/tailscale/tailscale/blob/main/cmd/tailscale/cli/ssh.go), on the connection that we keep.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from homelab.errors import PrerequisiteMissing, SshError, nearest
from homelab.ssh.address import Address

PATIENCE = 10.0  # seconds for the daemon beside us


def options(address: Address, known_hosts: Path, where: str) -> list[str]:
    """ssh's options to reach the node; its host keys are written to `known_hosts`.

    Raises:
        PrerequisiteMissing: there is no tailscale here, or it is not connected.
        SshError: the tailnet has no such node, it is not connected, or it runs no Tailscale SSH.
    """
    status = _status()
    node = _find(status, address, where)
    keys = node.get("sshHostKeys") or []
    name, ip = str(node.get("DNSName", "")).rstrip("."), str(node["TailscaleIPs"][0])
    if not node.get("Online"):
        what = f"the node {address.host} is not connected to the tailnet"
        raise SshError("unreachable", what, where, "is the machine on? There: tailscale status")
    if not keys:
        what = f"the node {address.host} runs no Tailscale SSH"
        raise SshError("unreachable", what, where, "there: sudo tailscale set --ssh, or use ssh:// instead")
    known_hosts.write_text("".join(f"{name} {key}\n" for key in keys))
    given = {
        "HostName": ip,
        "HostKeyAlias": name,
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "CanonicalizeHostname": "no",
        "ProxyCommand": "tailscale nc %h %p",
    }
    return [word for pair in given.items() for word in ("-o", "=".join(pair))]


def _status() -> dict[str, Any]:
    if not shutil.which("tailscale"):
        raise PrerequisiteMissing(
            "there is no tailscale here", "this machine", "./runbook run 03 installs it"
        )
    said = subprocess.run(
        ["tailscale", "status", "--json"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    try:
        status: dict[str, Any] = json.loads(said.stdout)
    except ValueError:
        status = {}
    if status.get("BackendState") != "Running":
        what = f"tailscale is not connected here: {status.get('BackendState') or said.stderr.strip()}"
        raise PrerequisiteMissing(what, "this machine", "sudo tailscale up")
    return status


def _find(status: dict[str, Any], address: Address, where: str) -> dict[str, Any]:
    """The node by the first part of its name, its whole name, or an address."""
    nodes = [*(status.get("Peer") or {}).values(), status.get("Self") or {}]
    short = {str(n.get("DNSName", "")).partition(".")[0]: n for n in nodes if n.get("TailscaleIPs")}
    for node in short.values():
        if address.host in (str(node.get("DNSName", "")).rstrip("."), *node["TailscaleIPs"]):
            return dict(node)
    if address.host not in short:
        what = f"the tailnet has no node {address.host}, as this machine sees it"
        raise SshError("name", what, where, nearest(address.host, short))
    return dict(short[address.host])
