"""``plan.sh`` typed by hand: over OpenSSH, from a checkout that the other side lacks; what it leads to is what was planned."""

from __future__ import annotations

from collections.abc import Iterator

import homes
import pytest

from homelab.errors import HomelabError

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
PARAMS = """
world: myhome
api_key: file:~/key
machines:
  tequila: {via: ssh://tequila}
  phone: {via: ssh://phone}
services: {services: [quiz]}
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[homes.Home]:
    with homes.opened(tmp_path_factory.mktemp("h")) as found:
        found.root("tequila", "service docker start >/dev/null")
        found.world.supply("python:3.11-slim", "tailscale/tailscale:stable", "docker-compose")
        found.moves_in(homes.LAPTOP, PARAMS)
        found.reaches("tequila", "phone")
        yield found


def test_a_service_over_ssh(home: homes.Home) -> None:
    planned = home.runbook(homes.LAPTOP, "run", "04")
    assert planned.rc == 2, planned.out

    def somebody_signs_in(line: str) -> None:
        if found := homes.URL.match(line):
            try:
                home.world.person.sign_in(found[1])
            except HomelabError:
                pytest.fail(f"{found[1]} was no address to sign in at")

    typed = ["su", "-", homes.READER, "-c", f"yes yes | bash {home.last()}/plan.sh 2>&1"]
    done = home.machine(homes.LAPTOP).run(typed, timeout=400, watch=somebody_signs_in)
    assert done.out.endswith("That was all.\n"), done.out
    assert done.rc == 0

    again = home.runbook(homes.LAPTOP, "run", "04")
    assert again.rc == 0, again.out
    assert "No changes." in again.out
