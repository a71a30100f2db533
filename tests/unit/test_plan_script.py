"""``plan.sh``: what is typed where, what asks first, and what stops the script until it is filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab import saved_plan
from homelab.joined_plan import Joined, Left, Step
from homelab.params import World, read
from homelab.plan import Change, Later
from homelab.resources import approval, consent, env_file, file, login, policy, prefs
from homelab.runner.plan_script import script
from homelab.secret import conceal

HOME = """
world: attic
api_key: env:MY_KEY
machines:
  tequila: {via: local}
  pi: {via: "ssh://alice@pi:2222"}
  nas: {via: "tailscale://nas"}
"""


@pytest.fixture
def home(tmp_path: Path) -> World:
    path = tmp_path / "home.yaml"
    path.write_text(HOME)
    return read(str(path))


def made(home: World, *changes: Change, left: tuple[Left, ...] = ()) -> str:
    plan = Joined(tuple(Step("04_services", change) for change in changes), left, ("A note.",))
    return script(plan, home, saved_plan.document(plan, home, "run-7", "home.yaml"), "runs/run-7/plan.json")


POLICY = Change(
    "tailnet",
    "policy",
    "say who owns tag:x",
    policy.State("{}\n", "e1"),
    policy.State('{\n\t"tagOwners": {}, // it\'s\n}\n'),
)
ROUTES = prefs.State(advertise_routes=("10.0.0.0/8",))


def test_where_each_command_is_typed(home: World) -> None:
    text = made(
        home,
        Change("tequila", "prefs", "here", prefs.State(), ROUTES),
        Change("pi", "prefs", "there", prefs.State(), ROUTES),
        Change("nas", "file", "a page", file.State("/p", None), file.State("/p", "it's\n"), "/p"),
        Change(
            "pi", "consent", "allow", consent.State(False, "n1"), consent.State(True), loses=consent.STAYS
        ),
        POLICY,
        left=(Left("07_subnet_router", "pi", "offer", "waits"),),
    )
    lines = text.splitlines()
    assert "sudo tailscale set --advertise-routes=10.0.0.0/8" in lines
    assert "ssh -t -p 2222 alice@pi 'sudo tailscale set --advertise-routes=10.0.0.0/8'" in lines
    assert any(line.startswith("tailscale ssh nas 'set -eu") for line in lines)
    assert any(line.startswith("xdg-open 'https://login.tailscale.com/f/funnel?node=n1") for line in lines)
    assert f"sure '{consent.STAYS}'" in lines
    assert 'TS_API_KEY="${MY_KEY:?the API key of the tailnet}"' in lines
    assert "cat >policy.hujson <<'EOF'" in lines
    assert "#   advertise routes: none → 10.0.0.0/8" in lines
    assert "# Not in this plan: 07_subnet_router on pi: offer (waits)" in lines
    assert "# A note." in lines
    assert "set -eu" in lines


def test_what_nobody_knows_yet_stops_it(home: World) -> None:
    text = made(
        home,
        Change("tailnet", "approval", "use them", approval.State(), approval.State(("10.0.0.0/8",)), "pi"),
    )
    assert "stop 'fill in DEVICE_ID in step 1'" in text.splitlines()
    later = login.State(
        "Running", Later("enrolment"), (), "https://controlplane.tailscale.com", Later("enrolment")
    )
    text = made(home, Change("tequila", "login", "rename", login.State("Running", "old"), later))
    assert "<known after" not in "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    done = _run(text)
    assert done.returncode == 1
    assert "Stopped: fill in what is known after enrolment in step 1" in done.stderr


def _run(text: str, answer: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", text],
        input=answer,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_cannot_be_taken_back_asks_first(home: World, tmp_path: Path) -> None:
    path = str(tmp_path / "page")
    one = Change(
        "tequila", "file", "write it", file.State(path, None), file.State(path, "x\n"), path, "what was there"
    )
    no = _run(made(home, one), "no\n")
    assert (no.returncode, Path(path).exists()) == (1, False)
    assert "This cannot be taken back: what was there" in no.stdout
    assert _run(made(home, one), "yes\n").returncode == 0
    assert Path(path).read_text() == "x\n"


def test_a_folder_or_umask_of_one_command_is_not_the_next_ones(home: World, tmp_path: Path) -> None:
    env, plain = str(tmp_path / "d/.env"), str(tmp_path / "plain")
    steps = (
        Change(
            "tequila",
            "env_file",
            "values",
            env_file.State(env, False),
            env_file.State(env, True, ("A=1",)),
            env,
        ),
        Change("tequila", "file", "plain", file.State(plain, None), file.State(plain, "x\n"), plain),
    )
    done = _run(f"umask 022\n{made(home, *steps)}")
    assert done.returncode == 0, done.stderr
    assert oct(Path(env).stat().st_mode & 0o777) == "0o600"
    assert oct(Path(plain).stat().st_mode & 0o777) == "0o644"


def test_no_secret_is_in_it_and_a_missing_one_stops_it(home: World, tmp_path: Path) -> None:
    conceal("a-secret-of-the-script")
    path = str(tmp_path / "private")
    wanted = file.State(path, "key={{env:THE_KEY}}\n", 0o600)
    text = made(
        home, Change("tequila", "file", "a-secret-of-the-script", file.State(path, None), wanted, path)
    )
    assert "a-secret-of-the-script" not in text
    assert _run(text).returncode != 0
    assert _run(text, THE_KEY="a-secret-of-the-script").returncode == 0
    assert Path(path).read_text() == "key=a-secret-of-the-script\n"
    assert "MY_KEY" in _run(made(home, POLICY)).stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not here")
def test_shellcheck_finds_nothing(home: World) -> None:
    text = made(home, POLICY, Change("pi", "prefs", "there", prefs.State(), ROUTES))
    done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
