"""The Jellyfin chapter as a whole in a fresh lab, with the real engine: shown, done, done again, taken back."""

from __future__ import annotations

import threading

import pytest
from exercises import is_solved

from homelab.check import prove
from homelab.checks import engine as docker
from homelab.checks import jellyfin as asks
from homelab.checks.reach import reaches, unreachable
from homelab.errors import ApplyFailed, CheckFailed
from homelab.panels import film as player
from homelab.pictures.image_layers import shared
from homelab.plan import matches, resource
from homelab.resources import container, film, image
from homelab.stages import jellyfin, welcome
from homelab.wait import until
from homelab.world import open_world

WISH = jellyfin.Params()
# As it stands in the slides.
TALK = """cd /srv/jelly
docker run \\
  --name jellyfin \\
  -p 8096:8096 \\
  --volume $(pwd)/config:/config \\
  --volume $(pwd)/cache:/cache \\
  --mount type=bind,source=$(pwd)/media,target=/media \\
  jellyfin/jellyfin
"""
URL = "http://127.0.0.1:8096"


@pytest.fixture(scope="module", autouse=True)
def supplied(world):
    world.supply("jellyfin/jellyfin")


def test_shown_and_not_applied_changes_nothing(world) -> None:
    shown = open_world("lab", apply=False)
    plan = jellyfin.plan(shown, WISH)
    assert len(plan) == 9
    assert shown.apply(plan) is False
    assert asks.healthy(shown["tequila"], URL).evidence == "waits for 9 changes"
    assert len(jellyfin.plan(world, WISH)) == 9
    shown.close()


def test_without_the_chapter_its_checks_fail(world) -> None:
    tequila, alice = world["tequila"], jellyfin.account(world, WISH)
    answers = [
        docker.docker_answers(tequila),
        asks.healthy(tequila, URL),
        asks.shows_its_page(tequila, URL),
        asks.has_films(tequila, URL, alice, "Colour Bars"),
        asks.plays(tequila, URL, alice, "Colour Bars"),
    ]
    assert [a.name for a in answers if a.status != "fail"] == []
    with pytest.raises(CheckFailed):
        prove(answers[1])


def test_everything(world) -> None:
    assert world.apply(jellyfin.plan(world, WISH))
    tequila, alice = world["tequila"], jellyfin.account(world, WISH)
    there = jellyfin.url(world, WISH, seen_by=world["windows"])
    answers = [
        docker.container_healthy(tequila, "jellyfin"),
        asks.current(tequila, URL),
        asks.shows_its_page(tequila, URL),
        asks.asks_who_you_are(tequila, URL, alice),
        asks.refuses(tequila, URL, "alice"),
        *[asks.plays(tequila, URL, alice, title) for title in film.FILMS],
        reaches(world["windows"], there.removeprefix("http://")),
        asks.has_films(world["windows"], there, alice, *film.FILMS),
        asks.plays(world["windows"], there, alice, "Test Pattern"),
        unreachable(world["phone"], there.removeprefix("http://")),
        unreachable(world["phone"], f"{welcome.address(world, 'home_router')}:8096"),
        unreachable(world["visitor"], f"{welcome.address(world, 'home_router')}:8096"),
    ]
    assert [(a.name, a.evidence) for a in answers if a.status != "ok"] == []
    assert all("ffprobe: h264 and aac, 8.0 s" in a.evidence for a in answers if a.name == "plays")
    assert not jellyfin.plan(world, WISH), "a second time there is nothing to do"


def test_the_sofa_watches_and_the_flat_is_told_why(world, monkeypatch) -> None:
    monkeypatch.delenv(player.WINDOWS, raising=False)
    told: list[object] = []
    there, alice = jellyfin.url(world, WISH, seen_by=world["windows"]), jellyfin.account(world, WISH)
    made = player.Player([world["windows"], world["phone"]], there, alice, "Game of Life", told.append)
    made.load()
    (video,) = made.screen.children
    assert bytes(video.value[4:8]) == b"ftyp"
    assert f"{len(video.value):,} bytes of video/mp4" in str(told[-1])
    assert "stills at 1.0, 3.0, 5.0, 7.0 s" in str(told[-1])
    made.seat.value = world["phone"]
    assert made.screen.children == ()
    assert str(told[-1]).startswith("phone cannot play it: nobody answers at")


