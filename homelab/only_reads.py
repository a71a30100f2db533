"""Does a command only read? Looks through what wraps it: sudo, time-outs, shells, containers, SSH."""

from __future__ import annotations

import re
from collections.abc import Sequence

from homelab import read_only_commands as known
from homelab.simple_commands import ANY, WRITES, Unclear, commands

SHELLS = ("sh", "bash", "dash", "ash")
# What runs the command that follows it: options that take a word, and how many words come before it.
WRAPPERS = {
    "sudo": ("-u -g -h -p", 0),
    "timeout": ("-k -s", 1),
    "env": ("-u -C", 0),
    "nice": ("-n", 0),
    "nohup": ("", 0),
    "stdbuf": ("-i -o -e", 0),
    "exec": ("-a", 0),
    "xargs": ("-n -P -I -d -L", 0),
}
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=")
_CMDLET = re.compile(r"\b([A-Z][a-z]+(?:[A-Z][a-z]+)?)-[A-Z]\w+|::(\w+)|((?<!\w)&(?!\w)|\.exe\b|\biex\b)")
_SFTP = re.compile(r"(df|ls|pwd|stat)\b")


def command(argv: Sequence[str], stdin: str = "") -> str:
    """Why `argv` might change something; empty where it only reads."""
    words = list(argv)
    if not words:
        return ""
    name = words[0].rpartition("/")[2] or words[0]
    if name in SHELLS:
        return _shell(name, words, stdin)
    if name in WRAPPERS and words[1:]:
        return command(_unwrapped(name, words), stdin)
    if name == "tailscale" and words[1:2] == ["ssh"]:
        return _script(" ".join(words[3:]), []) if words[3:] else "it opens a shell"
    if (inner := _in_container(words)) is not None:
        return command(inner, stdin)
    if name == "powershell.exe":
        return _powershell(words)
    if name.startswith("python3") and _ours(words, stdin):
        return ""
    if words[:4] == ["sftp", "-q", "-b", "-"] and stdin:
        return "" if all(_SFTP.match(line) for line in stdin.splitlines()) else "its batch may write"
    return _listed([name, *words[1:]])


def docker_api(method: str, path: str) -> str:
    """Why a request to a Docker engine might change something; empty where it only reads."""
    return "" if method in ("GET", "HEAD") else "a request that is no GET may change something"


def admin_api(method: str, path: str) -> str:
    """The same for a request to the admin API; a policy may be tried, which does not save it."""
    tried = method == "POST" and re.search(r"/(acl/(validate|preview)|oauth/token)$", path.partition("?")[0])
    return "" if tried else docker_api(method, path)


def _listed(words: Sequence[str]) -> str:
    text, refused = known.joined(words), ""
    for pattern, never in known.entries(words[0]):
        if pattern.fullmatch("\n".join(known.bare(words))):
            found = re.search(never, text) if never else None
            if found is None:
                return ""
            refused = f"`{found[0].strip() or text}` is not reading"
    return refused or f"`{text}` is not in the list of commands that only read"


def _unwrapped(name: str, words: Sequence[str]) -> list[str]:
    valued, before = WRAPPERS[name]
    rest = list(words[1:])
    while rest and (rest[0].startswith("-") or _ASSIGNS.match(rest[0])):
        del rest[: 2 if rest[0] in valued.split() else 1]
    return rest[before:]


def _in_container(words: Sequence[str]) -> list[str] | None:
    """The command of ``docker exec`` and ``docker compose exec``; None where it is neither."""
    plain = known.bare(words)
    for start in (["docker", "exec"], ["docker", "compose", "exec"]):
        if plain[: len(start)] == start:
            rest = plain[len(start) :]
            while rest and rest[0].startswith("-"):
                del rest[
                    : 2 if rest[0] in ("-e", "-u", "-w", "--env", "--user", "--workdir", "--index") else 1
                ]
            return rest[1:]
    return None


def _shell(name: str, words: Sequence[str], stdin: str) -> str:
    rest, script = list(words[1:]), ""
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-o":
            rest.pop(0)
        elif "c" in option.lstrip("-"):
            script, rest = (rest[0] if rest else ""), rest[2:]
            break
        elif option == "-s":
            return _script(stdin, rest)
    else:
        return _script(stdin, []) if not rest and stdin else f"{name} runs a file, which may do anything"
    if script == known.program(known.INTEROP):
        return command(rest[1:])
    if any(script == known.program(where) for where, _ in known.PROGRAMS) or known.NOTES.fullmatch(script):
        return ""
    return _script(script, rest)


def _script(script: str, arguments: Sequence[str]) -> str:
    try:
        found = commands(script, arguments)
    except Unclear as error:
        return f"{error}"
    for words in found:
        if words[0] == WRITES:
            return f"it writes {words[1].replace(ANY, '$…')}"
        if refused := command(words):
            return refused
    return ""


def _ours(words: Sequence[str], stdin: str) -> bool:
    """Whether it is a Python program of ours, by ``-c`` or on standard input."""
    text = words[2] if words[1:2] == ["-c"] and words[2:] else stdin if words[1:2] == ["-"] else ""
    return bool(text) and any(text == known.program(where) for where, _ in known.PROGRAMS)


def _powershell(words: Sequence[str]) -> str:
    script = words[-1] if len(words) > 2 and words[-2] == "-Command" else ""
    for verb, member, other in _CMDLET.findall(script):
        if (verb and verb not in known.CMDLETS) or (member and member not in known.STATIC) or other:
            return f"its script does more than ask Windows: {verb or member or other}"
    return "" if script else "its script is not to be seen"
