"""``plan.sh``: what is typed where, what asks first, and what stops the script until it is filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from homelab import saved_plan
from homelab.joined_plan import Joined, Left, Step
from homelab.params import TAILSCALE, World, read
from homelab.plan import Change, Later
from homelab.resources import (
    approval,
    auth_key,
    client,
    consent,
    container,
    env_file,
    file,
    ip_forward,
    jellyfin_server,
    library,
    login,
    policy,
    prefs,
    secret_file,
)
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
    return of(home, *(Step("04_services", change) for change in changes), left=left)


def of(home: World, *steps: Step, left: tuple[Left, ...] = ()) -> str:
    plan = Joined(steps, left, ("A note.",))
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
    assert any(line.startswith("""tailscale ssh nas "$(sh_c "$there" 'install -D""") for line in lines)
    assert any(line.startswith("xdg-open 'https://login.tailscale.com/f/funnel?node=n1") for line in lines)
    assert f"sure '{consent.STAYS}'" in lines
    assert 'TS_API_KEY="${MY_KEY:?the API key of the tailnet}"' in lines
    assert "cat >policy.hujson <<'EOF'" in lines
    assert "cat >policy.found <<'EOF'" in lines
    assert "#   advertise routes: none → 10.0.0.0/8" in lines
    assert "# Not in this plan: 07_subnet_router on pi: offer (waits)" in lines
    assert "# A note." in lines
    assert "set -euo pipefail" in lines


def test_what_only_a_step_can_tell_is_announced_and_asked_for_then(home: World, tmp_path: Path) -> None:
    first = Change(
        "tequila", "file", "first", file.State(f"{tmp_path}/a", None), file.State(f"{tmp_path}/a", "x\n")
    )
    routes = Change(
        "tailnet", "approval", "use them", approval.State(), approval.State(("10.0.0.0/8",)), "pi"
    )
    consents = Change("tequila", "consent", "allow", consent.State(False), consent.State(True))
    later = login.State("Running", Later("enrolment"), (), TAILSCALE, Later("enrolment"))
    renamed = Change("tequila", "login", "rename", login.State("Running", "old"), later)
    text = made(home, first, routes, consents, renamed)
    assert "<known after" not in "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    says = _programs(tmp_path, "curl", "xdg-open", "sudo", "tailscale")
    done = typed_by_hand(text, "n123\nn456\ntequila2\n", MY_KEY="k", PATH=says)
    assert done.returncode == 0, done.stderr
    top, _, rest = done.stdout.partition("1/4 on tequila: first")
    assert "Step 2 will ask you for the id of the device pi" in top
    assert "Step 3 will ask you for the node id of tequila" in top
    assert "Step 4 will ask you for what is known after enrolment" in top
    assert "the id of the device pi" in rest
    called = (tmp_path / "called").read_text()
    assert "api/v2/device/n123/routes" in called
    assert "funnel?node=n456" in called
    assert "--hostname=tequila2" in called
    no = typed_by_hand(text, "n123; rm\n", MY_KEY="k", PATH=says)
    assert no.returncode == 1
    assert "Go on with this step again:      START=2 bash" in no.stderr


def _programs(folder: Path, *names: str, rc: int = 0) -> str:
    """A PATH with programs that write down how they were called."""
    path = folder / "bin"
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/called\nexit {rc}\n')
        (path / name).chmod(0o755)
    return f"{path}:{os.environ['PATH']}"


def _written(tmp_path: Path, name: str) -> Change:
    path = str(tmp_path / name)
    return Change("tequila", "file", f"write {name}", file.State(path, None), file.State(path, "x\n"), path)


INSTALL = Change("tequila", "client", "install it", client.State(False), client.State(True))


def test_it_stops_where_the_first_part_of_a_pipe_fails_and_says_how_to_go_on(
    home: World, tmp_path: Path
) -> None:
    text = made(home, _written(tmp_path, "a"), INSTALL, _written(tmp_path, "b"))
    done = typed_by_hand(text, PATH=_programs(tmp_path, "curl", rc=6))
    assert done.returncode == 6
    assert not (tmp_path / "b").exists()
    assert "It ended at step 2 of 3 (on tequila: install it)." in done.stderr
    assert "START=2 bash" in done.stderr
    assert "START=3 bash" in done.stderr
    (tmp_path / "a").unlink()
    again = typed_by_hand(text, START="3", PATH=_programs(tmp_path, "curl", rc=6))
    assert again.returncode == 0, again.stderr
    assert [name for name in "ab" if (tmp_path / name).exists()] == ["b"], "what was done is not done again"
    assert typed_by_hand(text, START="x").returncode == 1


