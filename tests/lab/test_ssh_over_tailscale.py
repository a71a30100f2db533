"""A home's machine by ``tailscale://``: our own ssh, through the phone's tailscaled, to a node's Tailscale SSH."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CHECKOUT, Lab, wait_for

from homelab import web
from homelab.errors import NoAnswer, SshError
from homelab.machine import Pending
from homelab.person import Reader
from homelab.ssh import folder
from homelab.ssh.address import parse
from homelab.ssh.machine import SshMachine

OWN: dict[str, Any] = {"src": ["autogroup:member"], "dst": ["autogroup:self"]}


@pytest.fixture(autouse=True)
def here(own: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine has no tailscale: its `tailscale` is the phone's."""
    program = tmp_path / "tailscale"
    program.write_text(
        f'#!/bin/sh\ncd {CHECKOUT}; HOMELAB_LAB={own.socket} exec {sys.executable} -m homelab.lab exec phone -- tailscale "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    rules(own, {"action": "accept", **OWN, "users": ["root"]})
    own.says("tequila", "tailscale", "set", "--ssh")
    wait_for(
        "its host keys to be known",
        lambda: "sshHostKeys" in own.says("phone", "tailscale", "status", "--json"),
    )
    yield
    folder.close()


def rules(own: Lab, *ssh: dict[str, Any]) -> None:
    mark = f"MARK_{abs(hash(str(ssh)))}"
    own.policy(ssh=[*ssh, {"action": "accept", **OWN, "users": ["nobody"], "acceptEnv": [mark]}])
    wait_for(
        "the server to know the rules", lambda: mark in own.says("tequila", "tailscale", "debug", "netmap")
    )


def test_commands_files_and_pages(own: Lab) -> None:
    machine = SshMachine("tequila", parse("tailscale://root@tequila"), Reader(), Pending())
    done = machine.run(["sh", "-c", "hostname; cat; echo err >&2; exit 3"], stdin="fed\n")
    assert (done.rc, done.out, done.err) == (3, "tequila\nfed\n", "err\n")
    machine.write_text("/root/note", "text\n")
    assert machine.read_text("/root/note") == "text\n"
    with pytest.raises(NoAnswer, match="refused"):
        web.dial(machine, "127.0.0.1", 1)
    machine.close()


def test_who_is_not_let_in(own: Lab) -> None:
    with pytest.raises(SshError) as caught:
        SshMachine("tequila", parse("tailscale://deploy@tequila"), Reader(), Pending()).run(["true"])
    assert caught.value.kind == "denied"
    assert "08_audited_ssh" in caught.value.hint


def test_a_node_that_is_not_there_and_one_without_tailscale_ssh(own: Lab) -> None:
    with pytest.raises(SshError, match="no node tequilla") as caught:
        SshMachine("tequila", parse("tailscale://root@tequilla"), Reader(), Pending()).run(["true"])
    assert caught.value.hint == "did you mean 'tequila'?"
    with pytest.raises(SshError, match="runs no Tailscale SSH"):
        SshMachine("x", parse("tailscale://root@phone"), Reader(), Pending()).run(["true"])


def test_a_page_to_look_at_first_is_shown(own: Lab) -> None:
    rules(own, {"action": "check", **OWN, "users": ["root"], "checkPeriod": "always"})
    told: list[str] = []

    def look(text: str) -> None:
        told.append(text)
        url = next(word for word in text.split() if word.startswith("https://"))
        own.curl("visitor", "--data-urlencode", "login=alice@example.com", url)

    machine = SshMachine("tequila", parse("tailscale://root@tequila"), Reader(tell=look), Pending())
    assert machine.run(["id", "-un"]).out == "root\n"
    assert len(told) == 1
    machine.close()
