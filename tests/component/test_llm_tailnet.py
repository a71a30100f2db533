"""The engine as a process of the lab's machine `fooocus`, reached over the tailnet from the phone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from homelab import needs, web
from homelab.checks import llm as checks
from homelab.errors import HomelabError
from homelab.llm.first_token import first_tokens
from homelab.llm.measure import Wish, measure
from homelab.llm.openai import OpenAI
from homelab.plan import Plan, change, plan
from homelab.resources import llm_program, llm_server
from homelab.world import World

FOLDER, PORT = "/opt/llm", 8080
NAME = f"{PORT} {FOLDER}"
WANTED = llm_server.State(FOLDER, PORT, True, 512, 1, 1)


def planned(world: World) -> Plan:
    there, runs = llm_program.read(world["fooocus"], FOLDER), llm_server.read(world["fooocus"], NAME)
    return plan(
        "llm",
        change("fooocus", "llm_program", there, llm_program.wanted(FOLDER), "an engine", name=FOLDER),
        change("fooocus", "llm_server", runs, WANTED, "serve it", name=NAME),
    )


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[Plan]:
    for role in ("fooocus", "phone"):
        world.apply(Plan("llm", needs.missing(world, [needs.joined(role)])))
    made = planned(world)
    assert len(made) == 2
    world.apply(made)
    yield made
    world.apply(made.inverse())
    assert not llm_program.read(world["fooocus"], FOLDER).present
    assert not llm_server.read(world["fooocus"], NAME).running


@pytest.fixture(scope="module")
def engines(world: World, served: Plan) -> dict[str, OpenAI]:
    machine = world["fooocus"]
    about = llm_server.description(machine, FOLDER)
    own = llm_server.says(machine, FOLDER)["url"]
    return {
        role: OpenAI(
            web.session(world[role]), url, about=about, name=role, cpu=lambda: llm_server.cpu(machine, FOLDER)
        )
        for role, url in (("fooocus", own), ("phone", f"http://fooocus:{PORT}"))
    }


def test_a_second_plan_is_empty_and_the_first_is_undone_at_the_end(world: World, served: Plan) -> None:
    assert planned(world).text() == "No changes."
    assert Plan.load(served.data()).data() == served.data()


def test_it_runs_as_a_process_of_the_machine(world: World, engines: dict[str, OpenAI]) -> None:
    machine = world["fooocus"]
    told = llm_server.says(machine, FOLDER)
    assert machine.run(["ps", "-o", "args=", "-p", str(told["pid"])]).out.startswith("python3 program.py")
    before = llm_server.cpu(machine, FOLDER)
    engines["phone"].generate(32, 4, 1)
    after = llm_server.cpu(machine, FOLDER)
    assert before is not None
    assert after is not None
    assert after > before


def test_the_tailnet_reaches_it_and_the_internet_does_not(world: World, engines: dict[str, OpenAI]) -> None:
    assert checks.answers(world["phone"], f"http://fooocus:{PORT}").status == "ok"
    public = world["fooocus"].addresses
    address = next(a.partition("/")[0] for a in public.values() if a.startswith("203."))
    hidden = checks.is_hidden(world["visitor"], f"http://{address}:{PORT}")
    assert (hidden.status, "Connection refused" in hidden.evidence) == ("ok", True)
    assert checks.is_hidden(world["phone"], f"http://fooocus:{PORT}").status == "fail"


def test_the_first_token_with_and_without_the_tailnet(engines: dict[str, OpenAI]) -> None:
    found = first_tokens(engines, prompt_tokens=32, repetitions=3)
    near, far = found.places
    assert (near.place, far.place) == ("fooocus", "phone")
    assert near.wait.count == far.wait.count == 3
    for place in found.places:
        assert place.way
        assert place.engine
        assert 0 < place.way.median < place.wait.median
    assert found.extra("phone", "fooocus") is not None
    assert "engine +" in str(found)


def test_it_is_measured_from_the_phone_like_every_other(engines: dict[str, OpenAI], world: World) -> None:
    report = measure(engines["phone"], Wish(depths=(0,), repetitions=2, tokens=8, retries=0))
    assert report.engine.sha256.startswith("b179c952")
    assert report.engine.kv == 23_040
    assert [name for name, *_ in report.rows()] == ["tg8"]
    assert all(s.share for s in report.cases[0].samples)
    assert checks.was_quiet(world["phone"], report).status in ("ok", "warn")


def test_other_settings_are_a_change_and_the_shown_command_does_it(world: World, typed, served: Plan) -> None:
    machine, other = world["fooocus"], llm_server.State(FOLDER, PORT, True, 256, 1, 1)
    llm_server.do(machine, llm_server.read(machine, NAME), other)
    assert llm_server.read(machine, NAME) == other
    typed("fooocus", llm_server.command(other, WANTED))
    llm_server.until(lambda: llm_server.read(machine, NAME), lambda s: s == WANTED, "it to run again", 60)


def test_a_server_that_cannot_load_says_why(world: World, served: Plan) -> None:
    machine = world["fooocus"]
    machine.run(["sh", "-c", f"mkdir -p /opt/bad && cp -r {FOLDER}/xllamacpp {FOLDER}/program.py /opt/bad/"])
    machine.write_text("/opt/bad/model.gguf", "no model")
    state = llm_server.State("/opt/bad", 8081, True, 256, 1, 1)
    with pytest.raises(HomelabError, match="the server ended at once"):
        llm_server.do(machine, llm_server.read(machine, "8081 /opt/bad"), state)
    assert not llm_server.read(machine, "8081 /opt/bad").running


def test_this_environment_has_what_the_shown_command_copies() -> None:
    command = llm_program.command(llm_program.State(FOLDER, False), llm_program.wanted(FOLDER))[2]
    words = [w for line in command.splitlines() if line.startswith("cp ") for w in line.split()[1:-1]]
    found = os.path.exists  # the pattern is the shell's
    assert [w for w in words if "*" not in w and w != "-r" and not found(w)] == []
