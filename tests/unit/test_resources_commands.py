"""What is shown for a transition: (before, after) in, the command out. The lab's tests prove that it is what is done."""

from __future__ import annotations

import pytest

from homelab.errors import HomelabError
from homelab.machine import shown
from homelab.params import TAILSCALE
from homelab.resources import auth_key, client, device, dns, login, policy, prefs, sidecar

HEAD = "https://headscale.lab"
OUT = login.State("NeedsLogin")
IN = login.State("Running", "phone", address="100.64.0.9")


@pytest.mark.parametrize(
    ("before", "after", "command"),
    [
        (OUT, login.wanted("demoserver"), "sudo tailscale up --hostname=demoserver"),
        (
            OUT,
            login.wanted("d", ("tag:a", "tag:b")),
            "sudo tailscale up --hostname=d --advertise-tags=tag:a,tag:b",
        ),
        (
            OUT,
            login.wanted("d", login_server=HEAD),
            "sudo tailscale up --login-server=https://headscale.lab --hostname=d",
        ),
        (
            OUT,
            login.wanted("d", key="env:KEY"),
            "sudo tailscale up --hostname=d --auth-key=file:/run/homelab-auth-key",
        ),
        (OUT, login.wanted("d", again=True), "sudo tailscale up --hostname=d --force-reauth"),
        (
            login.State("NeedsLogin", flags=("--accept-routes",)),
            login.wanted("phone", again=True),
            "sudo tailscale up --hostname=phone --accept-routes --force-reauth",
        ),
        (IN, login.wanted("handy"), "sudo tailscale set --hostname=handy"),
        (
            IN,
            login.wanted("phone", login_server=HEAD, again=True),
            "sudo tailscale up --login-server=https://headscale.lab --hostname=phone --force-reauth",
        ),
        (
            login.State("Running", "phone", login_server=HEAD, address="100.64.0.9"),
            IN,
            f"sudo tailscale up --login-server={TAILSCALE} --hostname=phone --force-reauth",
        ),
        (login.State("Stopped", "phone"), login.wanted("phone"), "sudo tailscale up"),
        (IN, login.State("Stopped", "phone"), "sudo tailscale down"),
        (IN, OUT, "sudo tailscale logout"),
    ],
)
def test_login(before, after, command) -> None:
    assert shown(login.command(before, after)) == command


def test_an_auth_key_is_no_part_of_what_is_shown_or_compared() -> None:
    with_key = login.wanted("d", key="file:/somewhere/private")
    assert with_key == login.wanted("d")
    assert "private" not in shown(login.command(OUT, with_key))


@pytest.mark.parametrize(
    ("after", "command"),
    [
        (prefs.State(ssh=True), "sudo tailscale set --ssh"),
        (prefs.State(accept_dns=False), "sudo tailscale set --accept-dns=false"),
        (prefs.State(snat_subnet_routes=False), "sudo tailscale set --snat-subnet-routes=false"),
        (
            prefs.State(advertise_routes=("10.20.0.0/24", "10.21.0.0/24")),
            "sudo tailscale set --advertise-routes=10.20.0.0/24,10.21.0.0/24",
        ),
        (prefs.State(exit_node="tequila"), "sudo tailscale set --exit-node=tequila"),
        (
            prefs.State(accept_routes=True, shields_up=True),
            "sudo tailscale set --accept-routes --shields-up",
        ),
    ],
)
def test_prefs_and_back(after, command) -> None:
    assert shown(prefs.command(prefs.State(), after)) == command
    back = shown(prefs.command(after, prefs.State()))
    assert back.startswith("sudo tailscale set --")
    on = ("--accept-dns", "--snat-subnet-routes")  # what is on from the start
    assert all(word.endswith(("=false", "=")) or word in on for word in back.split()[3:])


