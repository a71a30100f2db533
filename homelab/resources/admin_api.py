"""The admin API as a learner would type it."""

from __future__ import annotations

import shlex

BASE = "https://api.tailscale.com/api/v2"


def curl(path: str, method: str, body: str = "", *headers: str) -> list[str]:
    """A curl command for one request; the API key stays in the environment, as ``$TS_API_KEY``."""
    argv = ["curl", "-fsS", "-u", "$TS_API_KEY:", "-X", method]
    for header in headers:
        argv += ["-H", header]
    return [*argv, *(["-d", body] if body else []), f"{BASE}/{path}"]


def line(argv: list[str]) -> str:
    """`argv` as one line of shell in which ``$TS_API_KEY`` is still a variable."""
    return shlex.join(argv).replace("'$TS_API_KEY:'", '"$TS_API_KEY:"')
