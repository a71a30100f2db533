"""States in, plan out: what the funnel chapter wants of a world; and every bad input, refused before anything."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.errors import ParamsError
from homelab.machine import Result
from homelab.params import TAILSCALE
from homelab.pictures.picture import Picture
from homelab.pictures.route import Leg
from homelab.pictures.tables import Table
from homelab.resources import consent, dns, login, policy, quiz_program, serve, serve_config
from homelab.stages import funnel, funnel_view
from homelab.stages.funnel import INSIDE, OUTSIDE, Params

POLICY = '{\n  // mine\n  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],\n}\n'
IN = login.State("Running", "tequila", address="100.64.0.7")
OUT = login.State("NeedsLogin")
QUIZ, OTHER = {3000: "python3"}, {3000: "grafana", 8096: "jellyfin"}


class Machine:
    """A machine that listens on given ports, and has the quiz's health page or another."""

    def __init__(self, name: str, listens: dict[int, str], health: str) -> None:
        self.name, self.listens, self.health = name, listens, health
        self.pending = SimpleNamespace(count=0)

    def run(self, argv, **_: object) -> Result:
        out = ""
        if argv[0] == "ss":
            out = "".join(
                f'LISTEN 0 5 127.0.0.1:{port} 0.0.0.0:* users:(("{who}",pid=7,fd=3))\n'
                for port, who in self.listens.items()
            )
        elif argv[0] == "curl":
            out = self.health
        elif argv[0] == "sh":
            out = "/srv\n"
        return Result(tuple(argv), 0, out, "", 0.0, self.name)


class Somewhere:
    """A world of given states."""

    def __init__(
        self, monkeypatch, *, node=IN, shown=None, given=False, listens=None, health='{"questions": 12}',
        api=True, roles=("tequila", "phone"), https=True,
    ) -> None:  # fmt: skip
        self.machines = {r: Machine(r, listens or {}, health) for r in roles}
        self.tailnet = SimpleNamespace(name="tailnet") if api else None
        self.login_server, self.lab = TAILSCALE, {}
        self.params = SimpleNamespace(path=Path("home.yaml"))
        state = shown or serve.State(443)
        monkeypatch.setattr(login, "read", lambda m, name="": node)
        monkeypatch.setattr(dns, "read", lambda t, name="": dns.State(True, https))
        monkeypatch.setattr(policy, "read", lambda t, name="": policy.State(POLICY, '"e1"'))
        monkeypatch.setattr(consent, "read", lambda m, name="": consent.State(given, "n1"))
        monkeypatch.setattr(
            serve, "read", lambda m, name: state if int(name) == state.port else serve.State(int(name))
        )
        monkeypatch.setattr(serve_config, "read", lambda m, name="": serve_config.State("", "t.x.ts.net"))
        monkeypatch.setattr(
            quiz_program, "read", lambda m, name: quiz_program.State("/srv/quiz-program", int(name.split()[0]), False)
        )  # fmt: skip

    def __getitem__(self, role):
        return self.machines[role]

    def __iter__(self):
        return iter(self.machines)


def words(plan) -> list[str]:
    return [f"{c.machine}/{c.resource}" for c in plan]


PRIVATE, PUBLIC = serve.proxy(443, 3000), serve.proxy(443, 3000, public=True)
ALL = ["tequila/quiz_program", "tequila/serve", "tequila/consent", "tequila/serve"]


