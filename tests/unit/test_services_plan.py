"""States in, plan out: what the services chapter wants of a world, however far that world is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab import needs, services
from homelab.params import TAILSCALE
from homelab.plan import matches
from homelab.resources import (
    auth_key,
    client,
    device,
    dns,
    env_file,
    film,
    image,
    login,
    policy,
    project,
    secret_file,
    service_files,
)
from homelab.resources import engine as docker
from homelab.stages import services as stage
from homelab.stages import services_view as view
from homelab.stages.services import Params

POLICY = '{\n  // mine\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n'
RUNNING = login.State("Running", "x", address="100.64.0.7")


class Somewhere:
    """A world of given states: resources are read from tables instead of machines."""

    def __init__(self, monkeypatch, tmp_path, *, api=True, lab=True, joined=(), files=False, env=(), secrets=(), key=False, kept=False, copied=False, projects=False) -> None:  # fmt: skip
        self.machines = {n: SimpleNamespace(name=n, run=lambda *a, **k: False) for n in ("tequila", "phone")}
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.lab, self.login_server, self.applies = ({"x": 1} if lab else None), TAILSCALE, True
        self.journal = SimpleNamespace(path=tmp_path / "journal.jsonl")
        self.params = SimpleNamespace(path=Path("home.yaml"))
        if kept:
            (tmp_path / "keys").mkdir()
            (tmp_path / "keys/services").write_text("tskey-auth-x")

        def files_of(machine, name):
            one, _, folder = name.partition(" ")
            empty = service_files.State(one, folder)
            return service_files.wanted(services.load(one), empty) if files else empty

        def runs(machine, folder):
            one = next(n for n in services.names() if services.load(n).project == folder.rpartition("/")[2])
            found = services.load(one)
            full = project.wanted(folder, found.project, found.parts, found.files())
            return project.State(folder, found.project, full.running, full.config, ("x=y",)) if projects else project.State(folder)  # fmt: skip

        peer = [{"DNSName": f"{n}.x.ts.net.", "HostName": n, "TailscaleIPs": ["100.64.0.9"]} for n in joined]
        status = {"BackendState": "Running", "Peer": {p["HostName"]: p for p in peer}, "Self": {}}
        for module, name, what in (
            (login, "read", lambda m, name="": RUNNING),
            (client, "read", lambda m, name="": client.State(True)),
            (dns, "read", lambda t, name="": dns.State(True, True)),
            (policy, "read", lambda t, name="": policy.State('{"tagOwners": {"tag:container": []}}' if key else POLICY)),
            (docker, "read", lambda m, name="": docker.State(True, True, True)),
            (image, "read", lambda m, name: image.State(name, projects, "sha256:1" if projects else "")),
            (auth_key, "read", lambda t, name: auth_key.State(key, name, ("tag:container",), reusable=True) if key else auth_key.State(False, name)),
            (secret_file, "read", lambda m, name: secret_file.State(name, copied)),
            (service_files, "read", files_of),
            (env_file, "read", lambda m, name: env_file.State(name, bool(env or secrets), tuple(env), tuple(secrets))),
            (film, "read", lambda m, name: film.State(False, film.title_of(name), name)),
            (project, "read", runs),
            (device, "read", lambda t, name: device.State(name in joined)),
            (stage, "status", lambda m: status),
            (stage, "peers", lambda s: list(s["Peer"].values())),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, what)

    def __getitem__(self, role):
        return self.machines[role]


LIGHT = ["immich", "jellyfin", "mqtt", "quiz"]


def kinds(plan) -> list[str]:
    return [c.resource for c in plan]


def test_a_fresh_world_gets_all_of_it_in_an_order_that_works(monkeypatch, tmp_path) -> None:
    plan = stage.plan(Somewhere(monkeypatch, tmp_path), Params(services=["quiz"]))
    assert kinds(plan) == [
        "policy",
        "image",
        "image",
        "auth_key",
        "secret_file",
        "service_files",
        "env_file",
        "project",
    ]
    key = next(c for c in plan if c.resource == "auth_key").after
    assert (key.reusable, key.ephemeral, key.tags) == (True, False, ("tag:container",))
    assert next(c for c in plan if c.resource == "secret_file").after.source == f"file:{key.file}"
    assert str(tmp_path) not in str(plan), "where a secret is kept is nobody's business"
    up = plan.changes[-1]
    assert up.command.startswith("cd /srv/homelab/quiz && docker compose up -d --wait")
    assert "<<" not in up.command, "the files are there already: nothing is typed twice"
    copied = next(c for c in plan if c.resource == "service_files").command
    assert "cp -r params/services/quiz/serve params/services/quiz/compose.yaml /srv/homelab/quiz/" in copied
    assert "cp -rT homelab/apps/quiz /srv/homelab/quiz/app" in copied


def test_the_second_time_there_is_nothing_to_do(monkeypatch, tmp_path) -> None:
    for name, secrets in (("quiz", ()), ("mosquitto", ("MQTT_PASSWORD",))):
        world = Somewhere(monkeypatch, tmp_path, joined=LIGHT, files=True, key=True, copied=True, projects=True, env=tuple(sorted(f"{k}={v}" for k, v in stage.LAB.items())), secrets=secrets)  # fmt: skip
        plan = stage.plan(world, Params(services=[name]))
        assert not plan, str(plan)


def test_a_key_is_made_only_for_newcomers(monkeypatch, tmp_path) -> None:
    world = Somewhere(monkeypatch, tmp_path, joined=["quiz"], copied=True)
    assert "auth_key" not in kinds(stage.plan(world, Params(services=["quiz"]))), (
        "the old one may be dead: who cares"
    )
    world = Somewhere(monkeypatch, tmp_path, joined=["quiz"], copied=True)
    assert "auth_key" in kinds(stage.plan(world, Params(services=["quiz", "jellyfin"])))


def test_a_key_whose_secret_is_lost_is_replaced(monkeypatch, tmp_path) -> None:
    plan = stage.plan(Somewhere(monkeypatch, tmp_path, key=True), Params(services=["quiz"]))
    (gone, made) = [c for c in plan if c.resource == "auth_key"]
    assert not gone.after.usable
    assert made.after.usable
    assert matches(made.before, gone.after), "the second change begins where the first one ends"


def test_a_good_key_is_used_again(monkeypatch, tmp_path) -> None:
    plan = stage.plan(Somewhere(monkeypatch, tmp_path, key=True, kept=True), Params(services=["quiz"]))
    assert "auth_key" not in kinds(plan)
    assert "secret_file" in kinds(plan)


def test_without_the_admin_api_the_key_is_the_readers(monkeypatch, tmp_path) -> None:
    world = Somewhere(monkeypatch, tmp_path, api=False, lab=False)
    plan = stage.plan(world, Params(services=["quiz"], folder="/srv/h"))
    assert [c.after.source for c in plan if c.resource == "secret_file"] == ["env:TS_AUTHKEY"]
    assert "env:TS_AUTHKEY" in str(plan)
    plan = stage.plan(world, Params(services=["quiz"], folder="/srv/h", auth_key="file:/k"))
    assert [c.after.source for c in plan if c.resource == "secret_file"] == ["file:/k"]
    assert "policy" not in kinds(plan)


def test_what_is_different_here_is_written_once_and_then_the_readers(monkeypatch, tmp_path) -> None:
    lab = next(
        c
        for c in stage.plan(Somewhere(monkeypatch, tmp_path), Params(services=["immich"]))
        if c.resource == "env_file"
    )
    assert "TS_TAILSCALED_EXTRA_ARGS=--no-logs-no-support" in lab.after.values
    assert lab.after.secrets == ("DB_PASSWORD",)
    assert lab.loses, "a password opens data that stays"
    home = Somewhere(monkeypatch, tmp_path, lab=False)
    quiz = stage.plan(home, Params(services=["quiz"], folder="/srv/h"))
    assert "env_file" not in kinds(quiz), "a home needs no values that are the lab's"
    mine = Somewhere(monkeypatch, tmp_path, env=("HEALTH_INTERVAL=1m", "MEDIA=/films"))
    kept = next(c for c in stage.plan(mine, Params(services=["jellyfin"])) if c.resource == "env_file").after
    assert kept.of("HEALTH_INTERVAL") == "1m"
    assert kept.of("MEDIA") == "/films"


def test_another_control_plane_reaches_the_sidecars(monkeypatch, tmp_path) -> None:
    world = Somewhere(monkeypatch, tmp_path, lab=False)
    world.login_server = "https://hs.example.com"
    env = next(
        c for c in stage.plan(world, Params(services=["quiz"], folder="/h/x")) if c.resource == "env_file"
    )
    assert env.after.of("TS_EXTRA_ARGS") == "--login-server=https://hs.example.com"


def test_minecraft_waits_for_its_licence_at_home(monkeypatch, tmp_path) -> None:
    at_home = Somewhere(monkeypatch, tmp_path, lab=False)
    assert "MINECRAFT_EULA=TRUE" in str(
        stage.plan(at_home, Params(services=["minecraft"], folder="/h/x")).notes
    )
    accepted = Somewhere(monkeypatch, tmp_path, lab=False, env=("MINECRAFT_EULA=TRUE",))
    assert not stage.plan(accepted, Params(services=["minecraft"], folder="/h/x")).notes
    assert not stage.plan(Somewhere(monkeypatch, tmp_path), Params(services=["minecraft"])).notes


def test_a_new_sidecar_takes_its_service_along_and_the_plan_says_so(monkeypatch, tmp_path) -> None:
    world = Somewhere(monkeypatch, tmp_path)
    found = services.load("quiz")
    full = project.wanted("/srv/homelab/quiz", "quiz", found.parts, found.files(), shares=found.shares())
    monkeypatch.setattr(project, "read", lambda m, n: full)
    said = str(stage.renamed(world, Params(), "quiz", "party"))
    assert "makes tailscale anew (its part of compose.yaml changed)" in said
    assert "makes quiz anew (it lives in the network of tailscale)" in said
    assert "+    hostname: party" in said


def test_the_way_back_keeps_data_and_passwords(monkeypatch, tmp_path) -> None:
    back = stage.plan(Somewhere(monkeypatch, tmp_path), Params(services=["mosquitto"])).inverse()
    assert kinds(back)[0] == "project"
    assert "docker compose down" in back.changes[0].command
    assert " -v" not in back.changes[0].command
    assert "env_file" not in kinds(back)
    assert any("passwords open the data" in note for note in back.notes)


def test_devices_are_removed_only_on_demand(monkeypatch, tmp_path) -> None:
    gone = stage.leave(Somewhere(monkeypatch, tmp_path, joined=["quiz", "immich"]), Params())
    assert [c.name for c in gone] == ["immich", "quiz"]
    assert all(c.loses for c in gone)
    assert not stage.leave(Somewhere(monkeypatch, tmp_path, api=False), Params())


def test_a_plan_in_short(monkeypatch, tmp_path) -> None:
    table = view.outline(stage.plan(Somewhere(monkeypatch, tmp_path), Params()))
    rows = {row[1]: row for row in table.rows}
    assert rows["project"][2] == "4"
    assert "homelab/immich" in rows["project"][3]
    assert str(view.outline(stage.planned("x"))) == "No changes."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"services": ["jelyfin"]}, "did you mean 'jellyfin'?"),
        ({"services": "heavy"}, "'heavy' is not a service"),
        ({"services": 3}, ""),
        ({"folder": "srv"}, "must be a folder"),
        ({"folder": "/srv/a:b"}, "must be a folder"),
        ({"user": "Alice Liddell"}, "must be "),
        ({"email": "alice"}, "must be "),
        ({"auth_key": "tskey-auth-x"}, "write a reference"),
        ({"game_memory": -1}, "greater than or equal"),
        ({"sevices": "all"}, "Extra inputs"),
    ],
)
def test_parameters_are_refused(given, said) -> None:
    with pytest.raises(ValidationError) as caught:
        Params(**given)
    assert said in str(caught.value)
    assert "tskey-auth-x" not in str(caught.value).replace("input_value='tskey-auth-x'", "")


def test_one_name_is_a_list_of_one() -> None:
    assert Params(services="quiz").names == ["quiz"]
    assert Params().names == ["immich", "jellyfin", "mosquitto", "quiz"]
    assert len(Params(services="all").names) == 7


def test_needs_for_names_and_tags(monkeypatch, tmp_path) -> None:
    world = Somewhere(monkeypatch, tmp_path)
    (edit,) = needs.owned("tag:container")(world)
    assert '"tag:container": ["autogroup:admin"]' in edit.after.text
    assert "// mine" in edit.after.text
    assert needs.certificates(world) == ()
    assert needs.owned("tag:container")(Somewhere(monkeypatch, tmp_path, api=False)) == ()
