"""The Docker SDK's client over connections of ours: only `homelab.engine` imports it, when it is needed."""

from __future__ import annotations

import os
import socket
from typing import Any

import requests
from docker import APIClient, DockerClient
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from homelab.engine import SOCKET, diagnose
from homelab.engine.over_ssh import EngineOverSsh
from homelab.errors import EngineError, LabError
from homelab.lab_machine import LabMachine
from homelab.machine import Machine
from homelab.moment import MEASURES
from homelab.read_only import Guard
from homelab.ssh.machine import SshMachine
from homelab.web.adapter import Adapter, root_of


def connect(machine: Machine) -> DockerClient:
    """A client of the engine of `machine`, which has answered once.

    Raises:
        EngineError: it cannot be reached; `docker.errors.DockerException` may be around it.
    """
    return _Client(_Api(machine))


class _Client(DockerClient):
    def __init__(self, api: APIClient) -> None:
        self.api = api


class _Api(APIClient):
    """The SDK's low-level client; where the engine is gone it says so as `EngineError`."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._adapter, self._answered = machine, None, False
        where: dict[str, Any] = {"base_url": "http://docker:80"}  # nobody's: the adapter asks for none
        self._far: EngineOverSsh | None = None
        if isinstance(machine, LabMachine):
            self._adapter = Adapter(self._dial)
        elif isinstance(machine, SshMachine):
            self._far = EngineOverSsh(machine)
            self._adapter = Adapter(self._far.dial)
        else:
            where = dict(kwargs_from_env())
            if "base_url" not in where:
                where |= ContextAPI.kwargs_from_context(environment=os.environ)
        super().__init__(**where, use_ssh_client=True)

    def get_adapter(self, url: str) -> Any:
        """See `requests.Session`."""
        return self._adapter or super().get_adapter(url)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """See `requests.Session`.

        Raises:
            NotReadOnly: the machine is only looked at, and the request may change something.
        """
        guard = getattr(self._machine, "guard", None)
        whole = request.method == "GET" and not kwargs.get("stream") and not MEASURES.search(request.path_url)
        if guard and whole:
            question = (self._machine.name, "docker", request.path_url)
            found: requests.Response = guard.moment.once(
                question, lambda: self._sent(guard, request, kwargs), lambda said: said.status_code < 500
            )
            return found
        return self._sent(guard, request, kwargs)

    def _sent(
        self, guard: Guard | None, request: requests.PreparedRequest, kwargs: dict[str, Any]
    ) -> requests.Response:
        if guard:
            guard.request(self._machine.name, str(request.method), request.path_url)
        try:
            answer = super().send(request, **kwargs)
            self._answered = True
            return answer
        except requests.exceptions.Timeout as error:
            raise EngineError(
                "lost", "Docker does not answer in time", self._machine.name, "is the machine very busy?"
            ) from error
        except requests.exceptions.ConnectionError as error:
            root = root_of(error)
            if isinstance(root, ConnectionRefusedError | FileNotFoundError | PermissionError):
                raise diagnose(self._machine, str(root)) from error
            if self._far and isinstance(root, ConnectionResetError | BrokenPipeError) and not self._answered:
                raise self._far.unanswered() from error
            raise EngineError(
                "lost",
                f"Docker went away while it was asked: {root}",
                self._machine.name,
                "start it: sudo service docker start; then run the same again",
            ) from error

    def _dial(self, host: str, port: int, timeout: float | None) -> socket.socket:
        assert isinstance(self._machine, LabMachine)
        try:
            made = self._machine.unix(SOCKET)
        except LabError as error:
            raise diagnose(self._machine, error.what) from error
        made.settimeout(timeout)
        return made
