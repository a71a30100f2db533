"""How the lab's first process is started: new namespaces, a tiny pid 1, and nothing that outlives them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import paths, tools

USER_NAMESPACE = ("unshare", "--user", "--map-root-user", "--map-auto")  # with all subordinate ids
SHARED = ("--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc")


def tier() -> str:
    """`root` when called as root, else `rootless`; sudo is the reader's to ask for."""
    return "root" if os.geteuid() == 0 else "rootless"


def namespaces(tier: str) -> list[str]:
    """`unshare` for a tier. Without root, a user namespace with all of the user's subordinate ids."""
    return [*(("unshare",) if tier == "root" else USER_NAMESPACE), *SHARED, "--"]


def first_process(tier: str, packages: Path, config: Path) -> list[str]:
    """The whole command line: namespaces, the reaper that is pid 1, then our own first process."""
    tini = tools.file_of("tini-static", packages)
    return [*namespaces(tier), str(tini), "--", *python("homelab.lab.init"), str(config)]


def python(module: str) -> list[str]:
    """A Python that runs one of our modules, without the packages of any environment: it needs none."""
    return [sys.executable, "-S", "-E", "-c", _START.format(str(paths.CHECKOUT), module)]


_START = "import sys; sys.path.insert(0, {!r}); import runpy; runpy.run_module({!r}, run_name='__main__')"
