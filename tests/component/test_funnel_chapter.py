"""The funnel chapter as a whole in a fresh lab: inside, for everybody, off, by the file, and taken back."""

from __future__ import annotations

import dataclasses
import time

import pytest
from exercises import is_solved

from homelab.checks import public, quiz, tls
from homelab.policy import policyfile
from homelab.resources import dns, login, policy, quiz_program, serve, serve_config
from homelab.stages import funnel, funnel_device, funnel_view
from homelab.stages.funnel import INSIDE, OUTSIDE, TITLE
from homelab.world import open_world

WISH = funnel.Params()
ALICE = "alice@example.com"


def states(world) -> list[object]:
    """All that the chapter changes, but for the policy."""
    node = world["tequila"]
    return [
        *[dataclasses.replace(login.read(world[r]), flags=()) for r in ("tequila", "phone")],
        dns.read(world.tailnet),
        serve.read(node, "443"),
        serve_config.read(node).text,
        quiz_program.read(node, "3000 /srv/quiz-program"),
    ]


@pytest.fixture(scope="module")
def fresh(world):
    """What there was before anything was done, and the policy's text."""
    return states(world), policy.read(world.tailnet).text


@pytest.fixture(scope="module")
def url(world, fresh) -> str:
    """All of the plan up to the page for the tailnet, and nothing public yet."""
    plan = funnel.plan(world, WISH)
    for part in (plan.part("client", "login"), plan.part("dns"), plan.part("quiz_program")):
        world.apply(part)
    world.apply(plan.part("serve", why=INSIDE))
    return funnel.url(world, WISH)


def test_shown_and_not_applied_changes_nothing(world, fresh) -> None:
    shown = open_world("lab", apply=False)
    plan = funnel.plan(shown, WISH)
    assert shown.apply(plan) is False
    assert public.opens(shown["visitor"], "https://x", TITLE).evidence == f"waits for {len(plan)} changes"
    assert states(world) == fresh[0]
    shown.close()


def test_inside_it_is_there_and_says_nothing_about_outside(world, url) -> None:
    phone, visitor = world["phone"], world["visitor"]
    answers = [
        public.opens(phone, url, TITLE),
        quiz.knows_who_asks(phone, url, ALICE),
        quiz.believes_nobody(phone, url, ALICE),
        public.stays_out(visitor, url),
    ]
    assert [a for a in answers if a.status != "ok"] == []
    assert "status 6" in answers[-1].evidence
    # The questions whose answer is no.
    host = funnel.host(world)
    wrong = [
        public.opens(visitor, url, TITLE, seconds=0.2),
        public.opens(phone, url, "a page that is not there", seconds=0.2),
        public.stays_out(phone, url, seconds=0.2),
        public.carries(visitor, url, TITLE, 2, 0.2),
        tls.ends_on(visitor, world["tequila"], host),
        tls.is_noise_to(world["relay"], visitor, url, host),
        quiz.believes_nobody(phone, url, "bob@example.com"),
    ]
    assert [a.name for a in wrong if a.status != "fail"] == []
    assert all(a.evidence for a in wrong)


def test_for_everybody(world, url) -> None:
    phone, visitor, relay, node = (world[r] for r in ("phone", "visitor", "relay", "tequila"))
    host = funnel.host(world)
    plan = funnel.plan(world, WISH)
    world.apply(plan.part("consent"))
    since = time.monotonic()
    world.apply(plan.part("serve", why=OUTSIDE))
    first = public.opens(visitor, url, TITLE, since)
    assert first.status == "ok", first
    print(f"public after {time.monotonic() - since:.2f} s")
    answers = [
        public.opens(phone, url, TITLE),
        public.quick(visitor, url, TITLE),
        public.carries(visitor, url, TITLE),
        quiz.believes_nobody(visitor, url, ""),
        quiz.takes_an_answer(visitor, url, "a stranger"),
        tls.ends_on(visitor, node, host),
        tls.is_noise_to(relay, visitor, url, host, TITLE),
    ]
    print(*[first, *answers], sep="\n")
    slow = "the page is quick"  # how quick, depends on what else this machine does
    assert [a for a in answers if a.status != "ok" and (a.name, a.status) != (slow, "warn")] == []
    assert public.quick(visitor, url, TITLE, p50=0.1).status == "warn"
    assert tls.is_noise_to(relay, visitor, url, host, host).status == "fail", "what can be read is found"
    assert not funnel.plan(world, WISH), "a second time there is nothing to do"


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, url) -> None:
    is_solved(world, "05.2")


def test_off_and_on_and_by_the_file(world, url) -> None:
    visitor = world["visitor"]
    off = funnel.off(world, WISH)
    world.apply(off)
    assert public.stays_out(visitor, url).status == "ok"
    assert public.stays_out(world["phone"], url, seconds=0.2).status == "fail", (
        "no serve: refused, not unknown"
    )
    by_command = off.changes[0].before
    world.apply(funnel.by_json(world, funnel.as_json(WISH)))
    assert serve.read(world["tequila"], "443") == by_command
    assert public.opens(visitor, url, TITLE).status == "ok"
    assert not funnel.plan(world, WISH)


def test_another_of_the_three_ports(world, url) -> None:
    wish = funnel.Params(port=8443)
    plan = funnel.plan(world, wish)
    world.apply(plan)
    assert public.opens(world["visitor"], f"{url}:8443", TITLE).status == "ok"
    world.apply(plan.inverse())
    assert serve.read(world["tequila"], "443").public, "the other one stays"


def test_a_file_of_ones_own_is_shown_inside_first(world, url, tmp_path) -> None:
    path = tmp_path / "serve.json"
    path.write_text(funnel.as_json(funnel.Params(port=10000)))
    wish = funnel.Params(port=10000, config=str(path))
    before = serve_config.read(world["tequila"])
    plan = funnel.plan(world, wish)
    assert [c.why for c in plan] == [INSIDE, OUTSIDE]
    page = funnel.url(world, wish)
    world.apply(plan.part(why=INSIDE))
    assert public.opens(world["phone"], page, TITLE).status == "ok"
    assert public.stays_out(world["visitor"], page).status == "ok"
    world.apply(plan.part(why=OUTSIDE))
    assert public.opens(world["visitor"], page, TITLE).status == "ok"
    assert not funnel.plan(world, wish)
    world.apply(plan.inverse())
    assert serve_config.read(world["tequila"]) == before


def test_the_ways_are_drawn(world, url) -> None:
    words = str(funnel_view.ways(world))
    assert "from the internet, by Funnel" in words
    assert "TLS in WireGuard" in words
    assert "Funnel" in words


def test_without_chapter_04_there_is_no_device(world, url) -> None:
    assert funnel_device.plan(world).notes == (funnel_device.ABSENT,)


@pytest.mark.nightly
def test_fifty_for_twenty_seconds(world, url) -> None:
    told = public.crowd_of(world["visitor"], url, 50, 20.0, TITLE)
    print(told)
    assert told["failed"] == 0, told


def test_the_journal_takes_all_of_it_back(world, fresh) -> None:
    world.apply(world.journal.way_back())
    assert states(world) == fresh[0]
    assert policyfile.data(policy.read(world.tailnet).text) == policyfile.data(fresh[1]), (
        "what the page for Funnel wrote into the policy, too"
    )
    assert not funnel.withdraw(world)
