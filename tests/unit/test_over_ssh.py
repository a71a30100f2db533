"""Whoever has no browser here gets the address, and over SSH the command that leads to it."""

from __future__ import annotations

import pytest

from homelab.runner.over_ssh import has_browser, way_in


@pytest.mark.parametrize(
    ("environment", "seen"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WSL_DISTRO_NAME": "Ubuntu"}, True),
        ({"DISPLAY": ""}, False),
        ({}, False),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "10.0.0.2 51515 10.0.0.9 22"}, False),
    ],
)
def test_a_browser_is_opened_only_where_it_is_seen(environment, seen) -> None:
    assert has_browser(environment) is seen


def test_the_command_names_this_machine_as_one_came_to_it() -> None:
    said = way_in({"SSH_CONNECTION": "10.0.0.2 51515 10.0.0.9 22"}, "alice", 8889)
    assert "\n  ssh -N -L 8889:127.0.0.1:8889 alice@10.0.0.9\n" in said
    said = way_in({"SSH_CONNECTION": "::1 51515 2001:db8::9 2222"}, "alice", 8888)
    assert "\n  ssh -N -L 8888:127.0.0.1:8888 -p 2222 alice@2001:db8::9\n" in said
    assert "ssh" not in way_in({}, "alice", 8888)