@pytest.mark.parametrize(
    ("state", "wish", "wanted"),
    [
        ({}, {}, ALL),
        ({"https": False}, {}, ["tailnet/dns", *ALL]),
        ({"node": OUT}, {}, ["tequila/login", "phone/login", *ALL]),
        ({"roles": ("attic",)}, {}, [w.replace("tequila", "attic") for w in ALL]),
        ({"listens": QUIZ}, {}, ALL[1:]),
        ({"listens": QUIZ, "given": True}, {}, ["tequila/serve", "tequila/serve"]),
        ({"listens": QUIZ, "given": True, "shown": PRIVATE}, {}, ["tequila/serve"]),
        ({"listens": QUIZ, "given": True, "shown": PUBLIC}, {}, []),
        ({"listens": QUIZ, "given": True, "shown": PUBLIC}, {"port": 8443}, ["tequila/serve", "tequila/serve"]),
        ({"listens": QUIZ}, {"consent": "policy"}, ["tequila/serve", "tailnet/policy", "tequila/serve"]),
        ({"listens": OTHER}, {"quiz": False, "to": 8096}, ALL[1:]),
        ({"api": False, "listens": QUIZ}, {}, ALL[1:]),
        ({"roles": ()}, {}, []),
    ],
)  # fmt: skip
def test_plan(monkeypatch, state, wish, wanted) -> None:
    assert words(funnel.plan(Somewhere(monkeypatch, **state), Params(**wish))) == wanted


def test_first_inside_then_for_everybody(monkeypatch) -> None:
    plan = funnel.plan(Somewhere(monkeypatch, listens=QUIZ, given=True), Params())
    assert [c.why for c in plan] == [INSIDE, OUTSIDE]
    assert [c.command for c in plan] == ["sudo tailscale serve --bg 3000", "sudo tailscale funnel --bg 3000"]
    assert [c.command for c in plan.inverse()] == [
        "sudo tailscale serve --bg 3000",
        "sudo tailscale serve --https=443 off",
    ]


def test_the_click_stays_and_the_plan_says_so(monkeypatch) -> None:
    plan = funnel.plan(Somewhere(monkeypatch, listens=QUIZ), Params())
    assert consent.STAYS in str(plan)
    back = plan.inverse()
    assert "tequila/consent" not in words(back)
    assert any(funnel.ALLOW in note for note in back.notes)


def test_consent_by_the_policy_keeps_comments(monkeypatch) -> None:
    plan = funnel.plan(Somewhere(monkeypatch, listens=QUIZ), Params(consent="policy"))
    (edit,) = plan.part("policy")
    assert "// mine" in edit.after.text
    assert '"funnel"' in edit.after.text
    assert edit.inverse().after.text == POLICY


def test_another_control_plane_is_a_note(monkeypatch) -> None:
    world = Somewhere(monkeypatch, listens=QUIZ)
    world.login_server = "https://headscale.example.com"
    assert funnel.NO_FUNNEL in funnel.plan(world, Params()).notes


def test_a_file_of_ones_own(monkeypatch, tmp_path) -> None:
    path = tmp_path / "serve.json"
    path.write_text(funnel.as_json(Params(port=8443)))
    plan = funnel.plan(Somewhere(monkeypatch, listens=QUIZ, given=True), Params(config=str(path)))
    assert words(plan) == ["tequila/serve_config"] * 2, "first with nobody let in from outside"
    assert ['443": true' in c.command or '8443": true' in c.command for c in plan] == [False, True]
    assert plan.changes[0].command.startswith("sed 's/${TS_CERT_DOMAIN}/t.x.ts.net/' <<'EOF' | sudo tail")
    path.write_text(funnel.as_json(Params(port=8443), public=False).replace("8443", "9443"))
    inside = funnel.plan(Somewhere(monkeypatch, listens=QUIZ), Params(config=str(path)))
    assert [c.why for c in inside] == [INSIDE], "what is for the tailnet only needs no consent"


