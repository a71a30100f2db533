"""The commands that only read, as data: what facts and checks may run while nothing is being changed.

To add one, write a line into `READS`: the words of the command, why it changes nothing, and (third, where
needed) a regular expression for what must not stand in it: ``find`` that deletes is not the ``find`` that
reads. ``a|b`` is either word, ``*`` within a word is anything, ``…`` at the end is any further words.
"""

from __future__ import annotations

import functools
import importlib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

READS: tuple[tuple[str, str] | tuple[str, str, str], ...] = (
    # The shell's own, and text
    (":|true|false|exit|return|break|continue|wait|shift|set|cd|pwd|export|readonly|local|unset|read …", "this shell's"),
    ("exec", "opens files and connections, and those are looked at"),
    ("echo|printf|test|[ …", "prints or compares"),
    ("command -v|-V *", "where a program is"),
    ("type|which|hash …", "where a program is"),
    (". /etc/os-release", "which distribution it is: a file of variables"),
    ("cat|head|tail|tac|nl|wc|cut|tr|rev|fold|column|od|hexdump|strings|jq …", "prints what it reads"),
    ("grep|egrep|fgrep|zgrep …", "finds lines"),
    ("sed …", "edits what it prints", r" (-\w*i\b|-i\S+|--in-place)"),
    ("sort …", "sorts what it prints", r" (-\w*o|--output)"),
    ("base64|base32|sha256sum|sha1sum|md5sum|cksum|cmp|diff …", "computes from what it reads"),
    ("openssl s_client|x509|pkey|rsa|ec|verify|dgst|sha256|version …", "looks at keys and certificates", r" -out\b"),
    ("sleep|seq|expr …", "time and numbers"),
    ("date …", "the time", r" (-\w*s|--set)"),
    # Files and disks
    ("ls|stat|file|dirname|basename|readlink|realpath|df|du|findmnt|lsblk|blkid|getfacl|namei …", "looks at files"),
    ("find …", "lists files", r" -(delete|exec|execdir|ok|okdir|fprint\w*|fls)\b"),
    ("mountpoint …", "whether something is mounted there"),
    ("mount", "lists what is mounted"),
    # The system
    ("id|whoami|groups|who|uname|arch|nproc|uptime|free|lscpu|lspci|lsusb|lsmod|locale|getconf …", "what the machine is"),
    ("hostname", "its name"),
    ("hostname -I|-i|-f|-s|-A", "its names and addresses"),
    ("getent …", "asks the system's name service"),
    ("ps|pgrep|pidof|lsof …", "lists processes"),
    ("systemctl is-enabled|is-active|is-failed|is-system-running|status|show|cat|list-units|list-unit-files|list-timers …", "asks systemd"),
    ("journalctl|dmesg …", "reads logs", r" (--(vacuum|rotate|flush|clear|sync|relinquish)\S*|-[cC]\b)"),
    ("timedatectl|hostnamectl|loginctl status|show|show-user …", "asks systemd"),
    ("sysctl -n|-a …", "reads the kernel's settings", r" -w|="),
    ("dpkg-query|apt-cache …", "asks the package manager's lists"),
    ("dpkg -l|-s|-L|-S|--print-architecture …", "asks the package manager's lists"),
    ("apt list …", "asks the package manager's lists"),
    ("service * status", "asks whether a service runs"),
    ("crontab -l", "lists what cron runs"),
    ("python3*|pip|git|curl|restic|ollama|dockerd|docker|tailscale|ffmpeg|psql|ssh --version|-V|version", "its version"),
    ("python3* -c import*ensurepip*,*venv", "whether this Python can make environments"),
    ("git config --local|--get …", "looks at a checkout", r"^(?!.* --get)|--(set|unset|add|replace)"),
    ("git rev-parse|status|log|show|ls-files|describe|diff …", "looks at a checkout", r" --(output|ext-diff)"),
    ("nvidia-smi …", "asks the graphics card", r" (-(pm|pl|r|e|p|c|lgc|lmc|ac|rgc|rac|mig|am|caa)\b|--(gpu-reset|power-limit|persistence-mode|applications-clocks))"),
    ("vainfo|ffprobe …", "looks at video hardware and films"),
    ("ffmpeg -nostdin -v error" + " -ss * -i http*://*" * 4 + " -filter_complex [0:v]scale=*,format=yuvj420p -frames:v 1 -f image2pipe -c:v mjpeg -q:v 5 -flags:v +bitexact -", "one picture of a film, into a pipe", r"(metadata|movie|sendcmd|zmq|file=)"),
    # Networks
    ("ip address|addr|a|link|l|route|r|rule|neighbour|neigh|netns|maddress", "lists networks"),
    ("ip address|addr|a|link|l|route|r|rule|neighbour|neigh|netns|maddress show|list|get|ls …", "lists networks"),
    ("ss|netstat …", "lists sockets", r" (-\w*K|--kill)"),
    ("iptables|ip6tables …", "lists the firewall's rules", r" (-[ADIRFXNPZE]|--(append|delete|insert|replace|flush|zero|new-chain|delete-chain|policy|rename-chain))\b|^(?!.* -\w*[SL])"),
    ("iptables-save|ip6tables-save …", "lists the firewall's rules", r" (-f|--file)"),
    ("nft list …", "lists the firewall's rules"),
    ("conntrack -L|-C|-S …", "lists connections"),
    ("ping|ping6|tracepath|traceroute …", "sends packets that ask for an echo"),
    ("dig|host|nslookup …", "asks for names"),
    ("resolvectl status|query|dns|statistics …", "asks for names"),
    ("nc …", "makes a connection", r" (-\w*l|-e|--exec|--listen)\b"),
    ("curl …", "gets a page", r" (-X ?(?!GET|HEAD)\S+|--request (?!GET|HEAD)\S+|-d\S*|--data\S*|--json|-F|--form|-T|--upload-file|-\w*O|-c|--cookie-jar|-K)( |$)| (-o|--output) (?!/dev/null|- |-$)"),
    ("mosquitto_sub …", "listens to a broker"),
    # Tailscale
    ("tailscale status|ip|version|netcheck|whois|ping …", "asks the node"),
    ("tailscale debug prefs|via|netmap|derp-map|metrics …", "asks the node"),
    ("tailscale debug rebind", "opens the node's sockets anew, as a change of network does; nothing of it stays"),
    ("tailscale serve|funnel|dns|lock status …", "asks the node"),
    ("tailscale exit-node list|suggest …", "asks the node"),
    ("tailscale drive|service|switch list|--list …", "asks the node"),
    # Docker
    ("docker ps|images|info|version|inspect|logs|port|top|search|diff|history …", "asks Docker"),
    ("docker stats --no-stream …", "asks Docker"),
    ("docker container|image|network|volume|context ls|list|inspect|logs|history|show …", "asks Docker"),
    ("docker system df …", "asks Docker"),
    ("docker manifest inspect …", "asks a registry"),
    ("docker compose config|ps|logs|images|port|top|ls|version …", "asks Compose", r" (-o|--output)\b"),
    ("docker run --rm --pull=never …", "a check's container, of an image that is there: gone when its command ends", r" (-v|--volume|--mount|--privileged|--pid\S*|-d|--detach|--network=host)\b"),
    # Backups, models, databases
    ("restic snapshots|stats|ls|find|diff|list|cat|dump|check …", "asks a repository, without a lock", r"^(?!.* --no-lock)"),
    ("sftp -q -b /dev/null *", "whether another machine lets us in"),
    ("ollama list|show|ps …", "asks Ollama"),
    ("psql …", "asks a database", r"(?i)\b(insert|update|delete|drop|create|alter|grant|truncate|copy)\b"),
    # Windows, from WSL
    ("wslpath|wslinfo …", "asks WSL"),
    ("wsl.exe --list|-l|--status|--version …", "asks WSL"),
    ("netsh.exe interface portproxy show …", "asks Windows' network"),
    ("schtasks.exe /Query …", "asks the task scheduler"),
    ("reg.exe query …", "asks the registry"),
    ("tasklist.exe|ipconfig.exe|whoami.exe|hostname.exe|systeminfo.exe …", "asks Windows", r"/(release|renew|flushdns|registerdns|setclassid)"),
    ("nvidia-smi.exe …", "asks the graphics card", r" -(pm|pl|r)\b"),
)  # fmt: skip

