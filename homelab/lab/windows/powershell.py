"""powershell.exe: a closed list of scripts, each known by its text; this is no PowerShell."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import daemons, tailnet
from .call import Call, Unplayed
from .disk import STARTUP
from .firewall import Rule
from .settings import RELEASES, UBR

if TYPE_CHECKING:
    from .system import System

KNOWN = "the scripts of homelab/wsl/powershell.py, by -NoProfile -NonInteractive -Command SCRIPT"
_OPTIONS = ["-NoProfile", "-NonInteractive", "-Command"]
_TEXT = r"'((?:[^'‘’‚‛]|['‘’‚‛]{2})*)'"
_ASKS = re.compile(
    r"\$ErrorActionPreference = 'Stop'; \$ProgressPreference = 'SilentlyContinue'; \$x = @\((?P<what>.*)\); "
    r"\[regex\]::Replace\(\(ConvertTo-Json -Compress -InputObject \$x\), '\[\^ -~\]', .*\)"
)
_ELEVATED = re.compile(
    rf"try \{{ \$p = Start-Process -FilePath {_TEXT} -ArgumentList {_TEXT} -Verb RunAs -WindowStyle Hidden "
    r"-Wait -PassThru \} catch \{ \[Console\]::Error\.WriteLine\(\$_\.Exception\.Message\); exit (\d+) \}; "
    r"exit \$p\.ExitCode"
)
_NEW_RULE = re.compile(
    rf"New-NetFirewallRule -DisplayName {_TEXT} -Direction Inbound -Action Allow -Protocol TCP "
    r"-LocalPort (\d{1,5})(?: -Profile (Private|Public|Any))?(?: -RemoteAddress (LocalSubnet|Any|[\d./]+))?"
)
_SET_SERVICE = re.compile(
    r"Set-Service -Name 'Tailscale' -StartupType (Automatic|Manual|Disabled) -Status (Running|Stopped)"
)
_REMOVE_RULE = re.compile(rf"Remove-NetFirewallRule -DisplayName {_TEXT}")
CANCELLED = "This command cannot be run due to the error: The operation was canceled by the user."


def main(system: System, call: Call) -> int:
    """Run it; its exit status.

    Raises:
        Unplayed: any other script.
    """
    if list(call.argv[:3]) != _OPTIONS or len(call.argv) < 4:
        raise Unplayed(KNOWN)
    script = " ".join(call.argv[3:])
    if match := _ASKS.fullmatch(script):
        answer = _answer(system, call, match["what"])
        call.out(json.dumps(answer, separators=(",", ":")))
        return 0
    if match := _ELEVATED.fullmatch(script):
        return _elevate(system, call, _unquoted(match[1]), _unquoted(match[2]), int(match[3]))
    if match := _NEW_RULE.fullmatch(script):
        rule = Rule(_unquoted(match[1]), int(match[2]), match[3] or "Any", match[4] or "Any")
        return _new_rule(system, call, rule)
    if match := _REMOVE_RULE.fullmatch(script):
        return _remove_rule(system, call, _unquoted(match[1]))
    if match := _SET_SERVICE.fullmatch(script):
        return _set_service(system, call, match[1], runs=match[2] == "Running")
    raise Unplayed(KNOWN)


def _answer(system: System, call: Call, what: str) -> list[dict[str, Any]]:
    for known, answer in _QUESTIONS.items():
        if match := re.fullmatch(known, what):
            return answer(system, call, *(_unquoted(group) for group in match.groups()))
    raise Unplayed(KNOWN)


def _version(system: System, call: Call) -> list[dict[str, Any]]:
    """Of Windows 11 too the registry says that its product is Windows 10."""
    build = system.settings.build
    return [
        {
            "ProductName": "Windows 10 Pro",
            "EditionID": "Professional",
            "DisplayVersion": RELEASES[build],
            "CurrentBuildNumber": str(build),
            "UBR": UBR[build],
        }
    ]


def _user(system: System, call: Call) -> list[dict[str, Any]]:
    startup = f"{system.profile}\\{STARTUP}".replace("/", "\\")
    elevated = system.is_elevated(call)
    return [{"Name": system.user, "Elevated": elevated, "Profile": system.profile, "Startup": startup}]


def _tailscale(system: System, call: Call) -> list[dict[str, Any]]:
    """The service, where tailscaled was installed on the machine."""
    runs = system.machine.ask("alive", name="tailscaled")["alive"]
    there = system.machine.ask("quiz", argv=["ls", "/usr/sbin/tailscaled"], fine=[0, 1, 2])["out"]
    if not (runs or there):
        return []
    return [{"Status": "Running" if runs else "Stopped", "StartType": system.client_starts}]


def _adapters(system: System, call: Call) -> list[dict[str, Any]]:
    """Each with its MTU as it is in the machine."""
    links = json.loads(system.machine.ask("quiz", argv=["ip", "-json", "link"])["out"])
    mtu = {link["ifname"]: link["mtu"] for link in links if "UP" in link["flags"]}
    names = {"lo": "Loopback Pseudo-Interface 1", "tailscale0": "Tailscale"} | _aliases(system)
    return [{"Alias": alias, "Mtu": mtu[nic]} for nic, alias in names.items() if nic in mtu]


def _networks(system: System, call: Call) -> list[dict[str, Any]]:
    return [{"Alias": "Ethernet", "Category": system.settings.network}]


def _virtual_disks(system: System, call: Call) -> list[dict[str, Any]]:
    """The lab's distribution is no file of Windows."""
    return []


