"""Recorded shells: the real client sends what a session prints to the recorder, or there is no session."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from conftest import Lab, wait_for

TAGS = {"tag:recorder": ["autogroup:admin"]}
RULE: dict[str, Any] = {
    "action": "accept",
    "src": ["autogroup:member"],
    "dst": ["autogroup:self"],
    "users": ["root"],
    "recorder": ["tag:recorder"],
}


def enforce(own: Lab, *, really: bool) -> None:
    own.policy(tagOwners=TAGS, ssh=[RULE | {"enforceRecorder": really}])
    word = "RejectSessionWithMessage"
    wait_for(
        "the server to know the rule",
        lambda: (word in own.says("tequila", "tailscale", "debug", "netmap")) == really,
    )


@pytest.fixture(scope="module", autouse=True)
def recorder(own: Lab) -> str:
    """The recorder's address in the tailnet."""
    own.policy(tagOwners=TAGS)
    own.ask("start", machine="recorder", name="recorder")
    own.says("recorder", "tailscale", "up", f"--auth-key={own.key('tag:recorder')}", "--hostname=recorder")
    enforce(own, really=True)
    own.says("tequila", "tailscale", "set", "--ssh")
    address = own.tailnet_ip("recorder")
    wait_for("the recorder", lambda: own.run("tequila", "curl", "-sf", f"{address}:8080/recordings").stdout)
    return address


def ssh(own: Lab, command: str) -> Any:
    return own.run("phone", "tailscale", "ssh", "root@tequila", command)


def listed(own: Lab, recorder: str) -> list[dict[str, Any]]:
    return list(json.loads(own.says("phone", "curl", "-sS", f"http://{recorder}:8080/recordings")))


def latest(own: Lab, recorder: str, state: str) -> dict[str, Any]:
    def there() -> Any:
        if own.run("phone", "curl", "-sS", f"http://{recorder}:8080/recordings").returncode:
            return None  # it is on its way up
        entries = listed(own, recorder)
        return entries and entries[-1]["state"] == state and entries[-1]

    return dict(wait_for(f"a recording that is {state}", there, 20))


def failures(own: Lab) -> list[dict[str, Any]]:
    now = time.time()
    span = "&".join(
        f"{k}={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now + d))}"
        for k, d in (("start", -3600), ("end", 60))
    )
    code, answer = own.api("GET", f"tailnet/-/logging/configuration?{span}")
    assert code == 200, answer
    return list(answer["logs"])


def test_a_session_is_recorded(own: Lab, recorder: str) -> None:
    done = ssh(own, "echo hello from $(hostname)")
    assert (done.returncode, done.stdout) == (0, "hello from tequila\n")
    entry = latest(own, recorder, "whole")
    header = entry["header"]
    assert entry["host"] == "tequila"
    assert header["srcNode"] == "phone.snow-burbot.ts.net"
    assert header["srcNodeUser"] == "alice@example.com"
    assert (header["sshUser"], header["localUser"]) == ("root", "root")
    assert header["command"] == "echo hello from $(hostname)"
    text = own.says("phone", "curl", "-sS", f"http://{recorder}:8080/recordings/{entry['name']}")
    assert text == own.says("recorder", "cat", f"/var/lib/recorder/{entry['name']}")
    assert json.loads(text.splitlines()[1])[1:] == ["o", "hello from tequila\n"]


def test_only_the_tailnet_reaches_it(own: Lab, recorder: str) -> None:
    for port in (80, 8080):
        assert own.run("visitor", "curl", "-sS", "-m", "3", f"http://203.0.113.85:{port}/").returncode == 7


def test_no_recorder_no_session(own: Lab, recorder: str) -> None:
    before = len(failures(own))
    own.ask("stop", machine="recorder", name="recorder")
    refused = ssh(own, "id")
    assert refused.returncode == 1
    assert "wants it recorded, and no recorder answers" in refused.stdout + refused.stderr
    assert "uid=" not in refused.stdout
    event = wait_for("the event", lambda: failures(own)[before:])[0]
    assert event["action"] == "SSH_RECORDING_REJECTED"
    assert event["target"]["name"] == "tequila.snow-burbot.ts.net"
    assert event["actor"]["loginName"] == "alice@example.com"
    code, page = own.curl("visitor", "https://login.tailscale.com/admin/logs")
    assert code == 200
    assert "SSH_RECORDING_REJECTED" in page
    own.ask("start", machine="recorder", name="recorder")
    wait_for("the recorder", lambda: ssh(own, "id").returncode == 0)


def test_killed_in_the_middle(own: Lab, recorder: str) -> None:
    before = len(failures(own))
    # A silent session would notice only after 30 s, when the client misses the recorder's word.
    ticks = "echo first; while sleep 0.2; do echo tick; done"
    session = own.background("phone", "tailscale", "ssh", "root@tequila", ticks)
    wait_for("the session", lambda: "tick" in session.said())
    wait_for("the recording", lambda: latest(own, recorder, "running")["bytes"] > 0)
    own.ask("stop", machine="recorder", name="recorder", signal=9)
    rc, said = session.end()
    assert rc != 0
    assert "Session terminated: its recording failed" in said
    assert wait_for("the event", lambda: failures(own)[before:])[0]["action"] == "SSH_RECORDING_TERMINATED"
    own.ask("start", machine="recorder", name="recorder")
    entry = latest(own, recorder, "cut")
    kept = own.says("recorder", "cat", f"/var/lib/recorder/{entry['name']}").splitlines()
    assert json.loads(kept[1])[2] == "first\n"
    assert "tick" in "".join(json.loads(line)[2] for line in kept[2:])


def test_not_enforced_it_fails_open(own: Lab, recorder: str) -> None:
    enforce(own, really=False)
    before = len(failures(own))
    own.ask("stop", machine="recorder", name="recorder")
    assert ssh(own, "id -un").stdout == "root\n"
    assert wait_for("the event", lambda: failures(own)[before:])[0]["action"] == "SSH_RECORDING_FAILED"
    own.ask("start", machine="recorder", name="recorder")