# Options that stand before the command of a program and take a word; those without a word need no mention.
OPTIONS = {
    "docker": "-H --host --context --config",
    "docker compose": "-f --file -p --project-name --project-directory --env-file --profile --ansi --progress",
    "git": "-C --git-dir --work-tree",
    "ip": "-n -netns -f -family",
    "nft": "",
    "restic": "-r --repo -p --password-file --cache-dir",
    "tailscale": "--socket",
    "systemctl": "",
}
# Programs of ours, each whole and unchanged: where it stands, and why it changes nothing.
PROGRAMS = (
    (
        "homelab.wsl.interop:SCRIPT",
        "calls a Windows program; what that prints waits in a folder that is removed",
    ),
    ("homelab.reach.probe:SCRIPT", "sends a packet to many places at once"),
    ("homelab.checks.mtu:SERVER", "sends bytes to whoever asks, for seconds"),
    ("homelab.checks.mtu:CLIENT", "receives them"),
    ("homelab.checks.public:CROWD", "visits a page as a crowd does"),
)
INTEROP = "homelab.wsl.interop:SCRIPT"
# Notes that a check keeps in our own folder of state on a machine, as a run keeps its folder.
NOTES = re.compile(r"mkdir -p \$\(dirname (\S*homelab\S*)\) && echo [\w. ']+ > \1|rm -f \S*homelab\S*")
CMDLETS = ("Get", "Select", "ForEach", "Where", "ConvertTo", "Sort", "Measure", "Format", "Test", "Write")
STATIC = ("GetCurrent", "GetFolderPath", "Administrator", "Replace")  # members of .NET's classes


