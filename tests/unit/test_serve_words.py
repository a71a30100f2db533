"""What is shown for a transition of what a node serves; and what ``serve status --json`` means."""

from __future__ import annotations

import json

import pytest

from homelab.listeners import listeners, said
from homelab.machine import Result, shown
from homelab.resources import consent, quiz_program, serve, serve_config
from homelab.resources.serve import State

NOTHING, PRIVATE, PUBLIC = State(443), serve.proxy(443, 3000), serve.proxy(443, 3000, public=True)
TWO = State(443, "https", ("/ http://127.0.0.1:3000", "/x text:hello"))
MQTT = State(8883, "tls-terminated-tcp", ("tcp://127.0.0.1:1883",))
STATUS = {
    "TCP": {
        "443": {"HTTPS": True},
        "80": {"HTTP": True},
        "8883": {"TCPForward": "127.0.0.1:1883", "TerminateTLS": "t.x.ts.net"},
        "22": {"TCPForward": "127.0.0.1:22"},
    },
    "Web": {
        "t.x.ts.net:443": {"Handlers": {"/x": {"Text": "hello"}, "/": {"Proxy": "http://127.0.0.1:3000"}}},
        "t.x.ts.net:80": {"Handlers": {"/f/": {"Path": "/srv/q"}}},
    },
    "AllowFunnel": {"t.x.ts.net:443": True, "t.x.ts.net:8883": False},
}
LISTENING = """\
LISTEN 0 128   127.0.0.1:3000  0.0.0.0:*  users:(("python3",pid=9,fd=3))
LISTEN 0 128   *:8096          *:*        users:(("jellyfin",pid=9,fd=3),("x",pid=1,fd=1))
LISTEN 0 128   [::1]:631       [::]:*
LISTEN 0 128   0.0.0.0:22      0.0.0.0:*
LISTEN 0 128   127.0.0.53%lo:53 0.0.0.0:*
LISTEN 0 128   192.168.1.2:445 0.0.0.0:*
garbage
"""


class Says:
    """A machine that answers each command with the same words."""

    name = "tequila"

    def __init__(self, out: str, rc: int = 0, err: str = "") -> None:
        self.out, self.rc, self.err = out, rc, err

    def run(self, argv, **_: object) -> Result:
        return Result(tuple(argv), self.rc, self.out, self.err, 0.0, self.name)


@pytest.mark.parametrize(
    ("before", "after", "command"),
    [
        (NOTHING, PRIVATE, "sudo tailscale serve --bg 3000"),
        (NOTHING, PUBLIC, "sudo tailscale funnel --bg 3000"),
        (PRIVATE, PUBLIC, "sudo tailscale funnel --bg 3000"),
        (PUBLIC, PRIVATE, "sudo tailscale serve --bg 3000"),
        (PUBLIC, NOTHING, "sudo tailscale funnel --https=443 off"),
        (PRIVATE, NOTHING, "sudo tailscale serve --https=443 off"),
        (State(8443), serve.proxy(8443, 3000, True), "sudo tailscale funnel --bg --https=8443 3000"),
        (PRIVATE, TWO, "sudo tailscale serve --bg --set-path=/x text:hello"),
        (TWO, PRIVATE, "sudo tailscale serve --https=443 off &&\nsudo tailscale serve --bg 3000"),
        (State(8883), MQTT, "sudo tailscale serve --bg --tls-terminated-tcp=8883 tcp://127.0.0.1:1883"),
        (MQTT, State(8883), "sudo tailscale serve --tls-terminated-tcp=8883 off"),
    ],
)
def test_serve(before, after, command) -> None:
    assert shown(serve.command(before, after)) == command


def test_what_the_status_means() -> None:
    node = Says(json.dumps(STATUS))
    assert serve.read(node, "443") == State(443, "https", TWO.mounts, True)
    assert serve.read(node, "80") == State(80, "http", ("/f/ /srv/q",))
    assert serve.read(node, "8883") == MQTT
    assert serve.read(node, "22") == State(22, "tcp", ("tcp://127.0.0.1:22",))
    assert serve.read(node, "8443") == State(8443)
    assert serve.read(Says("{}"), "443") == NOTHING


@pytest.mark.parametrize(("rc", "err"), [(127, "not found"), (1, "failed to connect to local tailscaled")])
def test_without_tailscale_nothing_is_shown(rc: int, err: str) -> None:
    assert serve.read(Says("", rc, err), "443") == NOTHING
    assert serve_config.read(Says("", rc, err)) == serve_config.State("")
    assert consent.read(Says("", rc, err)) == consent.State(False)


def test_the_words_of_a_difference() -> None:
    assert serve.difference(PRIVATE, PUBLIC) == (
        "port 443: https in the tailnet, to http://127.0.0.1:3000 → https for everybody, to http://127.0.0.1:3000"
    )
    assert serve.words(TWO) == "https in the tailnet, to http://127.0.0.1:3000, /x text:hello"


def test_the_files_order_and_its_way_back() -> None:
    one = serve_config.wanted('{"Web": {"a:1": {}}, "AllowFunnel": {}, "TCP": {"1": {"HTTPS": true}}}')
    assert list(json.loads(one.text)) == ["TCP", "Web", "AllowFunnel"]
    assert shown(serve_config.command(one, serve_config.State(""))) == "sudo tailscale serve reset"
    assert serve_config.difference(serve_config.State(""), one).startswith("nothing shown → ")
    other = serve_config.State(one.text.replace("1", "2"))
    assert '+    "2": {' in serve_config.difference(one, other)


def test_what_one_can_lead_to() -> None:
    found = listeners(Says(LISTENING))
    assert found == {22: "", 53: "", 631: "", 3000: "python3", 8096: "jellyfin"}
    assert said(found) == "22, 53, 631, 3000 (python3), 8096 (jellyfin)"


def test_the_quiz_runs_for_this_machine_only() -> None:
    off, on = (quiz_program.State("/srv/q", 3000, running) for running in (False, True))
    assert "--address 127.0.0.1 --port 3000" in shown(quiz_program.command(off, on))
    assert shown(quiz_program.command(on, off)).startswith("kill $(cat /srv/q/pid)")
    line = "python3 -m quiz --address 127.0.0.1 --port 3000 --state state"
    assert quiz_program.read(Says(line), "3000 /srv/q") == on
    assert quiz_program.read(Says(line), "3001 /srv/q") == quiz_program.State("/srv/q", 3001, False)
    assert quiz_program.read(Says("sleep 3000"), "3000 /srv/q") == off
