"""``python -m homelab.runner.jupyterlab_server …``: JupyterLab, loaded while the lab comes up, and begun once that is there.

What it needs to know then is a line of JSON on standard input: variables of its environment. Without one it never begins.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib import import_module

from homelab.runner.no_grammar import without_grammar

LOADED = (  # what it would load anyway
    "jupyterlab.labapp",
    "jupyter_lsp.serverextension",
    "jupyter_server_proxy",
    "jupyter_server_terminals",
    "notebook_shim.nbserver",
)


def main() -> None:
    """Load, wait, begin."""
    with without_grammar():
        import_module("jsonschema")
    for module in LOADED:
        import_module(module)
    if told := sys.stdin.readline():
        os.environ.update(json.loads(told))
        sys.argv[0] = "jupyterlab"
        runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