@pytest.mark.parametrize(
    ("way", "lines"),
    [
        ("script", ["curl -fsSL https://tailscale.com/install.sh | sh"]),
        (
            "apt",
            [
                "curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.noarmor.gpg | sudo tee /usr/share/keyrings/tailscale-archive-keyring.gpg >/dev/null",
                "curl -fsSL https://pkgs.tailscale.com/stable/ubuntu/noble.tailscale-keyring.list | sudo tee /etc/apt/sources.list.d/tailscale.list",
                "sudo apt-get update",
                "sudo apt-get install tailscale -y",
            ],
        ),
    ],
)
def test_the_client_is_installed_as_the_talk_types_it(way, lines) -> None:
    command = client.command(client.State(False), client.State(True, way))
    assert shown(command).splitlines() == lines
    assert client.State(True, "apt") == client.State(True, "script")
    assert "remove tailscale" in shown(client.command(client.State(True), client.State(False)))


API = 'curl -fsS -u "$TS_API_KEY:" -X'
BASE = "https://api.tailscale.com/api/v2"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (
            dns.State(False, False),
            dns.State(True, True),
            [
                f"{API} POST -d '{{\"magicDNS\": true}}' {BASE}/tailnet/-/dns/preferences &&",
                f"{API} PATCH -d '{{\"httpsEnabled\": true}}' {BASE}/tailnet/-/settings",
            ],
        ),
        (
            dns.State(True, False),
            dns.State(True, False, ("203.0.113.53",)),
            [f'{API} POST -d \'{{"dns": ["203.0.113.53"]}}\' {BASE}/tailnet/-/dns/nameservers'],
        ),
        (
            dns.State(True, False, split=("vpc.internal=10.20.0.50",)),
            dns.State(True, False),
            [f"{API} PUT -d '{{}}' {BASE}/tailnet/-/dns/split-dns"],
        ),
    ],
)
def test_dns(before, after, lines) -> None:
    assert shown(dns.command(before, after)).splitlines() == lines


def test_policy_is_sent_only_if_nobody_changed_it() -> None:
    before, after = policy.State("{}\n", '"abc"'), policy.State('{\n  "hosts": {},\n}\n')
    assert "-H 'If-Match: \"abc\"'" in shown(policy.command(before, after))
    assert policy.difference(before, after).splitlines()[-4:] == ["-{}", "+{", '+  "hosts": {},', "+}"]


KEY = auth_key.State(True, "homelab container", ("tag:container",), ephemeral=True, file="/private/key")


def test_auth_key() -> None:
    none = auth_key.State(False, "homelab container")
    made = shown(auth_key.command(none, KEY))
    assert made.startswith(f"umask 077; {API} POST")
    assert '"tags": ["tag:container"]' in made
    assert made.endswith(f"{BASE}/tailnet/-/keys | jq -r .key > auth-key")
    assert "/private" not in made
    there = auth_key.State(True, "homelab container", id="k1CNTRL")
    assert shown(auth_key.command(there, none)) == f"{API} DELETE {BASE}/tailnet/-/keys/k1CNTRL"


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        (device.State(True, True), [f"{API} POST {BASE}/device/n1/expire"]),
        (
            device.State(True, ever=True, tags=("tag:a",)),
            [
                f"{API} POST -d '{{\"keyExpiryDisabled\": true}}' {BASE}/device/n1/key &&",
                f'{API} POST -d \'{{"tags": ["tag:a"]}}\' {BASE}/device/n1/tags',
            ],
        ),
        (device.State(False), [f"{API} DELETE {BASE}/device/n1"]),
    ],
)
def test_device(after, lines) -> None:
    assert shown(device.command(device.State(True, id="n1"), after)).splitlines() == lines


def test_only_the_device_renews_its_key() -> None:
    over, fine = device.State(True, True, id="n1"), device.State(True, id="n1")
    assert shown(device.command(over, fine)) == "sudo tailscale up --force-reauth"
    with pytest.raises(HomelabError, match="only a login"):
        device.do(None, over, fine)


def test_sidecar_and_back() -> None:
    none, there = (
        sidecar.State("absent", "quiz"),
        sidecar.State("Running", "quiz", ("tag:container",), key="file:/k"),
    )
    up = shown(sidecar.command(none, there))
    assert "tailscaled --tun=userspace-networking" in up
    assert up.endswith("up --hostname=quiz --auth-key=file:/var/lib/tailscale-quiz/auth-key")
    down = shown(sidecar.command(there, none))
    assert down.index("logout") < down.index("kill") < down.index("rm -rf /var/lib/tailscale-quiz")
