"""``python -m homelab.runner.jupyterlab_server``: JupyterLab, there in half the time."""

from __future__ import annotations

import runpy
import sys
from importlib import import_module

from homelab.runner.no_grammar import without_grammar

if __name__ == "__main__":
    with without_grammar():
        import_module("jsonschema")
    sys.argv[0] = "jupyterlab"
    runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)