def test_a_port_that_is_forwarded_is_noticed(world) -> None:
    """What the chapter spares its reader: two forwarded ports, and the phone is in."""
    public = f"{welcome.address(world, 'home_router')}:8096"
    rules = (
        ("home_router", "eth0", "192.168.77.20"),
        ("windows", "eth0", jellyfin.address(world)),
    )
    for verb in ("-I", "-D"):
        for role, door, to in rules:
            dnat = ["-i", door, "-p", "tcp", "--dport", "8096", "-j", "DNAT", "--to-destination", to]
            world[role].run(["iptables", "-w", "-t", "nat", verb, "PREROUTING", *dnat]).ok()
        assert unreachable(world["phone"], public).status == ("fail" if verb == "-I" else "ok")


def test_what_is_no_film_does_not_play(world) -> None:
    """The bytes come, in ranges, and are none: only ffprobe notices."""
    tequila, alice = world["tequila"], jellyfin.account(world, WISH)
    path = film.path_in("/srv/jelly/media/Movies", "Colour Bars")
    tequila.run(["cp", path, "/tmp/kept"]).ok()
    tequila.run(["sh", "-c", 'head -c 60368 /dev/urandom > "$1"', "sh", path]).ok()
    jellyfin.signed_in(world, WISH).scan()
    answer = asks.plays(tequila, URL, alice, "Colour Bars")
    tequila.run(["cp", "/tmp/kept", path]).ok()
    jellyfin.signed_in(world, WISH).scan()
    assert answer.status == "fail"
    assert "206" in answer.evidence
    assert asks.plays(tequila, URL, alice, "Colour Bars").status == "ok"


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world) -> None:
    is_solved(world, "02.1")


def test_the_place_in_a_film_outlives_the_container(world) -> None:
    tequila, alice = world["tequila"], jellyfin.account(world, WISH)
    server = jellyfin.signed_in(world, WISH)
    server.stopped_at(server.film("Game of Life"), 3.2)
    before = server.info().id
    for command in (["docker", "restart", "jellyfin"], ["docker", "rm", "-f", "jellyfin"]):
        tequila.run(command).ok()
        world.apply(jellyfin.plan(world, WISH).part("container"))
        assert server.wait(30).id == before
        answer = asks.remembers(tequila, URL, alice, "Game of Life", position=3.2)
        assert answer.status == "ok", answer.evidence
    assert not jellyfin.plan(world, WISH)


def test_the_talks_line_as_it_stands_makes_the_same_container(world) -> None:
    tequila = world["tequila"]
    ours = container.read(tequila, "jellyfin")
    tequila.run(["docker", "rm", "-f", "jellyfin"]).ok()
    talk = threading.Thread(target=lambda: tequila.run(["sh", "-c", TALK], timeout=120))
    talk.start()  # it keeps the terminal
    theirs = until(
        lambda: container.read(tequila, "jellyfin"), lambda s: s.running, "the talk's container", 20
    )
    assert matches(theirs, ours)
    assert talk.is_alive()
    assert docker.container_healthy(tequila, "jellyfin").status == "ok"
    assert not jellyfin.plan(world, WISH)
    tequila.run(["docker", "rm", "-f", "jellyfin"]).ok()
    talk.join(20)
    world.apply(jellyfin.plan(world, WISH))


def test_a_film_typed_and_made_are_the_same_film(world) -> None:
    tequila, found = world["tequila"], []
    for way in ("made", "typed"):
        path = film.path_in(f"/tmp/{way}", "Test Pattern")
        before, after = film.read(tequila, path), film.State(True, "Test Pattern", path)
        if way == "made":
            film.do(tequila, before, after)
        else:
            tequila.run(film.command(before, after)).ok()
        assert film.read(tequila, path) == after
        found.append(tequila.run(["md5sum", path]).ok().out.split()[0])
    assert found[0] == found[1]