def test_what_fails_ahead_of_another_command_stops_it_too(home: World, tmp_path: Path) -> None:
    one = container.State("web", "nginx:1", running=True)
    anew = Change("tequila", "container", "run it anew", one, replace(one, image="nginx:2"))
    assert "docker rm -f web && docker run" in anew.command
    text = made(home, anew, _written(tmp_path, "b"))
    assert typed_by_hand(text, PATH=_programs(tmp_path, "docker", rc=4)).returncode == 4
    assert (tmp_path / "called").read_text() == "docker rm -f web\n"
    assert not (tmp_path / "b").exists()


def test_sh_plan_sh_is_bash_all_the_same(home: World, tmp_path: Path) -> None:
    path = tmp_path / "plan.sh"
    path.write_text(made(home, INSTALL, _written(tmp_path, "b")))
    env = {**os.environ, "PATH": _programs(tmp_path, "curl", rc=6)}
    done = subprocess.run(["sh", str(path)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert f"START=1 bash {path}" in done.stderr


PASSWORD = "file:~/pw"
WIZARD = Change(
    "tequila",
    "jellyfin_server",
    "walk through the wizard",
    jellyfin_server.State(False),
    jellyfin_server.State(True, "home", "ana", PASSWORD),
    f"8096 ana {PASSWORD}",
)


def test_everything_that_is_missing_is_said_before_the_first_step(home: World, tmp_path: Path) -> None:
    wizard = replace(WIZARD, after=replace(WIZARD.after, password="env:MEDIA_PASSWORD"))
    copied = secret_file.State(f"{tmp_path}/ts_authkey", True, "env:TS_AUTHKEY")
    key = Change(
        "tequila", "secret_file", "hand it to Compose", secret_file.State(copied.path, False), copied
    )
    wanted = file.State(f"{tmp_path}/c", "{{file:~/none}}\n", 0o600)
    text = made(
        home,
        _written(tmp_path, "a"),
        wizard,
        key,
        Change("tequila", "file", "c", file.State(wanted.path, None), wanted),
    )
    bad = typed_by_hand(text, HOME=str(tmp_path))
    assert bad.returncode == 1
    for said in ("MEDIA_PASSWORD is not set: step 2", "TS_AUTHKEY is not set: step 3", "settings/keys", f"{tmp_path}/none is not there"):  # fmt: skip
        assert said in bad.stderr
    assert "Nothing was done." in bad.stderr
    assert not (tmp_path / "a").exists()


def test_a_key_is_handed_over_without_waiting_for_somebody_to_type_it(home: World, tmp_path: Path) -> None:
    path = f"{tmp_path}/ts_authkey"
    key = Change(
        "tequila",
        "secret_file",
        "hand it to Compose",
        secret_file.State(path, False),
        secret_file.State(path, True, "env:TS_AUTHKEY"),
    )
    done = typed_by_hand(made(home, key), TS_AUTHKEY="the-key")
    assert done.returncode == 0, done.stderr
    assert Path(path).read_text() == "the-key\n"
    assert "Ctrl-D" not in made(home, key)


def test_a_key_that_a_step_makes_is_taken_from_its_file(home: World, tmp_path: Path) -> None:
    kept, path = f"{tmp_path}/keys/key", f"{tmp_path}/ts_authkey"
    new = Change(
        "tailnet",
        "auth_key",
        "a key",
        auth_key.State(False, "k"),
        auth_key.State(True, "k", reusable=True, file=kept),
        "k",
    )
    hand = Change(
        "tequila",
        "secret_file",
        "hand it over",
        secret_file.State(path, False),
        secret_file.State(path, True, f"file:{kept}"),
    )
    says = _programs(tmp_path, "curl")
    (tmp_path / "bin/curl").write_text('#!/bin/sh\necho \'{"key": "made-just-now"}\'\n')
    (tmp_path / "bin/jq").write_text("#!/bin/sh\ncat >/dev/null; echo made-just-now\n")
    (tmp_path / "bin/jq").chmod(0o755)
    done = typed_by_hand(made(home, new, hand), MY_KEY="k", PATH=says)
    assert done.returncode == 0, done.stderr
    assert Path(path).read_text() == "made-just-now\n"


def test_the_wizard_waits_for_the_server_and_its_password_is_made_up_once(
    home: World, tmp_path: Path
) -> None:
    says = _programs(tmp_path, "curl", "sleep")
    (tmp_path / "bin/curl").write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/called\n[ "$(grep -c /health {tmp_path}/called)" -gt 2 ] || exit 7\n'
    )
    done = typed_by_hand(made(home, WIZARD), HOME=str(tmp_path), PATH=says)
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "called").read_text().splitlines()
    assert [("/health" in line, line == "sleep 1") for line in called[:5]] == [(True, False), (False, True), (True, False), (False, True), (True, False)]  # fmt: skip
    password = (tmp_path / "pw").read_text().strip()
    assert len(password) >= 12
    assert any(f'"Password": "{password}"' in line for line in called)
    assert oct((tmp_path / "pw").stat().st_mode & 0o777) == "0o600"
    assert password not in made(home, WIZARD)
    door = f"8096 ana {PASSWORD}"
    films = library.State(False, "Films", ("/films",), door=door), library.State(True, "Films", ("/films",), door=door)  # fmt: skip
    both = made(home, WIZARD, Change("tequila", "library", "a library", *films, f"{door} Films"))
    (tmp_path / "called").unlink()
    assert typed_by_hand(both, HOME=str(tmp_path), PATH=says, START="2").returncode == 0
    called = (tmp_path / "called").read_text().splitlines()
    assert not [line for line in called if "Startup" in line]
    assert any(f'"Pw": "{password}"' in line for line in called)


