"""A home far away: 80 ms there and back, and the wire is cut while changes are made; the next run converges."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import homes
import pytest

from homelab.wait import until

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

PARAMS = """
world: myhome
api_key: file:~/key
machines:
  tequila: {via: ssh://tequila}
funnel: {visitors: 2}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[homes.Home]:
    with homes.opened(tmp_path_factory.mktemp("h")) as found:
        found.moves_in(homes.LAPTOP, PARAMS)
        found.reaches("tequila")
        yield found


def test_a_wire_that_is_cut_in_the_middle(home: homes.Home) -> None:
    laptop = home.machine(homes.LAPTOP)
    laptop.link(delay_ms=40)  # each way

    def cut() -> None:
        until(
            lambda: [e for e in home.journal(homes.LAPTOP) if "begun" not in e],
            lambda done: len(done) >= 2,
            "the second change to be made",
            120,
            every=0.02,
        )
        laptop.link(cut=True)

    scissors = threading.Thread(target=cut)
    scissors.start()
    broken = home.runbook(homes.LAPTOP, "run", "05", "06", "--apply")
    scissors.join()
    assert broken.rc == 1, broken.out
    assert "the connection to ssh://tequila broke" in broken.out, "what happened is said, and to whom"
    made = [e for e in home.journal(homes.LAPTOP) if not {"begun", "failed"} & e.keys()]
    assert len(made) >= 2, "what was done is written down, each line whole"

    laptop.link(cut=False)
    applied = home.runbook(homes.LAPTOP, "run", "05", "06", "--apply")
    assert applied.rc == 0, applied.out
    again = home.runbook(homes.LAPTOP, "run", "05", "06")
    assert again.rc == 0, again.out
    assert "No changes." in again.out
