"""All facts of a Windows with WSL at once: quick although every call is slow, whole although some fail."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import pytest
from fake_windows import FakeWsl
from test_wsl_parsers import STATUS_DE, VERSION_DE

from homelab.checks import wsl as checks
from homelab.wsl import facts
from homelab.wsl.interop import Unknown

TODAY = date(2026, 11, 27)
LIST = "  NAME      STATE           VERSION\n* Ubuntu    Running         2\n"
ANSWERS = {"--version": VERSION_DE, "--status": STATUS_DE, "--list --verbose": LIST}


@pytest.fixture
def wsl(tmp_path: Path) -> FakeWsl:
    machine = FakeWsl(tmp_path, wsl=ANSWERS)
    machine.put("wslinfo", "#!/bin/sh\necho nat\n")
    machine.put("pidof", f'#!/bin/sh\n[ "$1" = tailscaled ] && echo {os.getpid()}\n')
    machine.put("docker", "#!/bin/sh\necho 'Ubuntu 24.04.1 LTS'\n")
    return machine


def slow(wsl: FakeWsl, seconds: float) -> None:
    """Every Windows program takes its time first."""
    for program in ("powershell.exe", "wsl.exe"):
        (wsl.bin / program).rename(wsl.bin / f"real-{program}")
        wsl.put(program, f'#!/bin/sh\nsleep {seconds}\nexec {wsl.bin}/real-{program} "$@"\n')


def test_all_facts_together_take_less_than_half_of_their_calls_one_by_one(wsl) -> None:
    """On a Windows each call takes two seconds; six of them are to take less than five in all."""
    slow(wsl, 0.7)
    began = time.monotonic()
    found = facts.gather(wsl)
    spent = time.monotonic() - began
    assert not [row for row in found.rows(TODAY) if "unknown" in row[1]], found.rows(TODAY)
    calls = len(wsl.state["calls"])
    assert calls >= 6
    assert 0.7 < spent < calls * 0.7 / 2


def test_facts(wsl) -> None:
    (wsl.home / ".wslconfig").write_bytes(b"[wsl2]\r\nnetworkingMode=mirrored\r\n")
    found = facts.gather(wsl)
    assert found.where.kind == "WSL 2"
    assert str(found.networking) == "nat (wslinfo says so), though .wslconfig asks for mirrored"
    assert isinstance(found.user, facts.User)
    assert (found.user.name, found.user.elevated) == ("TEQUILA\\ana", False)
    assert found.default == "Ubuntu"
    assert found.docker == "dockerd in WSL" or found.docker.startswith("none that answers")
    assert found.tailscaled.both
    assert found.mtus == (("Ethernet", 1500),)
    rows = dict(found.rows(TODAY))
    assert rows["WSL"] == "2.2.4.0"
    assert rows["distributions"] == "Ubuntu (Running, WSL 2)"
    assert "since 14 October 2025" in rows["Windows"]
    assert checks.windows_is_mended(wsl, found, TODAY).status == "warn"
    assert checks.one_tailscaled(wsl, found).status == "warn"
    assert checks.is_wsl(wsl, found).status == "ok"


def test_what_cannot_be_asked_is_unknown_with_its_reason_and_the_rest_is_there(wsl) -> None:
    (wsl.bin / "wsl.exe").unlink()
    found = facts.gather(wsl)
    assert isinstance(found.versions, Unknown)
    assert "wsl.exe is not to be found" in found.versions.why
    assert isinstance(found.distributions, Unknown)
    assert isinstance(found.user, facts.User)


def test_an_old_wsl_is_told_from_a_broken_one(wsl) -> None:
    wsl.tell(wsl={"--list --verbose": LIST})
    found = facts.gather(wsl)
    assert isinstance(found.versions, Unknown)
    assert (found.versions.hint, found.distributions[0].name) == ("wsl --update", "Ubuntu")


def test_without_wsl_nothing_of_windows_is_asked(wsl) -> None:
    (wsl.bin / "wslinfo").unlink()
    found = facts.gather(wsl)
    assert found.where.kind == "not WSL"
    assert wsl.state["calls"] == []
    assert checks.windows_is_mended(wsl, found, TODAY).status == "skip"
    assert checks.is_wsl(wsl, found).status == "skip"