@pytest.mark.parametrize("at", ["tequila", "root"])
def test_root_without_sudo_can_run_it(tmp_path: Path, at: str) -> None:
    params = tmp_path / "home.yaml"
    params.write_text('world: attic\nmachines:\n  tequila: {via: local}\n  root: {via: "ssh://root@nas"}\n')
    says = tmp_path / "bare"
    says.mkdir()
    for name in ("bash", "sh", "env", "cat", "tee", "dirname"):
        (says / name).symlink_to(str(shutil.which(name)))
    for name, body in {
        "id": "echo 0",
        "sysctl": f'echo "$*" >>{tmp_path}/called',
        "tailscale": f'echo "$*" >>{tmp_path}/called',
        "ssh": 'while [ "$1" != root@nas ]; do shift; done\nshift\nexec sh -c "$*"',
    }.items():
        (says / name).write_text(f"#!/bin/sh\n{body}\n")
        (says / name).chmod(0o755)
    on, kept = ip_forward.State(), ("net.ipv4.ip_forward = 1",)
    text = made(
        read(str(params)),
        Change(at, "ip_forward", "forward", on, ip_forward.State(True, True, kept)),
        Change(at, "prefs", "offer", prefs.State(), ROUTES),
    ).replace(ip_forward.FILE, f"{tmp_path}/conf")
    done = subprocess.run(
        ["bash", "-c", text], env={"PATH": str(says)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "conf").read_text() == "net.ipv4.ip_forward = 1\n"
    assert (tmp_path / "called").read_text() == f"-p {tmp_path}/conf\nset --advertise-routes=10.0.0.0/8\n"


def test_a_policy_that_is_no_longer_as_planned_is_not_overwritten(home: World, tmp_path: Path) -> None:
    says = _programs(tmp_path, "curl")
    answers = (
        f'#!/bin/sh\necho "$*" >>{tmp_path}/called\ncase "$*" in *POST*) ;; *) cat {tmp_path}/now ;; esac\n'
    )
    (tmp_path / "bin/curl").write_text(answers)
    (tmp_path / "now").write_text(POLICY.before.text)
    assert typed_by_hand(made(home, POLICY), MY_KEY="k", PATH=says).returncode == 0
    assert "--data-binary @policy.hujson" in (tmp_path / "called").read_text()
    (tmp_path / "called").unlink()
    (tmp_path / "now").write_text('{"nodeAttrs": []}\n')
    done = typed_by_hand(made(home, POLICY), MY_KEY="k", PATH=says)
    assert done.returncode == 1
    assert '> {"nodeAttrs": []}' in done.stderr
    assert "START=2 bash" in done.stderr
    assert "POST" not in (tmp_path / "called").read_text()


def test_it_says_whose_need_a_step_is(home: World, tmp_path: Path) -> None:
    needed = Step("06_exit_node", INSTALL, ("08_audited_ssh",), "03_enrollment")
    assert "# needed by 06_exit_node, 08_audited_ssh; the rest of 03_enrollment is not claimed" in of(
        home, needed
    )


def typed_by_hand(text: str, answer: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", text],
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
    no = typed_by_hand(made(home, one), "no\n")
    assert (no.returncode, Path(path).exists()) == (1, False)
    assert "This cannot be taken back: what was there" in no.stdout
    assert typed_by_hand(made(home, one), "yes\n").returncode == 0
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
    done = typed_by_hand(f"umask 022\n{made(home, *steps)}")
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
    assert typed_by_hand(text).returncode != 0
    assert typed_by_hand(text, THE_KEY="a-secret-of-the-script").returncode == 0
    assert Path(path).read_text() == "key=a-secret-of-the-script\n"
    assert "MY_KEY" in typed_by_hand(made(home, POLICY)).stderr


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not here")
def test_shellcheck_finds_nothing(home: World) -> None:
    text = made(home, POLICY, Change("pi", "prefs", "there", prefs.State(), ROUTES))
    done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
