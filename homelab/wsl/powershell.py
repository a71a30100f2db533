"""The PowerShell that we run on Windows: every text, and no other.

Each is one line without a double quote, so that no layer between us and PowerShell has anything to escape.
What one prints is JSON in plain ASCII (other letters as ``\\u00e4``): then neither the console's code page nor
the language of Windows can change it. Windows PowerShell 5.1 is meant, which every Windows 10 and 11 has.
"""

from __future__ import annotations

import json
import re
from typing import Any

from homelab.errors import HomelabError

PROGRAM = "powershell.exe"
HEAD = "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; "
ASCII = "'[^ -~]', { param($m) '\\u{0:x4}' -f [int][char]$m.Value }"
QUOTES = re.compile("['‘’‚‛]")  # PowerShell takes the typographic ones for the plain one
REFUSED = 77  # our exit status for "the person said no, or nobody could be asked"


def argv(script: str) -> list[str]:
    """`script` as a command line: without the user's profile, and it never stops to ask."""
    return [PROGRAM, "-NoProfile", "-NonInteractive", "-Command", script]


def quoted(text: str) -> str:
    """`text` as a PowerShell string.

    Raises:
        HomelabError: it holds a double quote or a line break, which would not arrive as they are.
    """
    if '"' in text or any(ord(c) < 32 for c in text):
        raise HomelabError(
            f"{text!r} holds a character that does not reach PowerShell whole", "", "leave it out"
        )
    return "'" + QUOTES.sub(r"\g<0>\g<0>", text) + "'"


def _asks(expression: str) -> str:
    """A script that prints `expression`, always as a JSON list."""
    return (
        f"{HEAD}$x = @({expression}); [regex]::Replace((ConvertTo-Json -Compress -InputObject $x), {ASCII})"
    )


WINDOWS_VERSION = _asks(
    "Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' | "
    "Select-Object ProductName, EditionID, DisplayVersion, CurrentBuildNumber, UBR"
)
USER = _asks(
    "[ordered]@{ Name = [Security.Principal.WindowsIdentity]::GetCurrent().Name; "
    "Elevated = ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent())"
    ".IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator); "
    "Profile = [Environment]::GetFolderPath('UserProfile'); Startup = [Environment]::GetFolderPath('Startup') }"
)
TAILSCALE = _asks(
    "Get-Service -Name 'Tailscale' -ErrorAction SilentlyContinue | "
    "ForEach-Object { [ordered]@{ Status = [string]$_.Status; StartType = [string]$_.StartType } }"
)
ADAPTERS = _asks(
    "Get-NetIPInterface -AddressFamily IPv4 -ConnectionState Connected | "
    "ForEach-Object { [ordered]@{ Alias = $_.InterfaceAlias; Mtu = $_.NlMtu } }"
)
# Where each distribution's disk lies: https://learn.microsoft.com/windows/wsl/disk-space (BasePath in the registry).
VIRTUAL_DISKS = _asks(
    "Get-ChildItem 'HKCU:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Lxss' | "
    "ForEach-Object { Get-ItemProperty $_.PSPath } | Where-Object { $_.BasePath } | ForEach-Object "
    "{ $f = ($_.BasePath -replace '^\\\\\\\\\\?\\\\', '') + '\\' + $(if ($_.VhdFileName) { $_.VhdFileName } else { 'ext4.vhdx' }); "
    "[ordered]@{ Name = $_.DistributionName; File = $f; "
    "Size = (Get-Item -LiteralPath $f -ErrorAction SilentlyContinue).Length } }"
)
NETWORKS = _asks(
    "Get-NetConnectionProfile | "
    "ForEach-Object { [ordered]@{ Alias = $_.InterfaceAlias; Category = [string]$_.NetworkCategory } }"
)


def firewall_rules(name: str) -> str:
    """What asks for the firewall rules that are displayed as `name`."""
    return _asks(
        f"Get-NetFirewallRule -DisplayName {quoted(name)} -ErrorAction SilentlyContinue | ForEach-Object "
        "{ $p = $_ | Get-NetFirewallPortFilter; $a = $_ | Get-NetFirewallAddressFilter; [ordered]@{ "
        "Enabled = [string]$_.Enabled; Direction = [string]$_.Direction; Action = [string]$_.Action; "
        "Profile = [string]$_.Profile; Protocol = [string]$p.Protocol; LocalPort = [string]$p.LocalPort; "
        "RemoteAddress = [string]$a.RemoteAddress } }"
    )


def new_firewall_rule(name: str, port: int, profile: str = "Private", remote: str = "LocalSubnet") -> str:
    """What lets others connect to TCP `port`: from `remote`, on networks that Windows counts as `profile`."""
    return (
        f"New-NetFirewallRule -DisplayName {quoted(name)} -Direction Inbound -Action Allow "
        f"-Protocol TCP -LocalPort {port} -Profile {profile} -RemoteAddress {remote}"
    )


def remove_firewall_rule(name: str) -> str:
    """What removes the firewall rules that are displayed as `name`."""
    return f"Remove-NetFirewallRule -DisplayName {quoted(name)}"


def set_service(name: str, start: str, status: str) -> str:
    """What starts or stops the service `name` (`status`: Running, Stopped), and says when it starts by itself.

    Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.management/set-service
    """
    return f"Set-Service -Name {quoted(name)} -StartupType {start} -Status {status}"


def elevated(program: str, arguments: str) -> str:
    """What runs a program as administrator: Windows asks the person, and we wait for its end.

    The exit status is the program's; `REFUSED` where the person said no or could not be asked.
    """
    words = " + [char]34 + ".join(quoted(part) for part in arguments.split('"'))
    words = f"({words})" if '"' in arguments else words
    return (
        f"try {{ $p = Start-Process -FilePath {quoted(program)} -ArgumentList {words} -Verb RunAs "
        f"-WindowStyle Hidden -Wait -PassThru }} catch {{ [Console]::Error.WriteLine($_.Exception.Message); "
        f"exit {REFUSED} }}; exit $p.ExitCode"
    )


def elevated_powershell(script: str) -> str:
    """`elevated`, for a script of this module."""
    return elevated(PROGRAM, f"-NoProfile -NonInteractive -Command {script}")


def parse(text: str) -> list[dict[str, Any]]:
    """The list that one of the questions above printed.

    Raises:
        HomelabError: it is no JSON list.
    """
    try:
        found = json.loads(text.strip().lstrip("\ufeff") or "[]")
    except json.JSONDecodeError:
        found = None
    if isinstance(found, dict) and set(found) == {"value", "Count"}:  # a wart of 5.1: a list with a wrapping
        found = found["value"]
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise HomelabError(f"PowerShell printed no JSON list: {text.strip()[:200]!r}", PROGRAM)
    return found
