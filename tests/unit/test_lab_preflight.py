"""A machine that cannot hold a lab is told what is missing and what to do."""

from __future__ import annotations

import pytest

from homelab.errors import PrerequisiteMissing, Problem
from homelab.lab import preflight


@pytest.mark.parametrize(
    ("settings", "said", "what", "hint"),
    [
        (
            {"user/max_user_namespaces": "0"},
            "unshare failed",
            "switched off",
            "sysctl -w user.max_user_namespaces",
        ),
        ({}, "unshare: unshare failed: No space left on device", "switched off", "user.max_user_namespaces"),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "unshare: write failed /proc/self/uid_map: Operation not permitted",
            "AppArmor lets no ordinary program",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            {"kernel/unprivileged_userns_clone": "0"},
            "not permitted",
            "for root",
            "unprivileged_userns_clone=1",
        ),
        ({}, "something else", "cannot be made: something else", "sudo ./runbook"),
    ],
)
def test_why_user_namespaces_are_forbidden(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str, what: str, hint: str
) -> None:
    monkeypatch.setattr(preflight, "_setting", lambda name: settings.get(name, ""))
    problem = preflight._forbidden("rootless", said)
    assert what in problem.what
    assert hint in problem.hint


def test_root_in_a_container_is_told() -> None:
    assert "--privileged" in preflight._forbidden("root", "unshare: Operation not permitted").hint


@pytest.mark.parametrize("name", sorted(preflight.MEANING))
def test_every_primitive_has_a_remedy(name: str) -> None:
    what, hint = preflight.MEANING[name]
    assert what
    assert hint
    assert preflight._explain(name, "no").what == f"{what}: no"


def test_rules_that_fail_in_a_machine_are_not_blamed_on_its_root() -> None:
    assert "NAT rules" in preflight._explain("overlay", "iptables: Operation not supported").what


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(PrerequisiteMissing) as caught:
        preflight.require(
            [Problem("preflight", "no tun", "load it"), Problem("preflight", "no veth", "that too")]
        )
    assert str(caught.value) == (
        "no lab can be built here: no tun; no veth (remedy: that too)\nHint: load it"
    )
    preflight.require([])
