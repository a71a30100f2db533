"""What is broken on purpose in a lab, kept in its state folder: whoever looks at that lab knows, in any terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from homelab.errors import HomelabError
from homelab.plan import Plan
from homelab.record import masked

FILE = "broken.json"  # `lab status` reads its `shown`
SCHEMA = 1
SURPRISE = "a surprise"


@dataclass(frozen=True)
class Broken:
    """The fault `name`, which the learner was told or not; how many hints were given; and the plan that broke it."""

    name: str
    secret: bool
    plan: Plan
    hints: int = 0

    @property
    def shown(self) -> str:
        """What one may say of it."""
        return SURPRISE if self.secret else self.name


def read(state: Path) -> Broken | None:
    """What is broken in the lab whose folder is `state`; None where nothing is.

    Raises:
        HomelabError: another version has written it.
    """
    try:
        data = json.loads((state / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if data.get("schema") != SCHEMA:
        raise HomelabError("another version broke it", str(state / FILE), "./runbook lab down ends that lab")
    return Broken(data["name"], data["secret"], Plan.load(data["plan"]), data["hints"])


def write(state: Path, broken: Broken) -> None:
    """Keep it; readers see the old or the new one."""
    document = {
        "schema": SCHEMA,
        "shown": broken.shown,
        "name": broken.name,
        "secret": broken.secret,
        "hints": broken.hints,
        "plan": masked(broken.plan.data()),
    }
    draft = state / f".{FILE}"
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(state / FILE)


def hinted(state: Path, broken: Broken) -> Broken:
    """One more hint was given."""
    now = replace(broken, hints=broken.hints + 1)
    write(state, now)
    return now


def forget(state: Path) -> None:
    """Nothing is broken any more."""
    (state / FILE).unlink(missing_ok=True)
