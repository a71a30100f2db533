"""How a home's machine is reached, as its params file says it."""

from __future__ import annotations

import pytest

from homelab.ssh.address import Address, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("local", Address("local")),
        ("ssh://tequila", Address("ssh", "tequila")),
        ("ssh://me@tequila.lan:2222", Address("ssh", "tequila.lan", "me", 2222)),
        ("ssh://me@[fd7a::1]:22", Address("ssh", "fd7a::1", "me", 22)),
        ("tailscale://root@demoserver", Address("tailscale", "demoserver", "root")),
    ],
)
def test_what_there_is(text: str, wanted: Address) -> None:
    assert parse(text) == wanted
    assert str(wanted) == text


@pytest.mark.parametrize(
    "text",
    ["", "tequila", "ssh://", "ssh://-oProxyCommand=x", "ssh://-x@host", "ssh://host:70000", "ssh://a b", "ssh://h\n", "http://h", "ssh://me:pass@host", "ssh://host/path"],
)  # fmt: skip
def test_what_there_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="ssh://user@host"):
        parse(text)
