"""The quiz as a player meets it."""

from __future__ import annotations

from typing import Any

from homelab import web
from homelab.check import Answer, check
from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.resources.tailscale_status import owner, status


@check
def takes_an_answer(machine: Machine, url: str, name: str = "phone") -> Answer:
    """Can one join, answer the first question, and is told whether it was right, and why?"""
    session = web.session(machine)
    question = _json(session.get(f"{url}/api/questions"))["questions"][0]
    player = _json(session.post(f"{url}/api/join", json={"name": name}))["player"]
    given = {"question": question["key"], "choice": 0}
    if not str(player).startswith("login:"):
        given["player"] = player
    said = _json(session.post(f"{url}/api/answer", json=given))
    word = "right" if said["right"] else f"not right: {said['answer']}"
    evidence = f"“{question['text']}” {question['answers'][0]}: {word}"
    return Answer("takes an answer", machine.name, "ok" if said.get("why") else "fail", evidence)


@check
def knows_who_asks(machine: Machine, url: str, login: str | None = None) -> Answer:
    """Does serve tell the quiz who asks? `login` is the person's, or empty for somebody unknown; None: whose device it is."""
    login = owner(status(machine)) if login is None else login
    found = _json(web.session(machine).get(f"{url}/api/whoami"))
    seen = str(found["login"])
    evidence = f"{found['name']} ({seen})" if seen else "nobody that the tailnet knows"
    return Answer("knows who asks", machine.name, "ok" if seen == login else "fail", evidence)


@check
def believes_nobody(
    machine: Machine, url: str, login: str | None = None, pretended: str = "mallory@example.com"
) -> Answer:
    """If a visitor writes into his request that he is `pretended`, does the quiz still see `login`?

    `login` is who really asks, or empty for somebody whom the tailnet does not know; None: whose device it is.
    """
    login = owner(status(machine)) if login is None else login
    forged = {"Tailscale-User-Login": pretended, "Tailscale-User-Name": "Mallory"}
    found = _json(web.session(machine).get(f"{url}/api/whoami", headers=forged))
    seen = str(found["login"])
    evidence = f"sent as {pretended}, seen as {seen or 'nobody'}"
    return Answer("a forged name is taken out", machine.name, "ok" if seen == login else "fail", evidence)


def _json(got: Any) -> Any:
    if got.status_code != 200:
        raise HomelabError(f"{got.status_code} {got.text[:120]}", got.url, "docker compose logs quiz")
    return got.json()
