"""Somebody's home: an ordinary user with a params file, who reaches everything only by OpenSSH.

Two stages here, which need the network most; all of them every night (test_home_every_night).
"""

from __future__ import annotations

from collections.abc import Iterator

import homes
import pytest

pytestmark = pytest.mark.lab

STAGES = ("05", "06")
PARAMS = """
world: myhome
api_key: file:~/key
machines:
  tequila: {via: ssh://tequila}
  phone: {via: ssh://phone}
funnel: {visitors: 2}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[homes.Home]:
    with homes.opened(tmp_path_factory.mktemp("h")) as found:
        found.root("tequila", "service docker start >/dev/null")
        found.moves_in(homes.LAPTOP, PARAMS)
        found.reaches("tequila", "phone")
        yield found


def test_plan_apply_nothing_left_undo(home: homes.Home) -> None:
    before = home.root("tequila", homes.SEEN)
    planned = home.runbook(homes.LAPTOP, "run", *STAGES)
    assert planned.rc == 2, planned.out
    assert home.root("tequila", homes.SEEN) == before, "a plan changes nothing"
    assert home.journal(homes.LAPTOP) == []

    applied = home.runbook(homes.LAPTOP, "run", *STAGES, "--apply")
    assert applied.rc == 0, applied.out
    done = home.last()
    assert set(applied.statuses().values()) == {"ok"}
    assert "Open this address" in applied.out, "the person who must sign in is told on the terminal"
    assert {"serve", "login", "prefs"} <= {e["resource"] for e in home.journal(homes.LAPTOP)}

    again = home.runbook(homes.LAPTOP, "run", *STAGES)
    assert again.rc == 0, again.out
    assert "No changes." in again.out

    runs = 3
    assert home.connections("tequila") == home.connections("phone") == runs, (
        "one connection a run and machine"
    )

    undone = home.runbook(homes.LAPTOP, "undo", done, "--apply")
    assert undone.rc == 0, undone.out
    assert home.root("tequila", homes.SEEN) == before
