"""The canary in a lab: secrets are used on its machines and at its servers, and no log, state or file of it has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from canary import USES, Canary, looked_for

from homelab.world import World

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
WRITTEN = "/etc /home /root /run /srv /tmp /var/lib /var/log /var/tmp"  # where a machine writes at all
# As the stages do: a secret in a file, in what a container is given, at the login server, at the admin API.
IN_LAB = (
    USES.replace("world.params.common.api_key.reveal()", 'Secret.parse("env:CANARY").reveal()')
    + """
from contextlib import suppress
from homelab import needs, web
from homelab.errors import HomelabError
from homelab.plan import Plan, plan
from homelab.resources import container, secret_file
from homelab.tailnet import Tailnet
copy = secret_file.State("/srv/secret", True, kept)
world.apply(Plan("00_uses", (Change("tequila", "secret_file", "keep it", secret_file.State("/srv/secret", False), copy, name="/srv/secret"),)))
with suppress(HomelabError):
    world.apply(plan("00_uses", needs.missing(world, [needs.joined("router", key=asked)])))
    check("a wrong key opens the tailnet", "fail")
web.session(world["tequila"]).get("https://api.tailscale.com/api/v2/tailnet/-/devices", headers={"Authorization": f"Bearer {key}"})
check("used there")
"""
)


@pytest.fixture
def canary(world: World, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    folder = tmp_path / "c"
    folder.mkdir()
    found = Canary(folder, tmp_path_factory.mktemp("r"))
    found.home.write_text("world: lab\n")
    yield found
    world["tequila"].run(["rm", "/srv/secret"]).ok()


def leaks(world: World, canary: Canary) -> list[str]:
    """The files on the lab's machines that have one of them."""
    wanted = b"\n".join(canary.canaries()).decode()

    def look(name: str) -> list[str]:
        script = f"grep -rlaF -D skip -f - $(ls -d {WRITTEN} 2>/dev/null) 2>/dev/null"
        found = world[name].run(["sh", "-c", script], stdin=wanted, timeout=120).out
        return [f"{name}:{path}" for path in found.splitlines()]

    with ThreadPoolExecutor(4) as pool:
        return sorted(path for paths in pool.map(look, world.machines) for path in paths)


def of_lab(canary: Canary) -> list[str]:
    """The files of the lab outside its machines, its servers' logs and state among them."""
    files = [p for p in Path(os.environ["HOMELAB_STATE"]).rglob("*") if p.is_file()]
    assert any(p.name == "journal.jsonl" for p in files)
    return [str(p) for p in files if any(c in p.read_bytes() for c in canary.canaries())]


@pytest.mark.parametrize("end", ["print('done')", "import os; os._exit(7)"], ids=["well", "suddenly"])
def test_nothing_of_it_stays_in_the_lab(world: World, canary: Canary, end: str) -> None:
    canary.with_stage(end, IN_LAB)
    with looked_for(canary) as processes:
        done = canary.run(*canary.given, env=canary.given_env)
    assert canary.proved("used there"), done.stdout + done.stderr
    assert not canary.proved("a wrong key opens the tailnet")
    assert not [c for c in canary.canaries() if c in (done.stdout + done.stderr).encode()], "printed"
    assert leaks(world, canary) == ["tequila:/srv/secret"], "only where it belongs, which shows that we look"
    assert of_lab(canary) == []
    assert canary.leaks() == []
    assert processes == []
