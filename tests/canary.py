"""Secrets to be looked for in all that a run leaves, and a stage that is careless with them in every way that there is."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tiny import SHOW, Tiny

# What all of them do with the secrets: use them, and be careless with them in every way that there is.
USES = """
import base64, json, logging, sys, warnings
from homelab.plan import Change
from homelab.outcome import Outcome
from homelab.record import show
from homelab.resources import file
from homelab.secret import Secret, mask
from homelab.world import open_world
world = open_world(params)
here = world["tequila"]
key = world.params.common.api_key.reveal()
mine, told = Secret.parse(kept).reveal(), Secret.parse(asked).reveal()
for value in (key, mine, told):
    here.run(["sh", "-c", "cat >/dev/null; sleep 0.05"], stdin=value, env={"GIVEN": value}).ok()
    print("out", value, repr(value), json.dumps({"deep": [value]})); print("err", value, file=sys.stderr)
    print(base64.b64encode(f"user:{value}".encode()).decode(), value.encode().hex())
    logging.getLogger("x").error("logged %s", value); warnings.warn(value)
    check("it opens", evidence=value, hint=value)
    display({"text/html": f"<b>{value}</b>", "application/json": {"deep": [value]}, "text/plain": value}, raw=True)
    change = Change("tequila", "file", f"keep {value}", file.State("/x", None), file.State("/x", value), name="/x", loses=value)
    show(Outcome(change, "failed", 1.0, value))
    world.journal.append("run", change, value); world.journal.failed("run", change, value)
assert "GIVEN" not in here.run(["sh", "-c", "cat /proc/self/environ"]).out
assert key not in here.run(["sh", "-c", "cat /proc/self/environ"]).out
check("used")
"""


class Canary(Tiny):
    """Tiny stages with three secrets, of one run's own home, and of one run's own run-time folder."""

    def __init__(self, folder: Path, short: Path) -> None:
        super().__init__(folder)
        self.variable, self.kept, self.told = (
            f"canary-{n}-{secrets.token_hex(12)}+/ü" for n in ("env", "file", "cmd")
        )
        self.hidden = folder.parent / f"{folder.name}-hidden"
        self.hidden.mkdir()
        for name, value in (("file", self.kept), ("cmd", self.told)):
            (self.hidden / name).write_text(value + "\n")
            (self.hidden / name).chmod(0o600)
        self.home.write_text("world: testhome\napi_key: env:CANARY\nmachines:\n  tequila: {via: local}\n")
        for name in ("state", "tmp", "home"):
            (folder / name).mkdir()
        self.given_env = {
            "CANARY": self.variable,
            "HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(short),
            "TMPDIR": str(folder / "tmp"),
        }
        self.short = short
        self.given = ("-p", f"kept=file:{self.hidden}/file", "-p", f"asked=cmd:cat {self.hidden}/cmd")

    def canaries(self) -> list[bytes]:
        """Each secret, and what it looks like in other places."""
        found: list[bytes] = []
        for value in (self.variable, self.kept, self.told):
            core = value[:-3]  # without the odd letters: no escape changes it
            found += [
                core.encode(),
                core.encode().hex().encode(),
                base64.b64encode(value.encode()).rstrip(b"="),
            ]
            found += [base64.b64encode(f"user:{value}".encode())[8:-4], quote(value, safe="").encode()]
        return found

    def leaks(self) -> list[str]:
        """The files that have one of them."""
        places = [p for top in (self.folder, self.short) for p in top.rglob("*") if p.is_file()]
        return [str(p) for p in places if any(c in p.read_bytes() for c in self.canaries())]

    def with_stage(self, end: str, uses: str = USES) -> None:
        """The stage that `uses` them, and whose last cell ends like `end`."""
        fields = "kept: Secret | None = None\n    asked: Secret | None = None"
        parameters = f'kept = "file:{self.hidden}/file"\nasked = "cmd:cat {self.hidden}/cmd"'
        self.book("00_uses", SHOW, uses, end, fields=fields, parameters=parameters)


@contextmanager
def looked_for(canary: Canary) -> Iterator[list[str]]:
    """The command lines of the machine's processes that showed a canary, looked at all the time."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if any(c in line for c in canary.canaries()):
                    seen.append(line.replace(b"\0", b" ").decode())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
