"""The services chapter with the real engine, Compose, sidecars and ACME: done, asked from the phone, broken, taken back."""

from __future__ import annotations

import shutil

import pytest
from exercises import is_solved

from homelab import services
from homelab.check import prove
from homelab.checks import mqtt, panel, quiz
from homelab.checks import services as checks
from homelab.errors import ApplyFailed, CheckFailed, HomelabError, ParamsError
from homelab.resources import env_file, project, secret_file, service_files
from homelab.stages import services as stage
from homelab.stages import services_view as view

WISH = stage.Params(services=["mosquitto", "quiz"])
AT = "/srv/homelab"


@pytest.fixture(scope="module")
def there(world):
    """Mosquitto and the quiz, as devices."""
    stage.supply(world, WISH)
    assert world.apply(stage.plan(world, WISH))
    return world


def docker(world, *argv: str) -> str:
    return world["tequila"].run(["docker", *argv]).ok().out


def test_without_the_chapter_its_checks_fail(world) -> None:
    assert checks.answers(world["phone"], services.load("quiz"), seconds=0.2).status == "fail"


def test_each_is_a_device_and_the_second_time_there_is_nothing_to_do(there) -> None:
    phone, url = there["phone"], checks.url(there["phone"], services.load("quiz"))
    prove(
        checks.answers(phone, services.load("quiz")),
        checks.answers(phone, services.load("mosquitto")),
        checks.has_certificate(phone, "quiz"),
        checks.private(there["visitor"], "quiz", phone),
        quiz.knows_who_asks(phone, url, "alice@example.com"),
        quiz.takes_an_answer(phone, url),
        panel.belongs_to(there.tailnet, "quiz", "tag:container"),
        panel.belongs_to(there.tailnet, "mqtt", "tag:container"),
    )
    left = stage.plan(there, WISH)
    assert not left, str(left)
    assert "100." in str(view.standing(there, WISH))
    assert "MiB" in str(view.measured(there, WISH))


def test_a_message_goes_round_and_strangers_stay_outside(there) -> None:
    phone, broker = there["phone"], checks.address(there["phone"], "mqtt")
    password = stage.made_up(there, WISH, "mosquitto", "MQTT_PASSWORD")
    prove(
        mqtt.carries_a_message(phone, broker, "homelab", password),
        mqtt.refuses_strangers(phone, broker),
        mqtt.refuses_strangers(phone, broker, "homelab", "wrong"),
    )
    # And for those of the home's network who run no Tailscale, at the machine's own port.
    prove(mqtt.carries_a_message(there["windows"], "172.28.16.10", "homelab", password))
    assert mqtt.carries_a_message(phone, broker, "homelab", "wrong").status == "fail"
    with pytest.raises(CheckFailed):
        prove(mqtt.refuses_strangers(phone, broker, "homelab", password))


def test_an_exercise_is_done_when_its_worked_answer_was_typed(there) -> None:
    is_solved(there, "04.1")


def test_secrets_stay_where_they_are(there) -> None:
    machine = there["tequila"]
    password = stage.made_up(there, WISH, "mosquitto", "MQTT_PASSWORD")
    key = (there.journal.path.parent / "keys/services").read_text().strip()
    journal = there.journal.path.read_text()
    assert key not in journal
    assert password not in journal
    for path in (f"{AT}/ts_authkey", f"{AT}/mosquitto/.env"):
        assert machine.run(["stat", "-c", "%a", path]).out.strip() == "600"
    assert key not in docker(there, "inspect", "quiz-tailscale-1", "mosquitto-tailscale-1")


def test_only_the_sidecars_hold_no_privilege(there) -> None:
    said = docker(there, "inspect", "-f", "{{.HostConfig.Privileged}} {{.HostConfig.CapAdd}} {{.HostConfig.Devices}}", "quiz-tailscale-1")  # fmt: skip
    assert said.split()[0] == "false"
    assert "NET_ADMIN" not in said


def test_a_sidecar_made_anew_takes_its_service_along(there) -> None:
    before = docker(there, "inspect", "-f", "{{.Id}}", "quiz-quiz-1", "quiz-tailscale-1").split()
    renamed = stage.renamed(there, WISH, "quiz", "party")
    assert "makes quiz anew (it lives in the network of tailscale)" in str(renamed)
    there.apply(renamed)
    after = docker(there, "inspect", "-f", "{{.Id}}", "quiz-quiz-1", "quiz-tailscale-1").split()
    assert not set(before) & set(after), "both are new, as the plan said"
    assert there["phone"].run(["tailscale", "status"]).out.count("party") == 1
    there.apply(renamed.inverse())
    prove(checks.answers(there["phone"], services.load("quiz")))
    assert not stage.plan(there, WISH)


