"""The whole lab as an ordinary user, and what such a user is told where it cannot be."""

from __future__ import annotations

import json

import pytest
import rider
from host import snapshot

WHOLE = """
set -e
lab="$PY -m homelab.lab"
$lab up --enrolled
$lab status --json >/tmp/rider-status.$$ && cat /tmp/rider-status.$$ && rm /tmp/rider-status.$$
echo; echo ---
$lab exec tequila -- id -u
$lab exec phone -- sh -c 'tailscale ping --c=20 tequila | tail -1'
$lab exec phone -- sh -c 'getent hosts tequila >/dev/null && curl -sS https://whatismyip.lab'
$lab exec fooocus -- sh -c 'useradd -m mia && touch /usr/local/bin/x /etc/x /var/lib/x && sudo -u mia id -un'
$lab exec visitor -- sh -c 'curl -fsSL https://tailscale.com/install.sh 2>/dev/null | sh >/dev/null 2>&1; tailscale version | head -1'
$lab link phone --delay 20 >/dev/null
$lab exec phone -- sh -c 'ping -c2 -i0.1 -q 203.0.113.50 | grep -o "min/avg.* = [0-9]*"'
$lab exec tequila -- sh -c 'ls -A /home /root'
$lab exec tequila -- sh -c 'echo 1 >/proc/sys/kernel/sysrq || echo refused' 2>/dev/null
$lab down
ls -A ~/.local/state/homelab-runbook
"""


@pytest.mark.parametrize(
    "cover", ["", "/usr/lib/tmpfiles.d"], ids=["plain", "with mounts below /usr, as WSL has"]
)
def test_the_whole_lab_as_an_ordinary_user(cover: str) -> None:
    before = snapshot()
    done = rider.run(WHOLE, cover=cover)
    assert done.returncode == 0, done
    head, _, said = done.stdout.partition("\n---\n")
    status = json.loads(head[head.index("{") :])
    assert status["tier"] == "rootless"
    running = {n for n, m in status["machines"].items() if m["tailscale"] == "Running"}
    assert running - {"relay"} == {"tequila", "phone", "router", "router2", "demoserver", "fooocus"}
    uid, path, address, mia, version, slow, *rest = said.splitlines()
    assert uid == "0"
    assert "via 203.0.113.10:" in path
    assert (address, mia, version) == ("203.0.113.20", "mia", "1.102.5")
    assert 40 <= int(slow.split()[-1]) < 80
    assert rest[:4] == ["/home:", "", "/root:", ".bashrc"]
    assert "refused" in rest
    assert "the lab is down" in rest[-1]
    assert snapshot() == before


@pytest.mark.parametrize(
    ("lacking", "said", "hint"),
    [
        (
            "newuidmap",
            "newuidmap missing: without root the lab needs more than one user id",
            "sudo apt install uidmap",
        ),
        ("subuid", "/etc/subuid: rider has no range of ids", "sudo usermod --add-subuids"),
        ("tun", "/dev/net/tun cannot be used", "chmod 666 /dev/net/tun"),
        ("userns", "user namespaces are switched off", "sudo sysctl -w user.max_user_namespaces=15000"),
    ],
)
def test_what_is_lacking_is_named_with_its_remedy(lacking: str, said: str, hint: str) -> None:
    script = "$PY -m homelab.lab up; echo $?; ls -A ~/.local 2>/dev/null"
    done = rider.run(script, lacking=lacking)
    assert done.stdout == "3\n", done
    assert said in done.stderr
    assert f"Hint: {hint}" in done.stderr or hint in done.stderr.splitlines()[-1]
