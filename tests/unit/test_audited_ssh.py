"""States in, plan out: what the chapter on SSH wants of a world, however far that world is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.errors import HomelabError, ParamsError
from homelab.params import TAILSCALE
from homelab.plan import Plan
from homelab.policy import people, policyfile
from homelab.resources import account, auth_key, client, login, policy, prefs, recorder
from homelab.stages import audited_ssh
from homelab.stages.audited_ssh import Params

POLICY = '{\n  // mine\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n'
NEW = login.State("NeedsLogin")


def running(name: str, tags: tuple[str, ...] = ()) -> login.State:
    return login.State("Running", name, tags, address="100.64.0.7")


class Somewhere:
    """A world of given states: resources are read from tables instead of machines."""

    def __init__(
        self, monkeypatch, logins, *, text=POLICY, api=True, devices=None, lab=True, ssh=False, recorded=False, users=()
    ) -> None:  # fmt: skip
        self.machines = {name: SimpleNamespace(name=name) for name in logins}
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.lab, self.login_server, self.name = lab, TAILSCALE, "lab"
        self.person = SimpleNamespace(email="alice@example.com")
        self.journal = SimpleNamespace(path=Path("/state/journal.jsonl"))
        self.params = SimpleNamespace(path=Path("home.yaml"))
        told = {n: SimpleNamespace(tags=list(t)) for n, t in (devices or {}).items()}
        monkeypatch.setattr(audited_ssh.panel, "devices", lambda t: told)
        monkeypatch.setattr(login, "read", lambda m, name="": logins[m.name])
        monkeypatch.setattr(client, "read", lambda m, name="": client.State(False))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(text, '"e1"'))
        monkeypatch.setattr(prefs, "read", lambda m, name="": prefs.State(ssh=ssh))
        monkeypatch.setattr(auth_key, "read", lambda t, name: auth_key.State(False, name))
        monkeypatch.setattr(account, "read", lambda m, name: account.State(name, name in ("root", *users)))
        monkeypatch.setattr(recorder, "read", lambda m, name="": recorder.State(recorded))

    def __getitem__(self, role):
        if role not in self.machines:
            raise HomelabError(f"no machine plays {role!r} here")
        return self.machines[role]


FRESH = {
    "demoserver": login.State("not installed"),
    "phone": NEW,
    "recorder": login.State("tailscaled is not running"),
}
ENROLLED = {"demoserver": running("demoserver"), "phone": running("phone"), "recorder": NEW}


def kinds(plan: Plan) -> list[tuple[str, str]]:
    return [(c.machine, c.resource) for c in plan]


def last_policy(plan: Plan) -> dict:
    return policyfile.data([c for c in plan if c.resource == "policy"][-1].after.text)


AUDIT = [
    ("demoserver", "account"), ("tailnet", "policy"), ("recorder", "recorder"), ("tailnet", "auth_key"),
    ("recorder", "login"), ("tailnet", "policy"), ("demoserver", "prefs"),
]  # fmt: skip


def test_a_fresh_lab(monkeypatch) -> None:
    plan = audited_ssh.plan(Somewhere(monkeypatch, FRESH), Params())
    joins = [("demoserver", "client"), ("demoserver", "login"), ("phone", "login")]
    assert kinds(plan) == joins + AUDIT


def test_after_the_enrolment(monkeypatch) -> None:
    plan = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED), Params())
    assert kinds(plan) == AUDIT
    found = last_policy(plan)
    assert found["tagOwners"] == {"tag:recorder": ["autogroup:admin"]}
    assert [(r["action"], r["users"], r["dst"]) for r in found["ssh"]] == [
        ("accept", ["ubuntu"], ["autogroup:self"]),
        ("check", ["root"], ["autogroup:self"]),
    ]
    assert all(r["recorder"] == ["tag:recorder"] and r["enforceRecorder"] for r in found["ssh"])
    assert "// mine" in [c for c in plan if c.resource == "policy"][-1].after.text
    assert plan.inverse().changes[-2].after.text == POLICY


def test_where_all_is_done_nothing_is_left(monkeypatch) -> None:
    first = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED), Params())
    text = [c for c in first if c.resource == "policy"][-1].after.text
    logins = ENROLLED | {"recorder": running("recorder", ("tag:recorder",))}
    done = Somewhere(monkeypatch, logins, text=text, ssh=True, recorded=True, users=("ubuntu",))
    assert str(audited_ssh.plan(done, Params())) == "No changes."


def test_a_recorder_that_ended_is_started_and_nothing_else(monkeypatch) -> None:
    first = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED), Params())
    text = [c for c in first if c.resource == "policy"][-1].after.text
    logins = ENROLLED | {"recorder": running("recorder", ("tag:recorder",))}
    dead = Somewhere(monkeypatch, logins, text=text, ssh=True, users=("ubuntu",))
    assert kinds(audited_ssh.plan(dead, Params())) == [("recorder", "recorder")]


def test_a_tagged_server_is_named_by_its_tag(monkeypatch) -> None:
    logins = ENROLLED | {"demoserver": running("demoserver", ("tag:container",))}
    wish = Params(users=["ubuntu", "ec2-user"], checked_users=[], sources=["alice@example.com"])
    monkeypatch.setattr(people, "people", lambda tailnet: people.People(ALICE, {ALICE: "owner"}))
    found = last_policy(audited_ssh.plan(Somewhere(monkeypatch, logins), wish))
    assert [(r["src"], r["dst"], r["users"]) for r in found["ssh"]] == [
        (["alice@example.com"], ["tag:container"], ["ubuntu", "ec2-user"])
    ]
    assert last_policy(audited_ssh.plan(Somewhere(monkeypatch, logins), Params()))["ssh"][0]["src"] == ["autogroup:admin"]  # fmt: skip


def test_a_recorder_without_its_tag_logs_in_again(monkeypatch) -> None:
    logins = ENROLLED | {"recorder": running("recorder")}
    plan = audited_ssh.plan(Somewhere(monkeypatch, logins, recorded=True), Params())
    assert "--force-reauth" in plan.part("login", machine="recorder").changes[0].command


ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["mallory@example.com"], "mallory@example.com is no user of this tailnet"),
        ([ALICE, "mallory@example.com"], "mallory@example.com is no user of this tailnet"),
        (["group:family"], "group:family is no group of this tailnet's policy"),
        (["tag:nas"], "tag:nas is no tag that this tailnet's policy has an owner for"),
        (["autogroup:members"], "autogroup:members is no group that Tailscale makes (did you mean 'autogroup:member'?)"),
        ([BOB], "alice@example.com, who runs this, is not among them, and would not be let in"),
        (["group:others"], "alice@example.com, who runs this, is not among them"),
        ([ALICE, BOB], ""),
        (["autogroup:admin"], ""),
        (["group:ops"], ""),
    ],
)  # fmt: skip
def test_sources_that_are_nobody_or_not_us_are_refused_before_anything(monkeypatch, sources, said) -> None:
    text = POLICY.replace(
        "}\n", f'  "groups": {{"group:ops": ["{ALICE}"], "group:others": ["{BOB}"]}},\n}}\n'
    )
    world = Somewhere(monkeypatch, ENROLLED, text=text)
    known = people.People(ALICE, {ALICE: "owner", BOB: "member"})
    monkeypatch.setattr(people, "people", lambda tailnet: known)
    if not said:
        assert kinds(audited_ssh.plan(world, Params(sources=sources))) == AUDIT
        return
    with pytest.raises(ParamsError) as caught:
        audited_ssh.plan(world, Params(sources=sources))
    assert [str(p).startswith(f"sources: {said}") for p in caught.value.problems] == [True], caught.value


def test_no_such_recorder(monkeypatch) -> None:
    world = Somewhere(monkeypatch, ENROLLED, devices={"phone": [], "camera": ["tag:iot"]})
    with pytest.raises(HomelabError, match="no device of the tailnet is called 'recordr'") as caught:
        audited_ssh.plan(world, Params(recorder="recordr"))
    assert "camera" in caught.value.hint
    with pytest.raises(HomelabError, match="'camera' carries tag:iot, and the rules would look for"):
        audited_ssh.plan(world, Params(recorder="camera"))
    with pytest.raises(HomelabError, match="no machine plays 'demoservr'"):
        audited_ssh.plan(world, Params(server="demoservr"))


def test_a_home_waits_for_its_recorder(monkeypatch) -> None:
    home = {"tequila": running("tequila")}
    waits = audited_ssh.plan(Somewhere(monkeypatch, home, lab=False), Params())
    assert kinds(waits) == []
    assert "First a recorder" in waits.notes[-1]
    there = {"recorder": ["tag:recorder"]}
    ready = audited_ssh.plan(Somewhere(monkeypatch, home, lab=False, devices=there), Params())
    assert kinds(ready) == [("tequila", "account"), ("tailnet", "policy"), ("tailnet", "policy"), ("tequila", "prefs")]  # fmt: skip


def test_without_an_admin_key_nothing_is_switched_on(monkeypatch) -> None:
    plan = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED, api=False), Params())
    assert not plan
    assert plan.notes == (audited_ssh.NO_KEY,)


def test_what_is_unseen_already_is_said(monkeypatch) -> None:
    text = POLICY.replace("}\n", '  "ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root"]}],\n}\n')  # fmt: skip
    plan = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED, text=text), Params())
    assert plan.notes == ("As it is, check autogroup:member → autogroup:self as root: no recorder, so nothing of it is recorded.",)  # fmt: skip


def test_the_last_shell_is_never_taken(monkeypatch) -> None:
    world = Somewhere(monkeypatch, ENROLLED)
    text = [c for c in audited_ssh.plan(world, Params()) if c.resource == "policy"][-1].after.text
    world = Somewhere(monkeypatch, ENROLLED, text=text)
    with pytest.raises(HomelabError, match="would take your last shell"):
        audited_ssh.without_rules(world, Params())
    other = policyfile.with_item(text, "ssh", {"action": "accept", "src": ["alice@example.com"], "dst": ["tag:x"], "users": ["root"]})  # fmt: skip
    (edit,) = audited_ssh.without_rules(Somewhere(monkeypatch, ENROLLED, text=other), Params())
    assert "you lose root on autogroup:self, ubuntu on autogroup:self" in edit.why


def test_the_mistake_is_made_in_place(monkeypatch) -> None:
    world = Somewhere(monkeypatch, ENROLLED)
    text = [c for c in audited_ssh.plan(world, Params()) if c.resource == "policy"][-1].after.text
    (edit,) = audited_ssh.changed(Somewhere(monkeypatch, ENROLLED, text=text), Params(), enforce=False)
    assert [r["enforceRecorder"] for r in policyfile.data(edit.after.text)["ssh"]] == [False, False]


def test_undo_says_what_you_lose(monkeypatch) -> None:
    plan = audited_ssh.plan(Somewhere(monkeypatch, ENROLLED), Params())
    back = audited_ssh.with_losses(Somewhere(monkeypatch, ENROLLED), plan.inverse())
    assert back.notes == ("You lose your last shells by Tailscale SSH: root on autogroup:self, ubuntu on autogroup:self.",)  # fmt: skip
    assert audited_ssh.with_losses(Somewhere(monkeypatch, ENROLLED), plan.part("prefs").inverse()).notes == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"users": ["Root!"]}, "users"),
        ({"users": ["autogroup:all"]}, "users"),
        ({"users": ["root"]}, "root cannot be let in both at once and after a check"),
        ({"users": [], "checked_users": []}, "nobody would get in"),
        ({"check_period": "soon"}, "must be always, or a time"),
        ({"check_period": "0m"}, "must be always, or a time"),
        ({"check_period": "169h"}, "must be always, or a time"),
        ({"sources": ["everybody"]}, "sources"),
        ({"recorder_tag": "recorder"}, "recorder_tag"),
        ({"record": True}, "Extra inputs"),
    ],
)
def test_bad_parameters(given, said) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**given)


@pytest.mark.parametrize("period", ["always", "1m", "12h", "168h", "1h30m"])
def test_good_periods(period) -> None:
    assert Params(check_period=period).check_period == period
