"""The chapter on subnet routers in a fresh lab: shown, done, done again, broken, and taken back."""

from __future__ import annotations

import pytest
from exercises import is_solved

from homelab.check import prove
from homelab.checks import subnet_router as checks
from homelab.clients.postgres import Database, query
from homelab.errors import ApplyFailed, CommandFailed, HomelabError, ParamsError, WaitTimeout
from homelab.plan import plan as planned
from homelab.resources import approval, dns, ip_forward, login, policy, prefs, route
from homelab.routing import failover, subnets
from homelab.stages import subnet_router
from homelab.wait import until
from homelab.world import open_world

WISH = subnet_router.Params()
VPC = WISH.routes[0]
ROLES = ("router", "router2", "phone")


def everything(world) -> dict[str, object]:
    """The states that the chapter may touch, once everybody is logged in."""
    return {
        **{r: prefs.read(world[r]) for r in ROLES},
        **{f"{r} forwards": ip_forward.read(world[r]) for r in ROLES},
        "dns": dns.read(world.tailnet),
        "policy": policy.read(world.tailnet),
        **{f"approved {r}": approval.read(world.tailnet, r) for r in ROLES},
        "route": route.read(world["db"], subnet_router.TAILNET),
    }


@pytest.fixture(scope="module")
def database(world) -> Database:
    subnet_router.open_network(world)
    return Database(WISH.database_name)


@pytest.fixture(scope="module")
def before(world, database):
    """The routers and the phone are logged in, and nothing is offered."""
    world.apply(subnet_router.plan(world, WISH).part("login"))
    return everything(world)


@pytest.fixture(scope="module")
def done(world, before):
    """The chapter's plan, applied."""
    plan = subnet_router.plan(world, WISH)
    world.apply(plan)
    return plan


def test_shown_and_not_applied_changes_nothing(world, before) -> None:
    shown = open_world("lab", apply=False)
    plan = subnet_router.plan(shown, WISH)
    assert len(plan) == 9
    assert shown.apply(plan) is False
    assert checks.gives_rows(shown["phone"], Database("10.20.0.50"), "select 1").status == "skip"
    assert everything(world) == before
    shown.close()


@pytest.mark.parametrize(
    ("approver", "said"),
    [
        ("carol@example.com", "carol@example.com is no user of this tailnet"),
        ("tag:vpc", "is no tag that this tailnet's policy has an owner for"),
    ],
)
def test_an_approver_who_is_nobody_is_refused_before_anything(world, before, approver, said) -> None:
    with pytest.raises(ParamsError) as caught:
        subnet_router.plan(world, subnet_router.Params(approver=approver))
    assert said in str(caught.value)
    assert everything(world) == before
    assert subnet_router.plan(world, subnet_router.Params(approver=world.person.email)), "her own offers do"


def test_without_the_chapter_its_checks_fail(world, before, database) -> None:
    phone = world["phone"]
    assert not subnet_router.led_there(world, WISH)
    answers = [
        checks.offers(world.tailnet, "router", VPC, seconds=0.2),
        checks.approved(world.tailnet, "router", VPC, seconds=0.2),
        checks.carried_by(phone, VPC, seconds=0.2),
        checks.gives_rows(phone, database, "select 1", seconds=0.2),
        checks.gives_rows(phone, Database("10.20.0.50"), "select 1", seconds=0.2),
        checks.seen_as(phone, database, "10.20.0.1", seconds=0.2),
        checks.resolves(phone, WISH.database_name, "10.20.0.50", seconds=0.2),
        checks.survives(phone, failover.Outage(0.1, 1, "router", "router"), 5),
    ]
    assert [a.status for a in answers] == ["fail"] * len(answers), [a for a in answers if a.status != "fail"]
    assert checks.out_of_reach(phone, Database("10.20.0.50")).status == "ok"
    assert checks.unknown(phone, WISH.database_name).status == "ok"


