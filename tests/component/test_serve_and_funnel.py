"""What a node shows: the shown command and `do` lead to equal states, and back; the consent; the quiz as a program."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from homelab import needs
from homelab.errors import ApplyFailed, HomelabError, WaitTimeout
from homelab.listeners import listeners
from homelab.plan import plan
from homelab.resources import consent, dns, policy, quiz_program, serve, serve_config
from homelab.resources.serve import State
from homelab.stages import funnel
from homelab.wait import until

WISH = funnel.Params()
NAME = "3000 /srv/quiz-program"


@pytest.fixture(scope="module", autouse=True)
def joined(world):
    """Tequila in the tailnet, without HTTPS yet."""
    world.apply(plan("test", needs.missing(world, [needs.joined("tequila")])))


def both_ways(module, place, name, after, type_it) -> None:
    """`do`, back, the shown command, back: equal states all the way."""
    before = module.read(place, name)
    module.do(place, before, after)
    assert module.read(place, name) == after
    module.do(place, after, before)
    assert module.read(place, name) == before
    type_it(module.command(before, after))
    assert module.read(place, name) == after
    type_it(module.command(after, before))
    assert module.read(place, name) == before


def test_without_https_the_person_is_asked_and_may_refuse(world, tailnet, monkeypatch) -> None:
    assert dns.read(tailnet).https is False
    asked: list[str] = []

    def refuse(url: str) -> None:
        asked.append(url)
        raise HomelabError("not for this tailnet")

    monkeypatch.setattr(world["tequila"].person, "enable", refuse)
    (shows,) = plan("test", (funnel.plan(world, WISH).part("serve", why=funnel.INSIDE)).changes)
    with pytest.raises(ApplyFailed, match="not for this tailnet"):
        world.apply(plan("test", (shows,)))
    assert ["/f/serve?node=" in url for url in asked] == [True]
    assert serve.config(world["tequila"]) == {}


def test_the_quiz_as_a_program(world, typed) -> None:
    machine = world["tequila"]
    off, on = (quiz_program.State("/srv/quiz-program", 3000, running) for running in (False, True))
    assert quiz_program.read(machine, NAME) == off
    quiz_program.do(machine, off, on)
    assert quiz_program.read(machine, NAME) == on
    assert listeners(machine)[3000].startswith("python3")
    own = machine.run(["hostname", "-I"]).out.split()[0]
    assert machine.run(["curl", "-sS", "-m", "2", f"http://{own}:3000/health"]).rc == 7, (
        "only by the loopback"
    )
    quiz_program.do(machine, on, off)
    assert quiz_program.read(machine, NAME) == off
    assert 3000 not in listeners(machine)
    # The shown line copies from this checkout, which a lab's machine does not see: its files are there by now.
    typed("tequila", ["sh", "-c", quiz_program.command(off, on)[2].splitlines()[-1]])
    until(lambda: listeners(machine), lambda found: 3000 in found, "the quiz to listen")
    assert quiz_program.read(machine, NAME) == on
    typed("tequila", quiz_program.command(on, off))
    assert quiz_program.read(machine, NAME) == off
    quiz_program.do(machine, off, on)


@pytest.fixture
def https(world):
    """Certificates are given."""
    world.apply(plan("test", needs.certificates(world)))


def test_the_command_asks_for_consent_by_itself(world, tailnet, https) -> None:
    """Whoever types it without having asked before is led to the page, and the command waits."""
    machine, before = world["tequila"], policy.read(tailnet)
    assert consent.read(machine).given is False
    serve.do(machine, State(443), serve.proxy(443, 3000, public=True))
    assert serve.read(machine, "443").public
    assert consent.read(machine).given
    assert "/f/funnel?node=" in machine.person.clicked[-1]
    serve.do(machine, serve.read(machine, "443"), State(443))
    # And the way back is an edit of the policy; the click of the stage's own plan leads to the same.
    world.apply(funnel.withdraw(world))
    until(lambda: consent.read(machine).given, lambda given: not given, "the node to hear of it")
    now = consent.read(machine)
    consent.do(machine, now, consent.State(True))
    assert consent.read(machine).given
    assert "// " in policy.read(tailnet).text
    policy.do(tailnet, policy.read(tailnet), before)
    world.apply(plan("test", funnel.by_policy(world, ("autogroup:member",))))
    until(lambda: consent.read(machine).given, bool, "the policy's word to arrive")


def test_a_page_that_refuses_ends_the_command(world, https) -> None:
    machine = world["tequila"]
    world.apply(funnel.withdraw(world))
    until(lambda: consent.read(machine).given, lambda given: not given, "the node to hear of it")

    class Busy:
        def enable(self, url: str) -> None:
            raise HomelabError("the page is away", url)

    machine.person, played = Busy(), machine.person
    try:
        with pytest.raises(HomelabError, match="the page is away"):
            serve.do(machine, State(443), serve.proxy(443, 3000, public=True))
    finally:
        machine.person = played
    assert serve.read(machine, "443") == State(443)
    consent.do(machine, consent.read(machine), consent.State(True))


@pytest.mark.parametrize(
    "after",
    [
        serve.proxy(443, 3000),
        serve.proxy(443, 3000, public=True),
        serve.proxy(10000, 3000, public=True),
        State(443, "https", ("/ http://127.0.0.1:3000", "/f/ /srv/quiz-program", "/x text:hello"), True),
        State(8883, "tls-terminated-tcp", ("tcp://127.0.0.1:1883",)),
        State(80, "http", ("/ http://127.0.0.1:3000",)),
        State(2222, "tcp", ("tcp://127.0.0.1:22",)),
    ],
)
def test_a_port(world, typed, https, after) -> None:
    both_ways(serve, world["tequila"], str(after.port), after, lambda argv: typed("tequila", argv))


def test_from_one_to_another(world, https) -> None:
    """Public and not, a path more and a path less: every step and its way back."""
    machine = world["tequila"]
    private, public = serve.proxy(443, 3000), serve.proxy(443, 3000, public=True)
    more = State(443, "https", (*public.mounts, "/x text:hello"), True)
    states = [State(443), private, public, more, private, more, public, State(443)]
    for before, after in pairwise(states):
        serve.do(machine, before, after)
        assert serve.read(machine, "443") == after


def test_the_whole_file(world, typed, https) -> None:
    machine = world["tequila"]
    after = serve_config.wanted(funnel.as_json(WISH))
    before = serve_config.read(machine)
    assert before.text == ""
    both_ways(serve_config, machine, "", after, lambda argv: typed("tequila", argv))
    serve_config.do(machine, before, after)
    assert serve.read(machine, "443") == serve.proxy(443, 3000, public=True), "the same as by command"
    assert "tequila.snow-burbot.ts.net:443" in json.dumps(serve.config(machine))
    serve_config.do(machine, serve_config.read(machine), before)


def test_a_node_without_a_name_gets_no_file(world) -> None:
    with pytest.raises(HomelabError, match="no name yet"):
        serve_config.do(
            world["phone"], serve_config.read(world["phone"]), serve_config.wanted(funnel.as_json(WISH))
        )
    with pytest.raises(HomelabError, match="in no tailnet"):
        consent.do(world["phone"], consent.State(False), consent.State(True))


def test_nobody_presses_the_button(world, https, monkeypatch) -> None:
    machine = world["tequila"]
    world.apply(funnel.withdraw(world))
    until(lambda: consent.read(machine).given, lambda given: not given, "the node to hear of it")
    monkeypatch.setattr(consent, "PATIENCE", 0.2)
    monkeypatch.setattr(machine.person, "enable", lambda url: None, raising=False)
    with pytest.raises(WaitTimeout, match=r"(?s)somebody to allow Funnel.*/f/funnel\?node="):
        consent.do(machine, consent.read(machine), consent.State(True))