@functools.cache
def entries(name: str) -> list[tuple[re.Pattern[str], str]]:
    """The lines of `READS` about the program `name`: (its words joined by line breaks, what must not stand there)."""
    found = []
    for words, _, *never in READS:
        tokens = words.split()
        further = tokens[-1] == "…"
        parts = [_token(t) for t in (tokens[:-1] if further else tokens)]
        if re.fullmatch(parts[0], name):
            pattern = "\n".join(parts) + ("(\n(?s:.*))?" if further else "")
            found.append((re.compile(pattern), never[0] if never else ""))
    return found


def _token(token: str) -> str:
    return "(?:" + "|".join(re.escape(word).replace(r"\*", "[^\n]*") for word in token.split("|")) + ")"


@functools.cache
def program(where: str) -> str:
    """The text of one of `PROGRAMS`, from the module that has it."""
    module, _, name = where.partition(":")
    found = getattr(importlib.import_module(module), name)
    return found.read_text(encoding="utf-8") if isinstance(found, Path) else str(found)


def bare(words: Sequence[str]) -> list[str]:
    """`words` without the options that stand before a program's command, by `OPTIONS`."""
    name, rest = words[0], list(words[1:])
    if name not in OPTIONS:
        return list(words)
    valued = OPTIONS[name].split()
    while rest and rest[0].startswith("-") and rest[0] not in ("--version", "-V"):
        del rest[: 2 if rest[0] in valued else 1]
    if name == "docker" and rest[:1] == ["compose"]:
        plain = bare(["docker compose", *rest[1:]])
        return ["docker", "compose", *plain[1:]]
    return [name, *rest]


def joined(words: Sequence[str]) -> str:
    """`words` as one line, for people and for what must not stand there."""
    return shlex.join(words).replace("\0", "$…")
