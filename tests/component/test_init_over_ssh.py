"""``./runbook init`` with a machine behind a real sshd: seen like this one; who cannot be seen is said, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import loopback_sshd
import pytest

from homelab import params
from homelab.runner.cli import main


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[loopback_sshd.Sshd]:
    (tmp_path / "sshd").mkdir()
    server = loopback_sshd.Sshd(tmp_path / "sshd")
    server.start()
    monkeypatch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    yield server
    server.stop()


def test_this_machine_and_another(
    sshd: loopback_sshd.Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "sshd/home.yaml"
    assert main(["init", "local", f"nas={sshd.address()}", "--out", str(home)]) == 0
    said = capsys.readouterr().out
    assert "(plays nas: you called it so)" in said
    assert "no answer in time" not in said
    found = params.read(home)
    assert found.common.machines["nas"].via == sshd.address()
    assert len(found.common.machines) == 2
    assert found.common.manage == []
    assert (tmp_path / "sshd/home.html").is_file()


@pytest.mark.parametrize("user", ["nologin", "nobody"])
def test_who_does_not_let_us_look_is_named(
    sshd: loopback_sshd.Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str], user: str
) -> None:
    assert main(["init", "local", sshd.address(user), "--out", str(tmp_path / "home.yaml")]) == 3
    said = capsys.readouterr().err
    assert f"ssh://{user}@127.0.0.1" in said
    assert "Hint: " in said
    assert [p.name for p in tmp_path.iterdir()] == ["sshd"]
