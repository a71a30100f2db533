"""What a watch writes down beside the stages, from what programs print; and what of it is worth a warning."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ears import certificate, mail
from fake_windows import FakeWsl

from homelab.local_machine import LocalMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.upkeep.releases import Container, Image
from homelab.watch import facts, findings, soon
from homelab.wsl.interop import ask
from homelab.wsl.powershell import VIRTUAL_DISKS

NOW = datetime(2026, 11, 27, 3, 30, tzinfo=UTC)
DF = """\
Filesystem     1024-blocks      Used Available Capacity Mounted on
/dev/sdc        1055762868  53687091 948372673       6% /
tmpfs              8123456         0   8123456       0% /run
none               8123456         4   8123452       1% /mnt/wsl
C:\\              498000000 473100000  24900000      95% /mnt/c
/dev/loop3           65536     65536         0     100% /snap/core20/2318
overlay         1055762868  53687091 948372673       6% /var/lib/docker/overlay2/x/merged
/dev/sdc        1055762868  53687091 948372673       6% /var/lib/docker
tiny_tools              4         0         4       0% /mnt/tools
nas:/volume1    2000000000 100000000 1900000000      5% /mnt/my photos
-                        0         0         0       -% /proc/x
"""


def test_disks_are_those_that_hold_data_each_once() -> None:
    found = facts.disks(DF)
    assert [(d["mount"], d["used"] // 1024) for d in found] == [
        ("/", 53687091), ("/mnt/c", 473100000), ("/mnt/my photos", 100000000),
    ]  # fmt: skip
    assert facts.disks("") == []


def test_the_disks_of_this_machine_are_read() -> None:
    here = LocalMachine("here", Reader(), Pending())
    found = facts.disks(here.run(["df", "-P", "-k"]).out)
    assert any(d["mount"] == "/" and 0 < d["used"] <= d["size"] for d in found)


def test_the_disk_of_wsl_is_a_file_of_windows_that_grows(tmp_path: Path) -> None:
    wsl = FakeWsl(tmp_path)
    (disk,) = ask(wsl, VIRTUAL_DISKS)
    assert disk == {"Name": "Ubuntu", "File": "C:\\wsl\\ext4.vhdx", "Size": 61_203_283_968}
    assert any("Lxss" in str(call) for call in wsl.state["calls"])


def test_a_key_ends_never_or_on_a_day_or_nobody_knows() -> None:
    def seen(state: str, **me: str) -> dict:
        return facts.key({"BackendState": state, "Self": me})

    name, ends = "tequila.snow-burbot.ts.net.", "2026-12-01T00:00:00Z"
    assert seen("Running", DNSName=name) == {"node": "tequila", "expires": None}
    assert seen("Running", DNSName=name, KeyExpiry=ends) == {"node": "tequila", "expires": ends}
    assert seen("NeedsLogin", DNSName="") == {"unknown": "NeedsLogin"}  # one that never was logged in says so
    assert facts.key({"BackendState": "not installed"}) == {"unknown": "not installed"}


def test_an_image_is_pending_where_the_registry_has_another_under_the_same_tag() -> None:
    one = Container("web", "jellyfin/jellyfin:12", Image("jellyfin/jellyfin", "sha256:a", "12.3"))
    assert facts._compared(one, "sha256:b") == {"pending": True}
    assert facts._compared(one, "sha256:a") == {"pending": False}
    built = Container("web", "mine", Image("mine", ""))
    assert facts._compared(built, "sha256:b") == {"unknown": "it was built here"}
    assert facts._compared(one, {"unknown": "no answer"}) == {"unknown": "no answer"}


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_looked_at_by_a_real_handshake(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = certificate(tmp_path)
    if trusted:
        monkeypatch.setattr("homelab.web.trusted_by", lambda machine: str(pair))
    here = LocalMachine("here", Reader(), Pending())
    with mail(pair, tls_at_once=True) as server:
        found = facts._certificate(here, "localhost", str(server.port))
    if trusted:
        assert 0 < soon.days_left(found["expires"], datetime.now().astimezone()) < 3
    else:
        assert found["unknown"].startswith("it is not trusted: self-signed certificate")
    assert "nobody answers" in facts._certificate(here, "localhost", "9")["unknown"]


def home(**more: object) -> dict:
    clock = {"name": "its clock agrees", "vantage": "tequila", "status": "ok", "evidence": "", "hint": ""}
    seen = {"disks": facts.disks(DF), "vhdx": [], "key": {"node": "tequila", "expires": "2026-12-01T00:00:00Z"},
            "certificates": [{"host": "tequila.ts.net", "expires": "2026-12-30T00:00:00+00:00"}, {"host": "x", "unknown": "y"}],
            "images": [], "clock": clock}  # fmt: skip
    outside = {**clock, "vantage": "this machine", "status": "skip"}
    return {"machines": {"tequila": seen | more}, "backups": [], "clock": [outside]}


def test_what_ends_or_fills_up_soon_is_a_warning_with_a_name_that_stays() -> None:
    warned = [a for a in soon.answers(home(), NOW) if a.status == "warn"]
    assert [(a.name, a.evidence) for a in warned] == [
        ("/mnt/c has room", "95 % is used"),
        ("its node key lasts", "4 days are left"),
    ]
    later = datetime(2026, 12, 2, tzinfo=UTC)
    assert [a.evidence for a in soon.answers(home(), later) if a.name == "its node key lasts"] == [
        "it has ended"
    ]
    assert {f.id for f in findings.of_answers(soon.answers(home(), NOW))} <= {
        f.id for f in findings.of_answers(soon.answers(home(), later))
    }


def test_a_machine_that_was_silent_neither_heals_nor_breaks() -> None:
    assert soon.unsure(home()) == {"@this machine"}
    assert soon.unsure(home(disks={"unknown": "no answer"})) == {"@tequila", "@this machine"}
    (found, _) = findings.of_answers(a for a in soon.answers(home(), NOW) if a.status == "warn")
    assert found.stage == "@tequila"
