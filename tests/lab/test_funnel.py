"""Funnel: consent, a page for the whole internet, its name in public DNS; many visitors at once."""

from __future__ import annotations

import json
import re
import time

import pytest
from conftest import Lab, wait_for

NAME = "tequila.snow-burbot.ts.net"
SERVER = "cd /srv && python3 -m http.server 3000 --bind 127.0.0.1 >/dev/null 2>&1 &"
MANY = """
import json, socket, ssl, sys, threading, time
name, visitors, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
context, address = ssl.create_default_context(), socket.gethostbyname(name)
times, failed = [], []
end = time.monotonic() + seconds
def visit():
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            with socket.create_connection((address, 443), 20) as raw, context.wrap_socket(raw, server_hostname=name) as s:
                s.sendall(f"GET /page HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n".encode())
                text = b"".join(iter(lambda: s.recv(65536), b""))
            if b"200 OK" not in text[:20] or not text.endswith(b"the page"):
                failed.append(text[:80].decode(errors="replace"))
        except OSError as error:
            failed.append(repr(error))
        times.append(time.monotonic() - start)
threads = [threading.Thread(target=visit) for _ in range(visitors)]
[t.start() for t in threads]; [t.join() for t in threads]
times.sort()
print(json.dumps({"visits": len(times), "failed": failed[:5], "p50": times[len(times) // 2], "max": times[-1]}))
"""


@pytest.fixture(scope="module", autouse=True)
def public(own: Lab) -> None:
    """The talk's way: the command prints an address, the person presses the button there."""
    own.says("tequila", "sh", "-c", f"mkdir -p /srv && printf 'the page' > /srv/page && {SERVER}")
    assert own.run("visitor", "getent", "hosts", NAME).returncode == 2, "known before it is shown"
    command = own.background("tequila", "tailscale", "funnel", "--bg", "3000")
    url = str(wait_for("the address", lambda: re.search(r"https://login\S+", command.said()))[0])
    assert "/f/funnel?node=" in url
    code, page = own.curl("visitor", url)
    assert code == 200
    assert f"<b>{NAME}</b>" in page
    assert own.curl("visitor", "-d", "enable=on", url)[0] == 200
    rc, said = command.end()
    assert rc == 0, said
    assert "Success." in said
    assert "Available on the internet" in said
    first(own)


def first(own: Lab) -> None:
    url = f"https://{NAME}/page"
    wait_for("the page", lambda: own.run("visitor", "curl", "-sS", "-m", "5", url).stdout == "the page")


def test_the_policy_says_so(own: Lab) -> None:
    text = own.says(
        "visitor", "curl", "-sSu", "tskey-api-lab:", "https://api.tailscale.com/api/v2/tailnet/-/acl"
    )
    assert re.search(r'"attr":\s*\["funnel"\]', text)
    assert "// Who may reach what." in text, "the comments are lost"


def test_the_front_end_is_nobodys(own: Lab) -> None:
    assert own.says("visitor", "getent", "hosts", NAME).split()[0] == "203.0.113.80"
    devices = own.api("GET", "tailnet/-/devices")[1]["devices"]
    assert "funnel-ingress-node" not in json.dumps(devices)
    assert "funnel-ingress-node" not in own.curl("visitor", "https://login.tailscale.com/admin/machines")[1]
    assert "funnel-ingress-node" in own.says("tequila", "tailscale", "status")
    assert "funnel-ingress-node" not in own.says("phone", "tailscale", "status")
    assert own.run("relay", "curl", "-sS", "-m", "2", f"http://{own.tailnet_ip('tequila')}:22").returncode


def test_nothing_to_read_on_the_way(own: Lab) -> None:
    time.sleep(0.2)  # the front end keeps at most one visit a tenth of a second
    own.says("visitor", "curl", "-sS", f"https://{NAME}/page")

    def kept() -> str:
        return own.run("relay", "cat", "/var/lib/relay/there.bytes", "/var/lib/relay/back.bytes").stdout

    seen = wait_for("what the front end saw", lambda: NAME in kept() and kept())
    assert "the page" not in seen
    assert "GET /" not in seen
    key = "openssl x509 -noout -pubkey | openssl sha256"
    shown = own.says(
        "visitor", "sh", "-c", f"openssl s_client -connect {NAME}:443 -servername {NAME} </dev/null | {key}"
    )
    assert shown == own.says("tequila", "sh", "-c", f"cat /var/lib/tailscale/certs/{NAME}.crt | {key}")


@pytest.mark.parametrize(
    "seconds", [pytest.param(2, id="short"), pytest.param(20, id="long", marks=pytest.mark.nightly)]
)
def test_fifty_visitors(own: Lab, seconds: int) -> None:
    told = json.loads(own.says("visitor", "python3", "-c", MANY, NAME, "50", str(seconds)))
    print(told)
    assert not told["failed"], told
    assert told["visits"] > 50


def test_another_port(own: Lab) -> None:
    own.says("tequila", "tailscale", "funnel", "--bg", "--https=8443", "3000")
    assert own.says("visitor", "curl", "-sS", "-m", "10", f"https://{NAME}:8443/page") == "the page"
    own.says("tequila", "tailscale", "funnel", "--https=8443", "off")


def test_off_and_on(own: Lab) -> None:
    own.says("tequila", "tailscale", "funnel", "--https=443", "off")
    url = f"https://{NAME}/page"
    wait_for("the name to go", lambda: own.run("visitor", "curl", "-sS", url).returncode == 6)
    there = f"{NAME}:443:203.0.113.80"
    assert own.run("visitor", "curl", "-sS", "-m", "5", "--resolve", there, url).returncode == 35
    own.says("tequila", "tailscale", "funnel", "--bg", "3000")
    first(own)


def test_without_the_permission_what_is_public_is_so_no_longer(own: Lab) -> None:
    url, there = f"https://{NAME}/page", f"{NAME}:443:203.0.113.80"
    own.policy()
    wait_for("the name to go", lambda: own.run("visitor", "curl", "-sS", url).returncode == 6)
    refused = (
        "curl",
        "-sS",
        "-m",
        "5",
        "--resolve",
        there,
        url,
    )  # the front end hears of it after public DNS
    wait_for("the front end to refuse", lambda: own.run("visitor", *refused).returncode == 35)
    own.policy(nodeAttrs=[{"target": ["autogroup:member"], "attr": ["funnel"]}])
    first(own)


def test_dns_answers_while_the_cloud_is_away(own: Lab) -> None:
    own.ask("stop", machine="cloud", name="cloud", signal=9)
    assert own.says("visitor", "getent", "hosts", NAME).split()[0] == "203.0.113.80"
    assert own.says("visitor", "curl", "-sS", "-m", "5", f"https://{NAME}/page") == "the page"
    own.ask("start", machine="cloud", name="cloud")
    first(own)
