"""Two tailnets: one device shared across the border, and what its guest reaches."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import Lab, wait_for

BOB = "bob@example.com"
BOBS = "fooocus"  # a machine that Bob has in a tailnet of his own
WEB = "python3 -m http.server {} --bind 0.0.0.0 -d /srv >/dev/null 2>&1 &"


@pytest.fixture(scope="module", autouse=True)
def bob(own: Lab) -> str:
    """Bob's tailnet's name."""
    own.says(BOBS, "tailscale", "logout")
    command = own.background(BOBS, "tailscale", "up", "--hostname=laptop", "--force-reauth")
    url = str(wait_for("the address", lambda: re.search(r"https://login\S+", command.said()))[0])
    assert own.curl("visitor", "-d", f"login={BOB}", "-d", "tailnet=own", url)[0] == 200
    rc, said = command.end()
    assert rc == 0, said
    for machine in ("tequila", BOBS):
        own.says(machine, "sh", "-c", f"mkdir -p /srv && hostname > /srv/name && {WEB.format(8096)}")
    own.says("tequila", "sh", "-c", WEB.format(22080))
    return str(json.loads(own.says(BOBS, "tailscale", "status", "--json"))["MagicDNSSuffix"])


def peers(own: Lab, machine: str) -> dict[str, Any]:
    document = json.loads(own.says(machine, "tailscale", "status", "--json"))
    return {p["DNSName"].rstrip("."): p for p in (document["Peer"] or {}).values()}


def device(own: Lab, name: str) -> dict[str, Any]:
    devices = own.api("GET", "tailnet/-/devices")[1]["devices"]
    return dict(next(d for d in devices if d["hostname"] == name))


def fetches(own: Lab, machine: str, url: str) -> bool:
    return own.run(machine, "curl", "-sS", "-m", "2", url).returncode == 0


def test_two_tailnets_do_not_see_each_other(own: Lab, bob: str) -> None:
    assert bob.endswith(".ts.net")
    assert bob != "snow-burbot.ts.net"
    assert peers(own, BOBS) == {}
    assert all(name.endswith(".snow-burbot.ts.net") for name in peers(own, "phone"))
    assert not fetches(own, BOBS, f"http://{own.tailnet_ip('tequila')}:8096/name")
    names = [d["name"] for d in own.api("GET", "tailnet/-/devices")[1]["devices"]]
    assert f"laptop.{bob}" not in names
    page = own.curl("visitor", f"https://login.tailscale.com/admin/machines?as={BOB}")[1]
    assert "laptop" in page
    assert "tequila" not in page


def test_a_shared_device(own: Lab, bob: str) -> None:
    grants = [
        {"src": ["autogroup:member"], "dst": ["*"], "ip": ["*"]},
        {"src": ["autogroup:shared"], "dst": ["alice@example.com"], "ip": ["tcp:8096"]},
    ]
    own.policy(grants=grants)
    tequila = device(own, "tequila")
    code, made = own.api("POST", f"device/{tequila['nodeId']}/device-invites", [{"multiUse": False}])
    assert code == 200, made
    code, page = own.curl("visitor", made[0]["inviteUrl"])
    assert code == 200
    assert "tequila.snow-burbot.ts.net" in page
    assert own.curl("visitor", "-d", f"login={BOB}", made[0]["inviteUrl"])[0] == 200
    name = "tequila.snow-burbot.ts.net"
    wait_for("Bob to see it", lambda: set(peers(own, BOBS)) == {name})
    reach = f"http://{name}:8096/name"
    assert wait_for("its page", lambda: own.run(BOBS, "curl", "-sS", "-m", "2", reach).stdout) == "tequila\n"
    assert not fetches(own, BOBS, f"http://{name}:22080/name"), "the policy opens one port"
    assert not fetches(own, BOBS, f"http://{own.tailnet_ip('phone')}:8096/")
    assert own.api("GET", f"device-invites/{made[0]['id']}")[1]["acceptedBy"]["loginName"] == BOB
    assert own.curl("visitor", "-d", "login=eve@example.com", made[0]["inviteUrl"])[0] == 400, "used up"


def test_it_reaches_nothing_of_its_guest(own: Lab, bob: str) -> None:
    wait_for("tequila to know its guest", lambda: f"laptop.{bob}" in peers(own, "tequila"))
    assert not fetches(own, "tequila", f"http://{own.tailnet_ip(BOBS)}:8096/name")
    assert f"laptop.{bob}" not in peers(own, "phone")


def test_bobs_own_token_and_the_end(own: Lab, bob: str) -> None:
    keys = f"https://login.tailscale.com/admin/settings/keys?as={BOB}"
    made = re.search(r"<code>(tskey-api-\S+)</code>", own.curl("visitor", "-d", "kind=api", keys)[1])
    assert made
    devices = own.api("GET", "tailnet/-/devices", token=made[1])[1]["devices"]
    assert {d["name"]: d["isExternal"] for d in devices} == {
        f"laptop.{bob}": False,
        "tequila.snow-burbot.ts.net": True,
    }
    form = ["-d", f"device={device(own, 'tequila')['nodeId']}", "-d", "action=unshare"]
    assert own.curl("visitor", *form, "https://login.tailscale.com/admin/machines")[0] == 200
    wait_for("Bob to see nobody", lambda: peers(own, BOBS) == {})
    wait_for("tequila to have no guest", lambda: f"laptop.{bob}" not in peers(own, "tequila"))
