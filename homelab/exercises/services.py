"""04: a device whose service sleeps, a second page under one name, and a message that waits."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from homelab import web
from homelab.check import Answer, check
from homelab.checks import node
from homelab.checks import services as asks
from homelab.clients.mqtt import link
from homelab.errors import WaitTimeout
from homelab.exercises.exercise import NOW, Exercise, Typed, every
from homelab.machine import Machine
from homelab.stages import services as chapter

if TYPE_CHECKING:
    from homelab.world import World

WISH = chapter.Params.model_construct()
FOLDER, PATH = "/srv/homelab/quiz", "/hello"
TOPIC, SAID = "home/door", "open"
BAD_GATEWAY, SOON = 502, 1.0  # what a sidecar says of nobody behind it; seconds for a message that waits
QUIZ = "<title>Quiz"  # stands in each of its pages


@check
def nobody_behind_it(machine: Machine, device: str) -> Answer:
    """Does the device answer that there is nobody behind it?"""
    url = f"https://{asks.address(machine, device)}"
    seen = web.session(machine).get(url).status_code
    return Answer("nobody behind it", machine.name, "ok" if seen == BAD_GATEWAY else "fail", f"{url}: {seen}")


def quiz_sleeps(world: World) -> Answer:
    """Is the quiz asleep, and its device awake?"""
    phone = world["phone"]
    return every(lambda: nobody_behind_it(phone, "quiz"), lambda: node.sees(phone, "quiz", seconds=NOW))


@check
def has_another_page(machine: Machine, url: str) -> Answer:
    """Does something answer at `url` that is not the quiz?"""
    got = web.session(machine).get(url)
    good = got.status_code == 200 and bool(got.text) and QUIZ not in got.text
    said = f"{got.status_code}, {'the quiz' if QUIZ in got.text else f'{len(got.content)} bytes'}"
    return Answer("another page", machine.name, "ok" if good else "fail", f"{url}: {said}")


@check
def has_the_quiz(machine: Machine, url: str) -> Answer:
    """Does the quiz answer at `url`?"""
    got = web.session(machine).get(url)
    said = f"{url}: {got.status_code}, {'the quiz' if QUIZ in got.text else 'and not the quiz'}"
    return Answer("the quiz", machine.name, "ok" if got.ok and QUIZ in got.text else "fail", said)


def two_pages(world: World) -> Answer:
    """Does the quiz's device show a page of yours, and the quiz still?"""
    phone = world["phone"]
    url = f"https://{asks.address(phone, 'quiz')}"
    return every(lambda: has_another_page(phone, f"{url}{PATH}"), lambda: has_the_quiz(phone, f"{url}/"))


@check
def tells_at_once(machine: Machine, host: str, password: str) -> Answer:
    """Is somebody who asks for `TOPIC` only now told `SAID`, because the broker has kept it?"""
    with link(machine, host, user="homelab", password=password) as broker:
        broker.subscribe(TOPIC)
        with suppress(WaitTimeout):
            broker.until(lambda: bool(broker.came), f"a message on {TOPIC}", SOON)
        came = [payload.decode(errors="replace") for topic, payload in broker.came if topic == TOPIC]
    said = f"{TOPIC} at {host}: {came[-1] if came else 'nothing'}"
    return Answer("tells at once", machine.name, "ok" if came[-1:] == [SAID] else "fail", said)


def door_is_open(world: World) -> Answer:
    """Does the phone learn at once that the door is open?"""
    phone = world["phone"]
    password = chapter.made_up(world, WISH, "mosquitto", "MQTT_PASSWORD")
    return tells_at_once(phone, asks.address(phone, "mqtt"), password)


def _posted(what: str) -> Typed:
    typed = (
        "cd /srv/homelab/mosquitto\n. ./.env\n"
        f'docker compose exec -T mosquitto mosquitto_pub -u homelab -P "$MQTT_PASSWORD" -t {TOPIC} -r {what}'
    )
    return Typed(chapter.ROLE, typed)


EXERCISES = (
    Exercise(
        "The quiz sleeps, and its device is awake",
        quiz_sleeps,
        (
            "Two containers make one device. Which of them is the device, and which one plays?",
            f"`docker compose ps` in `{FOLDER}` on tequila has both names, and `docker compose --help` a verb for one of them.",
        ),
        (Typed(chapter.ROLE, f"cd {FOLDER}\ndocker compose stop quiz"),),
        (Typed(chapter.ROLE, f"cd {FOLDER}\ndocker compose start quiz"),),
    ),
    Exercise(
        f"A page of yours stands at {PATH} on the quiz's device, and the quiz still at /",
        two_pages,
        (
            "What the sidecar shows it shows by `tailscale serve`, and that knows more than one path.",
            f"`docker compose exec tailscale tailscale serve --help`, in `{FOLDER}`: `--set-path`, and a target that is a mere `text:`.",
        ),
        (
            Typed(
                chapter.ROLE,
                f"cd {FOLDER}\ndocker compose start quiz\n"
                f"docker compose exec -T tailscale tailscale serve --bg --set-path={PATH} text:hello",
            ),
        ),
        (
            Typed(
                chapter.ROLE,
                f"cd {FOLDER}\ndocker compose exec -T tailscale tailscale serve --set-path={PATH} off",
            ),
        ),
    ),
    Exercise(
        f"Whoever asks the broker for {TOPIC} is told at once: {SAID}",
        door_is_open,
        (
            "A message goes to those who listen when it is sent. One kind the broker keeps, for those who come later: it is “retained”.",
            "`mosquitto_pub` is in the broker's container, and `--help` names the flag. User is `homelab`; the password lies in `/srv/homelab/mosquitto/.env`.",
        ),
        (_posted(f"-m {SAID}"),),
        (_posted("-n"),),
    ),
)
