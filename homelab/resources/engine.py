"""Docker on a machine: installed, running, and whether the user may talk to it.

Source: https://docs.docker.com/engine/install/ubuntu/ (and /debian/), and its page on what to do after the
installation: the group ``docker``. The talk installs it inside WSL, where a distribution may run without systemd.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.engine import HAS_ENGINE, forget
from homelab.errors import CommandFailed
from homelab.machine import Machine
from homelab.own_process import question
from homelab.ssh.machine import SshMachine
from homelab.wait import until

KEYRING = "/etc/apt/keyrings/docker.asc"
PACKAGES = "docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin"
APT = f"""\
sudo apt-get update
sudo apt-get install -y ca-certificates curl
sudo install -m 0755 -d /etc/apt/keyrings
sudo curl -fsSL https://download.docker.com/linux/{{distribution}}/gpg -o {KEYRING}
sudo chmod a+r {KEYRING}
echo "deb [arch=$(dpkg --print-architecture) signed-by={KEYRING}] https://download.docker.com/linux/{{distribution}} $(. /etc/os-release && echo "$VERSION_CODENAME") stable" | sudo tee /etc/apt/sources.list.d/docker.list >/dev/null
sudo apt-get update
sudo apt-get install -y {PACKAGES}"""
SCRIPT = "curl -fsSL https://get.docker.com | sudo sh"  # what Docker offers for other distributions
REMOVE = f"sudo apt-get remove -y {PACKAGES}"
JOIN, LEAVE = 'sudo usermod -aG docker "$USER"', 'sudo gpasswd -d "$USER" docker'
READY = 30.0  # seconds that an engine may take to answer
LOOK = rf"""
[ -n "$({HAS_ENGINE})" ] && echo installed
said=$(docker version --format x 2>&1) && echo runs && echo installed
case $said in *"permission denied"*) {question("dockerd")} && echo runs;; esac
[ "$(id -u)" = 0 ] || id -nG "$(id -un)" | tr ' ' '\n' | grep -qx docker && echo group
docker version --format x >/dev/null 2>&1 && ! getent group docker >/dev/null && echo group
[ -d /run/systemd/system ] && echo systemd
. /etc/os-release 2>/dev/null; echo "id $ID"
"""


@dataclass(frozen=True)
class State:
    """`in_group`: the user is in the group ``docker``, which counts from the next login on.

    `systemd` and `distribution` (of /etc/os-release) say how it is started and installed there.
    """

    installed: bool
    running: bool
    in_group: bool
    systemd: bool = field(default=False, compare=False)
    distribution: str = field(default="ubuntu", compare=False)


def read(machine: Machine, name: str = "") -> State:
    """Look for the programs, ask for the version, look at the user's groups."""
    said = machine.run(["sh", "-c", LOOK]).out.splitlines()
    distribution = next((line[3:] for line in said if line.startswith("id ")), "")
    return State("installed" in said, "runs" in said, "group" in said, "systemd" in said, distribution)


def command(before: State, after: State) -> list[str]:
    """Only what is missing, or what is taken back: packages, group, service."""
    lines = []
    if after.installed and not before.installed:
        known = before.distribution in ("ubuntu", "debian")
        lines.append(APT.format(distribution=before.distribution) if known else SCRIPT)
    if after.in_group and not before.in_group:
        lines.append(JOIN)
    if after.running and not before.running:
        lines.append(_service(before, "start"))
    if before.running and not after.running:
        lines.append(_service(before, "stop"))
    if before.in_group and not after.in_group:
        lines.append(LEAVE)
    if before.installed and not after.installed:
        lines.append(REMOVE)
    return ["sh", "-c", "\n".join(lines)]


def _service(state: State, verb: str) -> str:
    return f"sudo systemctl {verb} docker" if state.systemd else f"sudo service docker {verb}"


def do(machine: Machine, before: State, after: State) -> None:
    """Run it, and wait until the engine answers.

    Raises:
        CommandFailed: apt, usermod or the service did not end well.
        WaitTimeout: it was started, but does not answer.
    """
    done = machine.run(["sh", "-ec", command(before, after)[2]], timeout=900).ok()
    forget(machine)
    if after.installed and not read(machine).installed:  # a pipe ends well also if nothing came through it
        raise CommandFailed(done.argv, done.rc, done.out, done.err, machine.name, "installed nothing")
    if after.in_group and not before.in_group and isinstance(machine, SshMachine):
        machine.sign_in_again()  # a group counts from the next login on
    if after.running:
        until(
            lambda: read(machine).running,
            bool,
            "Docker to answer",
            READY,
            hint="sudo dockerd shows in a terminal why it ends",
            where=machine.name,
        )