@pytest.mark.parametrize(
    ("state", "wish", "said"),
    [
        ({"listens": {8096: "jellyfin"}}, {"quiz": False}, r"to: nothing listens on port 3000 of tequila \(there is 8096 \(jellyfin\)\)"),
        ({"listens": {}}, {"quiz": False}, "there is no port"),
        ({"listens": OTHER, "health": "<html>"}, {}, "taken by grafana that is not the quiz.*quiz = false"),
        ({"listens": QUIZ, "shown": serve.proxy(443, 8123)}, {}, "port 443 of tequila shows something already: https in the tailnet, to http://127.0.0.1:8123"),
        ({"listens": QUIZ, "api": False}, {"consent": "policy"}, "needs an admin API key.*home.yaml"),
    ],
)  # fmt: skip
def test_refused_before_anything_is_done(monkeypatch, state, wish, said) -> None:
    with pytest.raises(ParamsError, match=said) as caught:
        funnel.plan(Somewhere(monkeypatch, **state), Params(**wish))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"TCP": {', "serve.json:1:10: is not JSON"),
        (
            json.dumps(json.loads(funnel.as_json(Params())), indent=1).replace("3000", "3001"),
            r"serve.json:\d+: nothing listens on port 3001 \(on this machine there is 3000 \(the quiz\), 8096 \(jellyfin\)\)",
        ),
        (funnel.as_json(Params()).replace(":443", ":9999"), "Funnel does not take port 9999"),
    ],
)
def test_a_file_that_is_wrong(monkeypatch, tmp_path, text, said) -> None:
    path = tmp_path / "serve.json"
    path.write_text(text)
    with pytest.raises(ParamsError, match=said):
        funnel.plan(Somewhere(monkeypatch, listens={8096: "jellyfin"}), Params(config=str(path)))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"port": 9999}, "443, 8443, 10000 and no other.*nobody would ever come"),
        ({"port": 80}, "no other"),
        ({"to": 0}, "greater than or equal to 1"),
        ({"to": 70000}, "less than or equal to 65535"),
        ({"consent": "maybe"}, "'click' or 'policy'"),
        ({"config": "/nowhere/serve.json"}, "there is no file '/nowhere/serve.json'"),
        ({"visitors": 0}, "greater than or equal to 1"),
        ({"prot": 443}, "Extra inputs"),
    ],
)
def test_bad_parameters(wish, said) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**wish)


def test_withdraw_takes_out_what_the_page_wrote(monkeypatch) -> None:
    world = Somewhere(monkeypatch)
    assert funnel.withdraw(world).notes == (funnel.STAYS,)
    (given,) = funnel.by_policy(world, ("autogroup:member",))
    monkeypatch.setattr(policy, "read", lambda t, name="": given.after)
    (taken,) = funnel.withdraw(world)
    assert "funnel" not in taken.after.text
    assert "// mine" in taken.after.text
    world.tailnet = None
    assert not funnel.withdraw(world)


def test_where_nobody_looked_nothing_is_shown_as_seen(monkeypatch) -> None:
    """A home: no visitor, perhaps no phone, and the machine in no tailnet yet."""
    home = Somewhere(monkeypatch, roles=("attic",))
    monkeypatch.setattr(funnel, "status", lambda machine: {})
    assert isinstance(funnel_view.ways(home), Table)
    assert "Nobody has gone" in str(funnel_view.ways(home))
    assert str(funnel_view.code(home, Params())) == "There is no public page yet, and so no code for it."
    assert funnel.url(home, Params()) == "https://attic.your-tailnet.ts.net"


def test_a_code_is_of_a_page_that_is_there(monkeypatch) -> None:
    home = Somewhere(monkeypatch, roles=("attic",))
    monkeypatch.setattr(funnel, "status", lambda machine: {"Self": {"DNSName": "attic.x.ts.net."}})
    assert str(funnel_view.code(home, Params(port=8443))) == "A QR code of https://attic.x.ts.net:8443"
    home["attic"].pending.count = 2
    assert isinstance(funnel_view.code(home, Params()), Table)


def test_of_two_ways_the_one_that_somebody_went_is_drawn(monkeypatch) -> None:
    home = Somewhere(monkeypatch)
    leg = Leg("phone", "tequila", "direct", "WireGuard")
    monkeypatch.setattr(funnel_view.route, "legs", lambda world, start, end: [leg])
    drawn = funnel_view.ways(home)
    assert isinstance(drawn, Picture)
    assert "from the phone" in str(drawn)
    assert "from the internet" not in str(drawn)
    assert drawn.title == "A way to the quiz"