@pytest.mark.parametrize("name", ["quiz", "home-assistant"])
def test_files_shown_and_done_lead_to_the_same(there, name, tmp_path) -> None:
    machine, one = there["tequila"], services.load(name)
    done, typed = (service_files.State(name, f"/srv/{way}/{name}") for way in ("done", "typed"))
    service_files.do(machine, done, service_files.wanted(one, done))
    # A lab's machine does not see this checkout: what would be copied is put there, and the line typed beside it.
    for source in filter(None, (f"params/services/{name}", one.facts.app)):
        for path in sorted((services.CHECKOUT / source).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                put = [
                    "install",
                    "-D",
                    "-m",
                    "644",
                    "/dev/stdin",
                    f"/root/{path.relative_to(services.CHECKOUT)}",
                ]
                machine.run(put, stdin=path.read_text()).ok()
    command = service_files.command(typed, service_files.wanted(one, typed))
    machine.run(["sh", "-ec", f"cd /root\n{command[2]}"]).ok()
    there_now = [service_files.read(machine, f"{name} /srv/{way}/{name}").files for way in ("done", "typed")]
    assert there_now[0] == there_now[1] == service_files.wanted(one, done).files
    assert service_files.read(machine, f"{name} /srv/typed/{name}") == service_files.wanted(one, typed)


def test_what_is_the_services_own_is_left_alone(there) -> None:
    machine, one = there["tequila"], services.load("home-assistant")
    state = service_files.State(one.name, "/srv/done/home-assistant")
    mine = "/srv/done/home-assistant/config/configuration.yaml"
    machine.write_text(mine, "# mine\n")
    now = service_files.read(machine, f"{one.name} {state.folder}")
    assert now == service_files.wanted(one, now), "nothing to do"
    back = service_files.State(one.name, state.folder)
    service_files.do(machine, now, back)
    assert machine.read_text(mine) == "# mine\n"
    assert machine.read_text("/srv/done/home-assistant/compose.yaml") is None


def test_a_newer_application_starts_anew(there, tmp_path, monkeypatch) -> None:
    app = tmp_path / "homelab/apps/quiz"
    shutil.copytree(services.CHECKOUT / "homelab/apps/quiz", app)
    questions = app / "questions.py"
    questions.write_text(
        questions.read_text().replace("What makes a pile of computers a homelab?", "What is a homelab?")
    )
    monkeypatch.setattr(services, "CHECKOUT", tmp_path)
    plan = stage.plan(there, WISH)
    assert [c.resource for c in plan] == ["service_files"]
    assert "docker compose restart quiz" in plan.changes[0].command
    there.apply(plan)
    url = checks.url(there["phone"], services.load("quiz"))
    prove(checks.answers(there["phone"], services.load("quiz")))
    assert "What is a homelab?" in quiz.takes_an_answer(there["phone"], url, "second").evidence
    there.apply(plan.inverse())


def test_env_shown_and_done_lead_to_the_same(there) -> None:
    machine = there["tequila"]
    states = []
    for way in ("done", "typed"):
        now = env_file.read(machine, f"/srv/env-{way}/.env")
        wanted = env_file.with_missing(now, {"A": "1", "B": "two words"}, ("X_PASSWORD",))
        if way == "done":
            env_file.do(machine, now, wanted)
        else:
            machine.run(env_file.command(now, wanted)).ok()
        reached = env_file.read(machine, now.path)
        states.append((reached.values, reached.secrets, reached.there))
        assert len(env_file.secret(machine, now.path, "X_PASSWORD")) == 32
    assert states[0] == states[1] == (("A=1", "B=two words"), ("X_PASSWORD",), True)
    path = "/srv/env-done/.env"
    first = env_file.read(machine, path)
    changed = env_file.State(path, True, ("B=2", "C=3"), ("X_PASSWORD",))
    secret = env_file.secret(machine, path, "X_PASSWORD")
    env_file.do(machine, first, changed)
    assert env_file.read(machine, path) == changed
    assert env_file.secret(machine, path, "X_PASSWORD") == secret, "a password that is there is kept"
    env_file.do(machine, changed, env_file.State(path, False))
    assert not env_file.read(machine, path).there
    with pytest.raises(HomelabError, match="is not in"):
        env_file.secret(machine, path, "X_PASSWORD")


def test_a_secret_shown_and_done_leads_to_the_same(there, monkeypatch) -> None:
    machine = there["tequila"]
    monkeypatch.setenv("SOME_KEY", "tskey-auth-abcdef")
    wanted = {way: secret_file.State(f"/srv/secret-{way}", True, "env:SOME_KEY") for way in ("done", "typed")}
    secret_file.do(machine, secret_file.State("/srv/secret-done", False), wanted["done"])
    machine.run(secret_file.command(secret_file.State("/srv/secret-typed", False), wanted["typed"]), stdin="tskey-auth-abcdef\n").ok()  # fmt: skip
    for way, state in wanted.items():
        assert secret_file.read(machine, state.path) == state
        assert machine.read_text(state.path) == "tskey-auth-abcdef\n", way
        assert machine.run(["stat", "-c", "%a", state.path]).out.strip() == "600"
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(HomelabError, match="not there"):
        secret_file.do(
            machine, secret_file.State("/srv/x", False), secret_file.State("/srv/x", True, "env:SOME_KEY")
        )
    secret_file.do(machine, wanted["done"], secret_file.State("/srv/secret-done", False))
    assert not secret_file.read(machine, "/srv/secret-done").there


def test_a_port_that_is_taken_is_one_clear_error_and_the_next_run_converges(there) -> None:
    """Somebody else's broker is on 1883 already, as on many a home server."""
    down = stage.plan(there, WISH).inverse().part("project")
    assert not down
    machine = there["tequila"]
    now = project.read(machine, f"{AT}/mosquitto")
    project.do(machine, now, project.State(f"{AT}/mosquitto"))
    machine.run(["sh", "-c", "setsid -f sh -c 'echo $$ > /run/taken.pid; exec python3 -m http.server 1883' >/dev/null 2>&1 </dev/null"]).ok()  # fmt: skip
    try:
        with pytest.raises(ApplyFailed) as caught:
            there.apply(stage.plan(there, WISH))
        assert "1883" in caught.value.what
        assert "port" in caught.value.what
        assert caught.value.hint
    finally:
        machine.run(["sh", "-c", "kill $(cat /run/taken.pid)"]).ok()
    there.apply(stage.plan(there, WISH))
    prove(checks.answers(there["phone"], services.load("mosquitto")))
    assert not stage.plan(there, WISH)


def test_broken_files_are_refused_before_anything_happens(there, tmp_path, monkeypatch) -> None:
    shutil.copytree(services.FOLDER, tmp_path / "services")
    monkeypatch.setattr(services, "FOLDER", tmp_path / "services")
    serve = tmp_path / "services/quiz/serve/serve.json"
    good = serve.read_text()
    running = docker(there, "ps", "-q")
    for broken, said in (
        (good.replace("true}},", "true}}"), "is not JSON"),
        (good.replace("3000", "3001"), "nothing listens on port 3001"),
        (good.replace("Proxy", "Porxy"), "did you mean 'Proxy'"),
    ):
        serve.write_text(broken)
        with pytest.raises(ParamsError, match=said):
            stage.plan(there, WISH)
    serve.write_text(good)
    compose = tmp_path / "services/quiz/compose.yaml"
    compose.write_text(compose.read_text().replace("    image: python", "   image: python"))
    with pytest.raises(ParamsError, match=r"compose.yaml:\d+: is not the YAML"):
        stage.plan(there, WISH)
    assert docker(there, "ps", "-q") == running


def test_a_key_that_is_missing_is_one_clear_error(there, monkeypatch) -> None:
    monkeypatch.delenv("TS_AUTHKEY", raising=False)
    machine = there["tequila"]
    secret_file.do(
        machine, secret_file.State(f"{AT}/ts_authkey", True), secret_file.State(f"{AT}/ts_authkey", False)
    )
    without = stage.plan(there, WISH.model_copy(update={"auth_key": stage.Secret.parse("env:TS_AUTHKEY")}))
    assert [c.resource for c in without] == ["secret_file"]
    with pytest.raises(ApplyFailed) as caught:
        there.apply(without)
    assert "the secret is empty or not there" in caught.value.what
    assert "TS_AUTHKEY" in str(caught.value)
    there.apply(stage.plan(there, WISH))


def test_the_way_back_keeps_data_and_identity(there) -> None:
    phone, machine = there["phone"], there["tequila"]
    address = phone.run(["tailscale", "ip", "-4", "quiz"]).ok().out
    answers = machine.read_text(f"{AT}/quiz/state/answers.jsonl")
    assert answers
    there.apply(there.journal.way_back())
    assert not docker_runs(machine)
    assert machine.read_text(f"{AT}/quiz/state/answers.jsonl") == answers
    assert env_file.read(machine, f"{AT}/mosquitto/.env").secrets == ("MQTT_PASSWORD",)
    assert machine.read_text(f"{AT}/quiz/compose.yaml") is None
    there.apply(stage.plan(there, WISH))
    prove(checks.answers(phone, services.load("quiz")), checks.answers(phone, services.load("mosquitto")))
    assert phone.run(["tailscale", "ip", "-4", "quiz"]).ok().out == address, "the same device"
    there.apply(stage.leave(there, WISH))
    assert "quiz" not in panel.devices(there.tailnet)


def docker_runs(machine) -> bool:
    return bool(machine.run(["docker", "ps", "-q"]).out.strip())
