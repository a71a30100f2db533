"""The Docker engine of a machine, through the Docker SDK: in the lab over the machine's own socket.

At home, also over SSH, it is the engine that the machine's ``docker`` command would speak to: ``DOCKER_HOST``, the
current Docker context (also over SSH), else the default socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from homelab.engine.faults import START, explain
from homelab.errors import CommandFailed, EngineError, HomelabError
from homelab.machine import Machine, Result

if TYPE_CHECKING:
    from docker import DockerClient

SOCKET = "/run/docker.sock"
TAGS = "say in the policy who may give that tag: tagOwners, at https://login.tailscale.com/admin/acls"
GROUP = "sudo usermod -aG docker $USER"
CLIENT_ALONE = "the docker command is here, and no engine"
# Prints `engine` where one is installed, or where the docker command speaks to one elsewhere: the command alone is none.
HAS_ENGINE = r"""
command -v dockerd >/dev/null && echo engine
command -v docker >/dev/null && {
    for at in /run/docker.sock /var/run/docker.sock /lib/systemd/system/docker.service /snap/bin/docker; do [ -e "$at" ] && echo engine; done
    [ -n "$DOCKER_HOST" ] && echo engine
    case $(docker context show 2>/dev/null) in "" | default) ;; *) echo engine ;; esac
}
"""
_clients: WeakKeyDictionary[Machine, DockerClient] = WeakKeyDictionary()


def engine(machine: Machine) -> DockerClient:
    """The engine of `machine`; asked for again it is the same client, which connects anew where it must.

    What it refuses later are the SDK's errors: see `translated`.

    Raises:
        EngineError: not installed (``absent``), not running (``stopped``), or this user may not (``forbidden``).
    """
    if machine not in _clients:
        # The SDK costs a tenth of a second that a stage need not pay before it asks Docker something.
        from homelab.engine.client import connect

        with translated(machine):
            _clients[machine] = connect(machine)
    return _clients[machine]


def forget(machine: Machine) -> None:
    """Let go of the client: another engine, of another version, may answer there from now on."""
    if client := _clients.pop(machine, None):
        client.close()


@contextmanager
def translated(machine: Machine) -> Iterator[None]:
    """Turn what the SDK, or a ``docker`` command, raises inside into an `EngineError` that says what to do.

    Raises:
        EngineError: with its `kind`; see `homelab.engine.faults`.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except CommandFailed as error:
        raise refined(explain(error.err or error.out or error.what, machine.name), machine) from error
    except (DockerException, RequestException) as error:
        if known := _ours(error):
            raise known from None
        said = str(getattr(error, "explanation", "") or error)
        raise refined(explain(said, machine.name), machine) from error


def run(machine: Machine, argv: list[str], timeout: float = 60.0) -> Result:
    """Run a shown ``docker`` command on `machine`; what Docker prints in vain is an `EngineError`.

    Raises:
        EngineError: it did not end well.
        WaitTimeout: it did not end in `timeout` seconds.
    """
    with translated(machine):
        return machine.run(argv, timeout=timeout).ok()


def _ours(error: BaseException) -> HomelabError | None:
    """An error of ours that the SDK has wrapped into its own."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, HomelabError):
            return inner
        inner = inner.__cause__ or inner.__context__
    return None


def diagnose(machine: Machine, said: str = "") -> EngineError:
    """Why the engine of `machine` cannot be reached; `said` is what the connection said."""
    if "ermission denied" in said:
        return forbidden(machine)
    found = machine.run(["sh", "-c", f"{HAS_ENGINE}command -v docker >/dev/null && echo client"]).out.split()
    if "engine" not in found:
        what = CLIENT_ALONE if "client" in found else "Docker is not installed"
        return EngineError("absent", what, machine.name, "plan it: see the stage's *What would change*")
    return EngineError("stopped", "Docker does not run", machine.name, f"start it: {START}")


def forbidden(machine: Machine) -> EngineError:
    """This user may not talk to Docker: not in the group at all, or only since this login."""
    listed = machine.run(["sh", "-c", 'id -nG "$(id -un)"']).out.split()
    hint = f"{GROUP}, then log out and in again"
    if "docker" in listed:
        hint = "the user is in the group docker since this login: log out and in again"
    return EngineError("forbidden", "this user may not talk to Docker", machine.name, hint)


def refined(error: EngineError, machine: Machine) -> EngineError:
    """`error`, with what a look at `machine` adds: who has the port, which tags there are, what a log says."""
    if error.kind == "port" and (number := re.search(r"port (\d+)", error.what)):
        holder = holder_of(machine, int(number[1]))
        if holder:
            error = EngineError("port", f"{error.what}: {holder}", error.where, error.hint)
    elif error.kind in ("tag", "image") and (reference := _reference(error)):
        from homelab.engine.registry import suggestion

        error = suggestion(machine, error, reference)
    elif error.kind == "unhealthy":
        error = _why_unhealthy(machine, error)
    elif error.kind == "forbidden":
        error = forbidden(machine)
    elif error.kind == "stopped":
        error = diagnose(machine)
    return error


def _why_unhealthy(machine: Machine, error: EngineError) -> EngineError:
    """A sidecar that its tailnet does not take in says so in its log only."""
    log = machine.run(["docker", "logs", "--tail", "100", error.what.split()[2]])
    refusals: list[str] = re.findall(r"^backend error: (.+)$", log.out + log.err, re.MULTILINE)
    if not refusals:
        return error
    hint = TAGS if "requested tags" in refusals[-1] else "is its auth key still good? They end after a while"
    what = f"{error.what}: the tailnet does not take it in: {refusals[-1]}"
    return EngineError(error.kind, what, error.where, hint)


def _reference(error: EngineError) -> str:
    found = re.fullmatch(r"(\S+) has no tag (\S+)", error.what)
    return f"{found[1]}:{found[2]}" if found else ""


def holder_of(machine: Machine, port: int) -> str:
    """Who listens on TCP `port` of `machine`, in words; empty where that cannot be seen."""
    if machine in _clients:
        with translated(machine):
            for container in _clients[machine].containers.list(filters={"publish": str(port)}):
                return f"the container {container.name} publishes it"
    for sudo in (["sudo"], []):
        listening = machine.run([*sudo, "ss", "-H", "-ltnp", f"sport = :{port}"]).out
        if found := re.search(r'users:\(\("([^"]+)",pid=(\d+)', listening):
            return f"{found[1]} (process {found[2]}) listens on it"
    return ""
