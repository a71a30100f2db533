"""What a reader without WSL carries to a Windows machine: the start-up script, a commented PowerShell script, a page.

Files are made from wanted states alone, so they say what the runbook would do there, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homelab.resources import firewall_rule, logon_task, startup_script
from homelab.wsl import carry_page, powershell, wslconfig

SCRIPT, POWERSHELL, PAGE = startup_script.FILE, carry_page.POWERSHELL, "index.html"
ANYBODY = "DOMAIN\\user"  # stands in the task until the script puts in who runs it


@dataclass(frozen=True)
class Bridge:
    """A port of Windows that leads to `to` of WSL, and whose rule is called `rule`."""

    port: int
    to: int
    rule: str


@dataclass(frozen=True)
class Carried:
    """What is wanted there: a `distribution` that starts at logon and lives on, and `bridges` into it."""

    distribution: str
    bridges: Sequence[Bridge] = ()


def files(wanted: Carried) -> dict[str, bytes]:
    """Names and contents, ready for Windows: the scripts in plain ASCII with CRLF.

    Raises:
        HomelabError: no distribution can be called that.
    """
    return {
        SCRIPT: startup_script.script(wanted.distribution).encode("ascii"),
        POWERSHELL: _crlf(_powershell(wanted)),
        PAGE: carry_page.page(
            wanted.distribution, logon_task.TASK, SCRIPT, _settings(), _ports(wanted)
        ).encode(),
    }


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put them into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("ascii")


def _powershell(wanted: Carried) -> str:
    task = logon_task.wanted(wanted.distribution, ANYBODY, "")
    xml = logon_task.xml(task).strip()
    settings = "\n".join(f"#   {line}" for line in _settings())
    parts = [HEAD, TASK.format(xml=xml, user=ANYBODY, name=task.name), KEEP.format(settings=settings)]
    if wanted.bridges:
        parts.append(BRIDGES.format(distribution=wanted.distribution))
        parts += [_bridge(bridge) for bridge in wanted.bridges]
    return "\n".join(parts)


def _settings() -> list[str]:
    both = (wslconfig.ALIVE, wslconfig.ALIVE_VM)
    return [line for section, key, value in both for line in (f"[{section}]", f"{key}={value}")]


def _ports(wanted: Carried) -> list[tuple[int, int]]:
    return [(bridge.port, bridge.to) for bridge in wanted.bridges]


def _bridge(bridge: Bridge) -> str:
    rule = firewall_rule.State(bridge.rule, bridge.port)
    remove = powershell.remove_firewall_rule(rule.name)
    return BRIDGE.format(
        port=bridge.port,
        to=bridge.to,
        remove=f"{remove} -ErrorAction SilentlyContinue",
        add=powershell.new_firewall_rule(rule.name, rule.port, rule.profile, rule.remote),
        back=f"netsh interface portproxy delete v4tov4 listenaddress=0.0.0.0 listenport={bridge.port}",
        gone=remove,
    )


HEAD = """\
# Homelab Runbook: WSL that starts with Windows, and lives on.
# Read it before you run it; every step says what it does and how to take it back.
# Run:  powershell -ExecutionPolicy Bypass -File homelab-wsl.ps1
# Bypass: for this one call, Windows lets a script run that nobody has signed.
$ErrorActionPreference = 'Stop'
"""
TASK = """\
# 1. A task at your logon. It starts WSL without a window and keeps it running.
#    A task of that name that is somebody's is kept beside this script first, and never written over.
#    Take back:  schtasks /Delete /TN {name} /F
#    and, if one was kept:  schtasks /Create /TN {name} /XML {name}.before.xml
$old = Get-ScheduledTask -TaskName '{name}' -ErrorAction SilentlyContinue
$kept = Join-Path $PSScriptRoot '{name}.before.xml'
if ($old -and $old.Description -notlike '*Homelab Runbook*' -and -not (Test-Path $kept)) {{
  Export-ScheduledTask -TaskName '{name}' | Out-File $kept -Encoding Unicode
}}
$me = [Security.Principal.WindowsIdentity]::GetCurrent().Name
$xml = @'
{xml}
'@
$file = Join-Path $env:TEMP '{name}.xml'
$xml.Replace('{user}', [Security.SecurityElement]::Escape($me)) | Out-File -FilePath $file -Encoding Unicode
schtasks /Create /TN {name} /XML $file /F
Remove-Item $file
if ($LASTEXITCODE) {{ throw 'the task was refused' }}
"""
KEEP = """\
# 2. Settings that keep WSL running also without that task. Nothing is changed here, as the file may be yours already:
#    open it (notepad %UserProfile%\\.wslconfig), and see that it has
{settings}
#    They count from WSL's next start on:  wsl --shutdown
"""
BRIDGES = """\
# 3. Ports of Windows that lead into WSL, for devices of your home that have no Tailscale.
#    WSL's address changes at each start: run this script again then. It takes an administrator, and does the first
#    part anew, which harms nothing.
$admin = ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()).IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
if (-not $admin) {{ Write-Warning 'Not an administrator: the ports were left out.'; exit }}
$address = (wsl -d {distribution} -e hostname -I).Trim().Split(' ')[0]
if ($address -notmatch '^\\d+\\.\\d+\\.\\d+\\.\\d+$') {{ throw 'WSL did not say its address' }}
"""
BRIDGE = """\
# Port {port}: anyone in your home may use it, so see that what answers there asks for a password.
#    Take back:  {back}
#                {gone}
netsh interface portproxy add v4tov4 listenaddress=0.0.0.0 listenport={port} connectaddress=$address connectport={to}
{remove}
{add} | Out-Null
"""
