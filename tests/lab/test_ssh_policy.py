"""Who may open a shell where, and as whom: the real client, the policy's ssh section, the pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import Lab, Running, wait_for

ALICE = "alice@example.com"
OWN: dict[str, Any] = {"src": ["autogroup:member"], "dst": ["autogroup:self"]}


@pytest.fixture(scope="module", autouse=True)
def server(own: Lab) -> None:
    rules(own, {"action": "accept", **OWN, "users": ["root"]})
    own.says("tequila", "useradd", "-m", "-s", "/bin/bash", "deploy")
    own.says("tequila", "tailscale", "set", "--ssh")


def rules(own: Lab, *ssh: dict[str, Any]) -> None:
    """Put them in force; a variable's name that only this policy has tells when the server knows."""
    mark = f"MARK_{abs(hash(str(ssh)))}"
    own.policy(ssh=[*ssh, {"action": "accept", **OWN, "users": ["nobody"], "acceptEnv": [mark]}])
    netmap = ("tailscale", "debug", "netmap")
    wait_for("the server to know the rules", lambda: mark in own.says("tequila", *netmap))


def page_of(shell: Running) -> str:
    return str(wait_for("the page's address", lambda: re.search(r"https://login\S+", shell.said()))[0])


def shell(own: Lab, user: str, command: str = "id -un") -> Running:
    return own.background("phone", "tailscale", "ssh", f"{user}@tequila", command)


def test_accepted_and_denied(own: Lab) -> None:
    rules(own, {"action": "accept", **OWN, "users": ["root"]})
    assert own.says("phone", "tailscale", "ssh", "root@tequila", "hostname; id -un") == "tequila\nroot"
    refused = own.run("phone", "tailscale", "ssh", "deploy@tequila", "id")
    assert refused.returncode == 255
    assert 'policy does not permit you to SSH as user "deploy"' in refused.stderr
    rules(own, {"action": "accept", **OWN, "users": ["autogroup:nonroot"]})
    assert own.says("phone", "tailscale", "ssh", "deploy@tequila", "id -un") == "deploy"
    assert own.run("phone", "tailscale", "ssh", "root@tequila", "id").returncode == 255


def test_somebody_else(own: Lab) -> None:
    rules(
        own, {"action": "accept", "src": ["bob@example.com"], "dst": ["bob@example.com"], "users": ["root"]}
    )
    refused = own.run("phone", "tailscale", "ssh", "root@tequila", "id")
    assert refused.returncode == 255
    assert "does not permit you to SSH" in refused.stderr


def test_variables(own: Lab) -> None:
    rules(own, {"action": "accept", **OWN, "users": ["root"], "acceptEnv": ["GIT_*"]})
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    set_env = ["-o", "SetEnv=GIT_EDITOR=vi OTHER=x"]
    said = own.says("phone", "ssh", *options, *set_env, "root@tequila", "echo [$GIT_EDITOR] [$OTHER]")
    assert said == "[vi] []"


def test_a_check_is_passed_once(own: Lab) -> None:
    rules(own, {"action": "check", **OWN, "users": ["root"], "checkPeriod": "1h"})
    first = shell(own, "root")
    page = page_of(first)
    code, text = own.curl("visitor", page)
    assert code == 200
    assert "Verify your identity" in text
    code, text = own.curl("visitor", "--data-urlencode", "login=bob@example.com", page)
    assert code == 400
    assert "the device belongs to alice@example.com" in text
    assert own.curl("visitor", "--data-urlencode", f"login={ALICE}", page)[0] == 200
    rc, said = first.end()
    assert rc == 0
    assert said.endswith("root\n")
    rc, said = shell(own, "root").end()
    assert (rc, said) == (0, "root\n"), "within the period there is no page"


def test_a_check_always(own: Lab) -> None:
    rules(own, {"action": "check", **OWN, "users": ["root"], "checkPeriod": "always"})
    for _ in range(2):
        opened = shell(own, "root")
        assert own.curl("visitor", "--data-urlencode", f"login={ALICE}", page_of(opened))[0] == 200
        rc, said = opened.end()
        assert rc == 0
        assert said.endswith("root\n")


def test_a_check_is_refused(own: Lab) -> None:
    rules(own, {"action": "check", **OWN, "users": ["root"], "checkPeriod": "always"})
    opened = shell(own, "root")
    assert own.curl("visitor", "-d", "deny=1", page_of(opened))[0] == 200
    rc, said = opened.end()
    assert rc == 255
    assert "check refused" in said


def test_a_policy_that_fails_its_own_ssh_tests_is_refused(own: Lab) -> None:
    policy = {
        "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],
        "ssh": [{"action": "accept", **OWN, "users": ["root"]}],
        "sshTests": [{"src": ALICE, "dst": ["autogroup:self"], "deny": ["root"]}],
    }
    code, answer = own.api("POST", "tailnet/-/acl", policy)
    assert (code, answer["message"]) == (400, "test(s) failed")
    assert "want: Deny, got: Accept" in answer["data"][0]["errors"][0]