def test_offered_is_not_used(world, before) -> None:
    """Each step alone is not enough: the offer, the approval, the acceptance."""
    plan, phone, byip = subnet_router.plan(world, WISH), world["phone"], Database("10.20.0.50")
    world.apply(plan.part("ip_forward", "prefs", machine="router"))
    prove(checks.offers(world.tailnet, "router", VPC))
    prove(checks.out_of_reach(phone, byip))
    by_hand = planned("test", subnet_router.approve(world, "router", WISH.routes))
    world.apply(by_hand)
    prove(checks.approved(world.tailnet, "router", VPC), checks.out_of_reach(phone, byip))
    assert checks.offers(world.tailnet, "router", VPC).status == "fail", "somebody approved it"
    world.apply(plan.part("prefs", machine="phone"))
    prove(checks.carried_by(phone, VPC, "router"), checks.gives_rows(phone, byip, "select * from films"))
    assert checks.out_of_reach(phone, byip).status == "fail"
    assert checks.unknown(phone, WISH.database_name).status == "ok", "its name is another matter"
    for step in (
        plan.part("prefs", machine="phone"),
        by_hand,
        plan.part("ip_forward", "prefs", machine="router"),
    ):
        world.apply(step.inverse())
    assert everything(world) == before


def test_everything(world, done, database) -> None:
    assert subnet_router.led_there(world, subnet_router.Params(routes=[VPC, "10.20.0.0/16"]))
    phone = world["phone"]
    answers = [
        checks.approved(world.tailnet, "router", VPC),
        checks.approved(world.tailnet, "router2", VPC),
        checks.carried_by(phone, VPC, "router"),
        checks.resolves(phone, WISH.database_name, "10.20.0.50"),
        checks.gives_rows(phone, database, "select title from films where year = 1927 order by title"),
        checks.seen_as(phone, database, "10.20.0.1"),
    ]
    assert [a for a in answers if a.status != "ok"] == []
    assert "Metropolis\nSunrise" in answers[4].evidence
    assert checks.unknown(phone, WISH.database_name).status == "fail"
    assert checks.resolves(phone, "tequila", "10.20.0.50", seconds=0.2).status == "fail"
    assert not subnet_router.plan(world, WISH), "a second time there is nothing to do"


def test_the_policy_approves_without_anybody(world, done) -> None:
    """The second router's routes are approved as soon as they are offered."""
    world.apply(planned("test", subnet_router.offer(world, "router2", ["10.20.0.0/25"])))
    assert checks.approved(world.tailnet, "router2", "10.20.0.0/25").status == "ok"
    after = done.part("prefs", machine="router2").changes[0].after
    prefs.do(world["router2"], prefs.read(world["router2"]), after)
    until(
        lambda: approval.read(world.tailnet, "router2").approved,
        lambda now: now == (VPC,),
        "only what is offered to count",
    )


def test_a_refused_query_is_no_silence(world, done, database) -> None:
    with pytest.raises(CommandFailed, match="permission denied"):
        query(world["phone"], database, "delete from films")
    assert checks.gives_rows(world["phone"], database, "selec").status == "fail"


def test_a_route_that_nobody_offers_cannot_be_approved(world, done, monkeypatch) -> None:
    monkeypatch.setattr(approval, "OFFER", 0.3)
    before = everything(world)
    with pytest.raises(ApplyFailed, match=r"waited .* for the device to offer 10\.9\.0\.0/24"):
        world.apply(planned("test", subnet_router.approve(world, "router", ["10.9.0.0/24"])))
    assert everything(world) == before


def test_overlap_is_refused_and_nothing_is_touched(world, done) -> None:
    before = everything(world)
    for bad in ("192.168.88.0/24", "192.168.0.0/16"):
        with pytest.raises(ParamsError, match="phone"):
            subnet_router.plan(world, subnet_router.Params(routes=[VPC, bad]))
    assert everything(world) == before


