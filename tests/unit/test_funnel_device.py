"""The quiz's own device is opened by one word in its file, and by a line of the policy for its tag."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from homelab import services
from homelab.errors import ParamsError
from homelab.resources import file, policy
from homelab.stages import funnel, funnel_device

TALKS = services.load("quiz").files()["serve/serve.json"]
PATH = "/srv/homelab/quiz/serve/serve.json"
POLICY = '{\n  // mine\n  "nodeAttrs": [{"target": ["autogroup:member"], "attr": ["funnel"]}],\n}\n'


@pytest.fixture
def place(monkeypatch):
    """A world in which the device is online, with a given file on the machine."""

    def made(text: str | None, online: bool = True, api: bool = True) -> SimpleNamespace:
        machine = SimpleNamespace(name="tequila")
        peer = {"DNSName": "quiz.x.ts.net.", "Online": online}
        told = {"MagicDNSSuffix": "x.ts.net", "Peer": {"1": peer}}
        monkeypatch.setattr(funnel_device, "status", lambda m: told)
        monkeypatch.setattr(funnel, "home", lambda w: machine)
        monkeypatch.setattr(file, "read", lambda m, name: file.State(name, text))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(POLICY))
        return SimpleNamespace(
            machines={"tequila": machine}, lab={"tier": "root"}, tailnet=object() if api else None
        )

    return made


def test_one_word_and_one_line(place) -> None:
    plan = funnel_device.plan(place(TALKS))
    assert [(c.machine, c.resource, c.name) for c in plan] == [
        ("tailnet", "policy", ""),
        ("tequila", "file", PATH),
    ]
    edit, shown = plan
    assert '"tag:container"' in edit.after.text
    assert "// mine" in edit.after.text
    assert shown.after.text == TALKS.replace("443\": false", "443\": true")  # fmt: skip
    assert [c.after for c in plan.inverse()] == [c.before for c in reversed(plan.changes)]


def test_a_file_without_the_word_gets_it(place) -> None:
    data = json.loads(TALKS)
    del data["AllowFunnel"]
    shown = funnel_device.plan(place(json.dumps(data))).changes[-1]
    assert json.loads(shown.after.text) == {**data, "AllowFunnel": {"${TS_CERT_DOMAIN}:443": True}}


def test_public_already(place) -> None:
    assert not funnel_device.plan(place(TALKS.replace("false", "true"))).part("file")


def test_without_the_admin_api_only_the_file(place) -> None:
    assert [c.resource for c in funnel_device.plan(place(TALKS, api=False))] == ["file"]


@pytest.mark.parametrize(("text", "online"), [(TALKS, False), (None, True), ("{}", True)])
def test_no_such_device_is_a_note(place, text, online) -> None:
    plan = funnel_device.plan(place(text, online))
    assert not plan
    assert len(plan.notes) == 1


def test_a_file_that_is_wrong_is_refused(place) -> None:
    with pytest.raises(ParamsError, match=f"{PATH}:1"):
        funnel_device.plan(place("{"))