def test_two_releases_share_all_but_the_server(world) -> None:
    world.apply(jellyfin.another_tag(world, WISH))
    picture = jellyfin.layers(world, "jellyfin/jellyfin", "jellyfin/jellyfin:12.3", "jellyfin/jellyfin:99")
    assert "3 layers are shared" in str(picture)
    stacks = {
        name: jellyfin._layers(world["tequila"], name)
        for name in ("jellyfin/jellyfin", "jellyfin/jellyfin:12.3")
    }
    assert len(shared(stacks)) == 3
    assert all(len(layers) == 4 for layers in stacks.values())
    world.apply(jellyfin.another_tag(world, WISH).inverse())


def test_another_port_recreates_the_container_and_keeps_the_rest(world) -> None:
    wish = jellyfin.Params(port=8097)
    plan = jellyfin.plan(world, wish)
    # On the new port nobody answers yet, so the wizard and the library are asked for; both are found done.
    assert [c.resource for c in plan] == ["container", "jellyfin_server", "library"]
    world.apply(plan)
    assert asks.has_films(world["tequila"], "http://127.0.0.1:8097", jellyfin.account(world, wish), *film.FILMS).status == "ok"  # fmt: skip
    assert not jellyfin.plan(world, wish)
    world.apply(jellyfin.plan(world, WISH))
    assert not jellyfin.plan(world, WISH)


@pytest.mark.nightly
def test_a_port_that_is_taken_is_told_and_then_it_converges(world) -> None:
    tequila, wish = world["tequila"], jellyfin.Params(port=8099)
    listen = "import socket, time; s = socket.create_server(('', 8099)); time.sleep(60)"
    tequila.run(["sh", "-c", f'setsid python3 -c "{listen}" >/dev/null 2>&1 & echo $! > /tmp/pid']).ok()
    until(
        lambda: tequila.run(["sh", "-c", "ss -ltn | grep -q :8099"]).rc,
        lambda rc: rc == 0,
        "the port to be taken",
    )
    with pytest.raises(ApplyFailed, match="port 8099 is taken") as caught:
        world.apply(jellyfin.plan(world, wish))
    assert caught.value.hint
    tequila.run(["sh", "-c", "kill $(cat /tmp/pid)"]).ok()
    until(
        lambda: tequila.run(["sh", "-c", "ss -ltn | grep -q :8099"]).rc,
        lambda rc: rc == 1,
        "the port to be free",
    )
    world.apply(jellyfin.plan(world, wish))
    world.apply(jellyfin.plan(world, WISH))
    assert not jellyfin.plan(world, WISH), "the films, the users and the library are where they were"


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        (jellyfin.Params(tag="99.99"), "no tag 99.99"),
        (jellyfin.Params(image="jellyfish/jellyfish"), "no image jellyfish/jellyfish"),
    ],
)
def test_an_image_that_nobody_has(world, wish, word) -> None:
    with pytest.raises(ApplyFailed, match=word) as caught:
        world.apply(jellyfin.plan(world, wish).part("image"))
    assert caught.value.hint


def test_the_journal_takes_it_back_and_leaves_what_is_yours(world) -> None:
    tequila = world["tequila"]
    back = world.journal.way_back()
    world.apply(back)
    assert {c.resource for c in back} == {"engine", "image", "container", "library"}
    assert not resource("engine").read(tequila).running
    assert tequila.run(["test", "-s", film.path_in("/srv/jelly/media/Movies", "Colour Bars")])
    assert tequila.run(["sh", "-c", "ls /srv/jelly/config/data"]).ok().out.strip()
    # And again from there: the films and the users are found, not made.
    world.apply(jellyfin.plan(world, WISH))
    assert not jellyfin.plan(world, WISH)
    assert image.read(tequila, "jellyfin/jellyfin").present
