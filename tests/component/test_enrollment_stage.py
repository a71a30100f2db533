"""The enrolment chapter as a whole in a fresh lab: shown, done, done again, and taken back from the journal."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab.check import prove
from homelab.checks import node, panel, path
from homelab.errors import CheckFailed
from homelab.resources import login
from homelab.stages import enrollment, free_plan, roster
from homelab.world import open_world

WISH = enrollment.Params()


def standing(world) -> list[tuple[str, ...]]:
    """Who is where, without what a table shows beside it."""
    return [(row[0], *row[2:]) for row in roster.standing(world, list(enrollment.ROLES)).rows]


@pytest.fixture(scope="module")
def fresh(world):
    """How the machines stood before anything was done."""
    return standing(world)


def test_shown_and_not_applied_changes_nothing(world, fresh) -> None:
    shown = open_world("lab", apply=False)
    plan = enrollment.plan(shown, WISH)
    assert len(plan) == 7
    assert shown.apply(plan) is False
    assert node.running(shown["phone"]).evidence == "waits for 7 changes"
    assert path.ping(shown["phone"], "tequila") == []
    assert standing(world) == fresh
    shown.close()


def test_without_the_chapter_its_checks_fail(world, fresh) -> None:
    assert node.running(world["phone"]).status == "fail"
    assert path.goes_direct(world["phone"], "tequila").status == "fail"
    assert panel.lists(world.tailnet, "phone", seconds=0.2).status == "fail"
    assert panel.gives_names(world.tailnet).status == "fail"
    with pytest.raises(CheckFailed, match="NeedsLogin"):
        prove(node.running(world["phone"]))


def test_everything(world, fresh) -> None:
    plan = enrollment.plan(world, WISH)
    assert world.apply(plan)
    members = enrollment.members(world, WISH)
    phone = world["phone"]
    answers = [
        *[node.running(world[r]) for r in members],
        *[node.named(world[r], name) for r, name in members.items()],
        node.sees(phone, "demoserver", "fooocus", "tequila"),
        node.resolves(phone, "tequila"),
        node.resolves(phone, "fooocus.snow-burbot.ts.net"),
        node.tailnet_is_called(phone, "snow-burbot.ts.net"),
        panel.lists(world.tailnet, *members.values()),
        panel.gives_names(world.tailnet),
        free_plan.fits_the_free_plan(world.tailnet),
        path.goes_direct(phone, "tequila"),
    ]
    assert [a for a in answers if a.status != "ok"] == []
    assert not enrollment.plan(world, WISH), "a second time there is nothing to do"
    assert "alice@example.com" in str(roster.machines_page(world))


def test_questions_whose_answer_is_no(world) -> None:
    phone = world["phone"]
    answers = [
        node.named(phone, "handy"),
        node.tagged(phone, "tag:container"),
        node.keeps_address(phone, "100.64.0.1"),
        node.sees(phone, "nobody", seconds=0.2),
        node.does_not_see(phone, "tequila", seconds=0.2),
        node.resolves(phone, "nobody", seconds=0.2),
        node.needs_login(phone, seconds=0.2),
        node.tailnet_is_called(phone, "warm-burbot.ts.net"),
        panel.belongs_to(world.tailnet, "phone", "bob@example.com"),
        panel.has_policy(world.tailnet, "{}"),
        panel.keeps_comments(world.tailnet, "// a line that nobody wrote"),
        path.stays_on_derp(phone, "tequila"),
    ]
    assert [a.name for a in answers if a.status != "fail"] == []
    assert all(a.evidence for a in answers)


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world) -> None:
    is_solved(world, "03.1")


def test_a_hard_nat_keeps_it_on_the_relay(world) -> None:
    harder = enrollment.harder_nat(world)
    world.apply(harder)
    relayed = path.ping(world["phone"], "tequila", 2, afresh=True)
    assert path.stays_on_derp(world["phone"], "tequila", relayed).status == "ok"
    world.apply(harder.inverse())
    assert (
        path.goes_direct(world["phone"], "tequila", path.ping(world["phone"], "tequila", afresh=True)).status
        == "ok"
    )


def test_a_login_that_ends_and_is_renewed(world) -> None:
    phone = world["phone"]
    address = login.read(phone).address
    world.apply(enrollment.expiry(world, "phone"))
    assert node.needs_login(phone).status == "ok"
    world.apply(enrollment.renewal(world, "phone", "phone"))
    assert node.keeps_address(phone, address).status == "ok"


def test_a_control_plane_of_ones_own_all_the_way_through(world) -> None:
    server = enrollment.OWN_CONTROL
    moved = enrollment.other_control(world, "demoserver", "demoserver")
    world.apply(moved)
    assert login.read(world["demoserver"]).login_server == server
    world.apply(moved.inverse())
    # And as the parameter of a first login, on a machine that was never in.
    router = world["router"]
    (joins,) = enrollment.needs.joined("router", login_server=server)(world)
    world.apply(enrollment.planned("test", (joins,)))
    assert node.running(router).evidence.endswith(f"at {server}")
    world.apply(enrollment.planned("test", (joins,)).inverse())


def test_the_journal_takes_all_of_it_back(world, fresh) -> None:
    world.apply(world.journal.way_back())
    assert standing(world) == fresh
    assert world.tailnet.call(lambda ts: ts.tailnet_settings()).https_enabled is False