def test_the_other_router_takes_over_and_whom_the_database_sees(world, done, database) -> None:
    phone = world["phone"]
    with failover.killed(world["router"], phone) as kill:
        outage = failover.measure(phone, VPC, "10.20.0.50", 5432, kill)
        print(outage)
        prove(checks.survives(phone, outage, 5.0), checks.seen_as(phone, database, "10.20.0.2"))
    assert not subnet_router.plan(world, WISH), "the router came back as it was"
    before = everything(world)
    open_faced = subnet_router.untranslated(world, "router2")
    world.apply(open_faced)
    prove(checks.out_of_reach(phone, database))
    back = subnet_router.way_back(world, "router2", WISH)
    world.apply(back)
    prove(checks.seen_as(phone, database, str(login.read(phone).address)))
    assert not subnet_router.untranslated(world, "router2")
    assert not subnet_router.way_back(world, "router2", WISH)
    world.apply(back.inverse())
    world.apply(open_faced.inverse())
    prove(checks.seen_as(phone, database, subnet_router.inside_address(world, "router2", WISH)))
    assert everything(world) == before


def test_the_same_range_elsewhere(world, done) -> None:
    phone = world["phone"]
    before = everything(world)
    other = subnet_router.other_range(world, "router2", WISH)
    world.apply(other)
    name = subnets.via_name(subnet_router.SITE, "10.20.0.50")
    prove(
        checks.via_agrees(phone, subnet_router.SITE, VPC),
        checks.via_agrees(phone, 65535, "192.168.0.0/16"),
        checks.resolves(phone, name, "fd7a:115c:a1e0:b1a:0:7:a14:32"),
        checks.gives_rows(phone, Database(name), "select 1"),
    )
    world.apply(other.inverse())
    assert everything(world) == before


def test_in_whatever_order_routes_are_named_they_are_offered_once(world, done) -> None:
    wide, before = "10.20.0.0/16", prefs.read(world["router2"])
    (more,) = planned("test", subnet_router.offer(world, "router2", [VPC, wide]))
    world.apply(planned("test", [more]))
    assert not subnet_router.offer(world, "router2", [wide, VPC])
    world.apply(planned("test", [more.inverse()]))
    assert prefs.read(world["router2"]) == before


def test_measuring_where_nobody_carries(world, done) -> None:
    with pytest.raises(HomelabError, match=r"nobody carries 10\.9\.0\.0/24"):
        failover.measure(world["phone"], "10.9.0.0/24", "10.9.0.1", 1, lambda _: None)
    with pytest.raises(WaitTimeout, match="connections in vain"):
        failover.measure(world["phone"], VPC, "10.20.0.50", 1, lambda _: None, seconds=0.2)


@pytest.mark.parametrize("via", ["10.20.0.1", "10.20.0.2"])
def test_the_shown_route_is_the_done_route(world, typed, via) -> None:
    db, name = world["db"], "100.99.0.0/16"
    start, wanted = route.read(db, name), route.State(name, via)
    typed("db", ["sh", "-c", " ".join(route.command(start, wanted))])
    shown = route.read(db, name)
    typed("db", ["sh", "-c", " ".join(route.command(wanted, start))])
    assert route.read(db, name) == start
    route.do(db, start, wanted)
    assert route.read(db, name) == shown == wanted
    route.do(db, wanted, start)
    assert route.read(db, name) == start
    with pytest.raises(CommandFailed):
        route.do(db, start, route.State(name, "10.99.0.1"))


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, done) -> None:
    is_solved(world, "07.3")


def test_taken_back(world, before, done, database) -> None:
    """Last, for it undoes all that the other tests rely on."""
    assert len(done) == 9
    world.apply(done.inverse())
    assert everything(world) == before
    prove(checks.out_of_reach(world["phone"], database), checks.unknown(world["phone"], WISH.database_name))