def _aliases(system: System) -> dict[str, str]:
    drawn = system.lab.blueprint["machines"][system.name]
    return {
        nic["name"]: "Ethernet" if nic["name"] == drawn["upstream"] else "vEthernet (WSL)"
        for nic in drawn["interfaces"]
    }


def _rules(system: System, call: Call, name: str) -> list[dict[str, Any]]:
    return [
        {
            "Enabled": "True",
            "Direction": "Inbound",
            "Action": "Allow",
            "Profile": rule.profile,
            "Protocol": "TCP",
            "LocalPort": str(rule.port),
            "RemoteAddress": rule.remote,
        }
        for rule in system.firewall.rules
        if rule.name.lower() == name.lower()
    ]


_QUESTIONS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    r"Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' \| Select-Object ProductName, "
    r"EditionID, DisplayVersion, CurrentBuildNumber, UBR": _version,
    r"\[ordered\]@\{ Name = \[Security\.Principal\.WindowsIdentity\]::GetCurrent\(\)\.Name; Elevated = .*; "
    r"Profile = \[Environment\]::GetFolderPath\('UserProfile'\); "
    r"Startup = \[Environment\]::GetFolderPath\('Startup'\) \}": _user,
    r"Get-Service -Name 'Tailscale' -ErrorAction SilentlyContinue \| ForEach-Object \{ \[ordered\]@\{ "
    r"Status = \[string\]\$_\.Status; StartType = \[string\]\$_\.StartType \} \}": _tailscale,
    r"Get-NetIPInterface -AddressFamily IPv4 -ConnectionState Connected \| ForEach-Object \{ \[ordered\]@\{ "
    r"Alias = \$_\.InterfaceAlias; Mtu = \$_\.NlMtu \} \}": _adapters,
    r"Get-NetConnectionProfile \| ForEach-Object \{ \[ordered\]@\{ Alias = \$_\.InterfaceAlias; "
    r"Category = \[string\]\$_\.NetworkCategory \} \}": _networks,
    r"Get-ChildItem 'HKCU:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Lxss' \| ForEach-Object .*\.Length \} \}": _virtual_disks,
    rf"Get-NetFirewallRule -DisplayName {_TEXT} -ErrorAction SilentlyContinue \| ForEach-Object "
    r"\{ \$p = \$_ \| Get-NetFirewallPortFilter; \$a = \$_ \| Get-NetFirewallAddressFilter; \[ordered\]@\{ "
    r"Enabled = .*RemoteAddress = \[string\]\$a\.RemoteAddress \} \}": _rules,
}


def _elevate(system: System, call: Call, program: str, arguments: str, refused: int) -> int:
    """Windows asks the person. What the program prints is in a window of its own, and lost."""
    from .logon import split

    if not (system.is_elevated(call) or system.says_yes(f"{program} {arguments}")):
        call.err(CANCELLED)
        return refused
    words = split(arguments)
    if "-Command" in words:  # the rest is PowerShell's own, with its own quotes
        words = [*_OPTIONS, arguments.partition("-Command ")[2]]
    return system.run(Call(program, words, side="windows", elevated=True))


def _new_rule(system: System, call: Call, rule: Rule) -> int:
    if not 0 < rule.port < 65536:
        raise Unplayed("ports from 1 to 65535")
    if not system.is_elevated(call):
        return _denied(call, "New-NetFirewallRule")
    system.firewall.add(rule)
    guid = uuid.uuid5(uuid.NAMESPACE_OID, f"{rule.name} {len(system.firewall.rules)}")
    call.out(
        f"\nName        : {{{guid}}}\nDisplayName : {rule.name}\nEnabled     : True\nAction      : Allow\n\n"
    )
    return 0


def _remove_rule(system: System, call: Call, name: str) -> int:
    if not any(rule.name.lower() == name.lower() for rule in system.firewall.rules):
        call.err(
            "Remove-NetFirewallRule : No MSFT_NetFirewallRule objects found with property 'DisplayName' equal to "
            f"'{name}'.  Verify the value of the property and retry."
        )
        return 1
    if not system.is_elevated(call):
        return _denied(call, "Remove-NetFirewallRule")
    system.firewall.remove(name)
    return 0


def _set_service(system: System, call: Call, starts: str, *, runs: bool) -> int:
    """Tailscale's service: what runs then on the machine is the real tailscaled, of Linux."""
    if not _tailscale(system, call):
        call.err("Set-Service : Service Tailscale was not found on computer '.'.")
        return 1
    if not system.is_elevated(call):
        return _denied(call, "Set-Service")
    client = system.services.daemon(system.name, daemons.TAILSCALED)
    if runs:
        system.services.ask_for(client)
        tailnet.await_daemon(system.machine)
    else:
        system.services.let_go(client)
    system.client_starts = starts
    return 0


def _denied(call: Call, cmdlet: str) -> int:
    call.err(f"{cmdlet} : Access is denied.\n    + FullyQualifiedErrorId : Windows System Error 5,{cmdlet}")
    return 1


def _unquoted(text: str) -> str:
    return re.sub(r"(['‘’‚‛])['‘’‚‛]", r"\1", text)
