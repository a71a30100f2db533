"""Where we run, by signs of which none is trusted alone; and until when a Windows is mended."""

from __future__ import annotations

from datetime import date

import pytest

from homelab.wsl import facts, releases, where
from homelab.wsl.interop import Unknown
from homelab.wsl.where import ELSEWHERE, WSL1, WSL2, Signals

# Words of the kernel: https://github.com/microsoft/WSL/issues/4555; WSL 1: https://github.com/microsoft/WSL/issues/4427
TWO, ONE, OWN = "5.15.153.1-microsoft-standard-WSL2", "4.4.0-17763-Microsoft", "6.6.1-zfs"
INTEROP = "/run/WSL/8_interop"


@pytest.mark.parametrize(
    ("signals", "kind", "doubt"),
    [
        (Signals(TWO, interop=INTEROP, distribution="Ubuntu", binfmt="WSLInterop", wslinfo="nat"), WSL2, ""),
        (Signals(TWO, binfmt="WSLInterop-late", sockets="1_interop"), WSL2, ""),  # sudo: no variables
        (Signals(ONE, distribution="Ubuntu", binfmt="WSLInterop"), WSL1, ""),
        (Signals(ONE, distribution="Ubuntu", wslinfo="wsl1"), WSL1, ""),
        (
            Signals(OWN, distribution="Ubuntu", sockets="1_interop", wslinfo="mirrored"),
            WSL2,
            "does not say so",
        ),
        (Signals("6.6.1-Microsoft-mine", distribution="Ubuntu", wslinfo="nat"), WSL2, "only WSL 2"),
        (Signals(TWO), ELSEWHERE, "a container in it"),
        (Signals("6.1.0-18-amd64", distribution="Ubuntu", interop=INTEROP), ELSEWHERE, "a container in it"),
        (Signals("6.1.0-18-amd64"), ELSEWHERE, ""),
        (
            Signals("6.18.0", distribution="Ubuntu", sockets="1_interop", wslinfo="nat"),
            WSL2,
            "one of your own",
        ),
    ],
)
def test_two_signs_make_wsl(signals, kind, doubt) -> None:
    verdict = where.judge(signals)
    assert verdict.kind == kind
    assert doubt in "; ".join(verdict.doubts)
    assert bool(doubt) == bool(verdict.doubts)


def test_what_a_machine_shows_is_read() -> None:
    seen = where.parse(
        "kernel=6.6.87.2-microsoft-standard-WSL2\nversion=Linux version 6.6 (a=b)\ninterop=/run/WSL/8_interop\n"
        "distribution=Ubuntu\nbinfmt=WSLInterop-late \nsockets=1_interop 8_interop \nwslinfo=nat\ninit=systemd\nsystemd=yes\n"
        "address=lo 127.0.0.1/8\naddress=eth0 172.28.16.10/20\naddress=docker0 172.17.0.1/16\n"
        "route=default via 172.28.16.1 dev eth0 proto kernel \n"
    )
    assert (seen.address, seen.gateway, seen.systemd) == ("172.28.16.10", "172.28.16.1", True)
    assert seen.version == "Linux version 6.6 (a=b)"
    assert where.judge(seen).kind == WSL2


LAN = (("eth0", "192.168.1.50/24"), ("loopback0", "169.254.73.152/32"))
OUT = "default via 192.168.1.1 dev eth0"


@pytest.mark.parametrize(
    ("signals", "wanted", "mode", "fell"),
    [
        (Signals(wslinfo="nat"), "", "nat", False),
        (Signals(wslinfo="nat"), "Mirrored", "nat", True),  # https://github.com/microsoft/WSL/issues/11540
        (Signals(wslinfo="virtioproxy"), "virtioproxy", "virtioproxy", False),
        (Signals(addresses=(("eth0", "172.28.16.10/20"),), route="default via 172.28.16.1 dev eth0"), "", "nat", False),
        (Signals(addresses=LAN, route=OUT), "mirrored", "mirrored", False),
        (Signals(addresses=LAN, route=OUT), "virtioproxy", "virtioproxy", False),  # …/issues/10717
        (Signals(addresses=LAN, route=OUT), "", "mirrored", False),
    ],
)  # fmt: skip
def test_networking(signals, wanted, mode, fell) -> None:
    found = where.networking(signals, wanted, windows=("192.168.1.50",))
    assert isinstance(found, where.Networking)
    assert (found.mode, found.fell_back) == (mode, fell)


def test_networking_that_nothing_tells() -> None:
    assert isinstance(where.networking(Signals(addresses=LAN, route=OUT)), Unknown)
    assert isinstance(where.networking(Signals()), Unknown)


def windows(build, edition="Professional", display="22H2"):
    return releases.read(
        [{"CurrentBuildNumber": str(build), "UBR": 1, "EditionID": edition, "DisplayVersion": display,
          "ProductName": "Windows 10 Pro"}]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "day", "good", "said"),
    [
        (windows(19045), date(2026, 11, 27), False, "since 14 October 2025, unless it is enrolled"),
        (windows(19045), date(2025, 10, 14), True, "until 14 October 2025"),
        (windows(19041), date(2026, 11, 27), False, "older than Windows 10 22H2"),
        (windows(22631), date(2026, 11, 27), False, "since 11 November 2025"),
        (windows(26100, "Core", "24H2"), date(2026, 11, 27), False, "24H2 Core gets no security updates"),
        (windows(26100, "Enterprise"), date(2026, 11, 27), True, "until 12 October 2027"),
        (windows(26200), date(2026, 11, 27), True, "until 12 October 2027"),
        (windows(19044, "EnterpriseS", "21H2"), date(2026, 11, 27), None, "long-term"),
        (windows(27000), date(2026, 11, 27), None, "not in our table"),
    ],
)
def test_until_when_a_windows_is_mended(found, day, good, said) -> None:
    assert releases.supported(found, day)[0] is good
    assert said in releases.supported(found, day)[1]


def test_windows_11_calls_itself_10_in_the_registry() -> None:
    assert windows(22621).name == "Windows 11 22H2"
    assert windows(19045).name == "Windows 10 22H2"
    assert (windows(19045).mirrors, windows(22000).mirrors, windows(22621).mirrors) == (False, False, True)


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("info=Docker Desktop\ndesktop=yes\nclient=desktop\n", "Docker Desktop"),
        ("info=Ubuntu 24.04\nclient=own\ndockerd=yes\n", "dockerd in WSL"),
        ("info=\ndesktop=yes\nclient=own\ndockerd=yes\n", "dockerd in WSL, and Docker Desktop's integration beside it"),
        ("info=\ndesktop=yes\nclient=desktop\n", "Docker Desktop, which does not answer: is it started?"),
        ("info=\nclient=own\n", "none that answers; its client is installed"),
        ("info=\n", "none"),
    ],
)  # fmt: skip
def test_which_docker(text, which) -> None:
    assert facts.docker(text) == which
