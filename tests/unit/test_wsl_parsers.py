"""Parsers, on outputs as people and Microsoft have published them, in four languages.

`LOCALISED` labels are Microsoft's own: https://github.com/microsoft/WSL/tree/master/localization/strings, in
`Resources.resw` of each language (MessagePackageVersions, MessageStatusDefaultDistro, MessageStatusDefaultVersion).
"""

from __future__ import annotations

import pytest

from homelab.errors import HomelabError
from homelab.wsl import parsers, taskxml
from homelab.wsl.parsers import Distribution, Proxy, Status, Versions

# https://github.com/microsoft/WSL/issues/12302 (a version that forgets the star)
LIST_STARLESS = """\
  NAME                      STATE           VERSION
  MyPengwin                 Running         2
  WLinux                    Running         2
  docker-desktop            Stopped         2
  docker-desktop-data       Stopped         2
"""
# https://github.com/microsoft/WSL/issues/8361 (columns as the page has kept them)
LIST_NARROW = "NAME STATE VERSION\n* Ubuntu-22.04 Running 2\n"
# The form of https://github.com/microsoft/WSL/blob/master/src/windows/common/WslClient.cpp (ListDistributionsHelper): the
# header and the states are not localised, whatever the language; names may hold anything but are padded.
LIST_FORM = (
    "  NAME      STATE           VERSION\n* Ubuntu    Running         2\n  Alt 1     Installing      1\n"
)

# https://github.com/microsoft/WSL/issues/9633
VERSION_EN = """\
WSL version: 1.1.2.0
Kernel version: 5.15.83.1
WSLg version: 1.0.49
MSRDC version: 1.2.3770
Direct3D version: 1.608.2-61064218
DXCore version: 10.0.25131.1002-220531-1700.rs-onecore-base2-hyp
Windows version: 10.0.19045.2546
"""
# A reproduction of https://youtrack.jetbrains.com/issue/IDEA-359624; labels as in de-DE/Resources.resw
VERSION_DE = """\
WSL-Version: 2.2.4.0
Kernelversion: 5.15.153.1-2
WSLg-Version: 1.0.61
MSRDC-Version: 1.2.5326
Direct3D-Version: 1.611.1-81528511
DXCore-Version: 10.0.26091.1-240325-1447.ge-release
Windows-Version: 10.0.22631.4169
"""
# Labels as in es-ES/Resources.resw; the numbers of a public homework, which has "Versión DXCore" of an older WSL
VERSION_ES = """\
Versión de WSL: 2.3.26.0
Versión de kernel: 5.15.167.4-1
Versión de WSLg: 1.0.65
Versión de MSRDC: 1.2.5620
Versión de Direct3D: 1.611.1-81528511
Versión DXCore: 10.0.26100.1-240331-1435.ge-release
Versión de Windows: 10.0.26100.2894
"""
# Labels as in fr-FR/Resources.resw; numbers and the small "version Windows" of notes on
# https://devblogs.microsoft.com/commandline/the-windows-subsystem-for-linux-in-the-microsoft-store-is-now-generally-available-on-windows-10-and-11/
VERSION_FR = """\
Version WSL : 1.0.3.0
Version du noyau : 5.15.79.1
Version WSLg : 1.0.47
Version MSRDC : 1.2.3575
Version direct3D : 1.606.4
Version de DXCore : 10.0.25131.1002-220531-1700.rs-onecore-base2-hyp
version Windows : 10.0.19045.2546
"""
# https://github.com/microsoft/WSL/issues/9401 (colons of another width)
VERSION_ZH = """\
WSL 版本： 1.0.3.0
内核版本： 5.15.79.1
WSLg 版本： 1.0.47
MSRDC 版本： 1.2.3575
Direct3D 版本： 1.606.4
DXCore 版本： 10.0.25131.1002-220531-1700.rs-onecore-base2-hyp
Windows版本： 10.0.25267.1000
"""
# https://github.com/microsoft/WSL/issues/10693 (the wsl.exe that comes with Windows)
VERSION_OLD_DE = """\
Ungültige Befehlszeilenoption: --version
Copyright (c) Microsoft Corporation. Alle Rechte vorbehalten.

Verwendung: wsl.exe [Argument] [Options...] [CommandLine]
"""

# https://github.com/microsoft/WSL/issues/5650
STATUS_EN = """\
Default Distribution: Ubuntu-20.04
Default Version: 2

Windows Subsystem for Linux was last updated on 09/10/2022
WSL automatic updates are on.

Kernel version: 5.10.102.1
"""
# https://github.com/microsoft/WSL/issues/9448
STATUS_SHORT = "Default Distribution: Debian\nDefault Version: 2\n"
STATUS_DE = "Standarddistribution: Ubuntu\nStandardversion: 2\n"  # LOCALISED
STATUS_ES = "Distribución predeterminada: Ubuntu\nVersión predeterminada: 1\n"  # LOCALISED
STATUS_FR = "Distribution par défaut : Ubuntu-22.04\nVersion par défaut : 2\n"  # LOCALISED
STATUS_NAMELESS = "Default Version: 1\n"  # https://github.com/microsoft/WSL/issues/12302

# https://github.com/microsoft/WSL/issues/8963, with one port where the page has a range, which netsh does not take
PROXY_EN = """

Listen on ipv4:             Connect to ipv4:

Address         Port        Address         Port
--------------- ----------  --------------- ----------
0.0.0.0         30000       172.23.188.236  30000
"""
PROXY_RANGE = PROXY_EN.replace("30000 ", "30000-50000 ", 1)  # the page's own line
# Two users' public notes on WSL, found by their text alone: the index names no address for them
PROXY_FR = """
Écouter sur ipv4 :             Connecter à ipv4 :

Adresse         Port        Adresse         Port
--------------- ----------  --------------- ----------
0.0.0.0         8001        172.27.57.198   8001
"""
PROXY_ES = """
Escuchar en ipv4:       Conectar a ipv4:

Dirección       Puerto      Dirección       Puerto
--------------- ----------  --------------- ----------
172.27.64.1     9223        127.0.0.1       9222
"""

# https://github.com/dahall/TaskScheduler/issues/954 (times shortened away: no logon in it)
TASK_CALENDAR = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><CalendarTrigger><StartBoundary>2022-01-01T00:00:00</StartBoundary></CalendarTrigger></Triggers>
  <Principals><Principal id="Author"><LogonType>InteractiveToken</LogonType></Principal></Principals>
  <Actions Context="Author"><Exec><Command>msg</Command><Arguments>Me "Hello World"</Arguments></Exec></Actions>
</Task>
"""
# https://learn.microsoft.com/windows/win32/taskschd/logon-trigger-example--xml-
TASK_LOGON = """<?xml version="1.0" ?>
<!-- This sample schedules a task to start notepad.exe when a user logs on. -->
<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
    <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>DOMAIN_NAME\\UserName</UserId></LogonTrigger></Triggers>
    <Principals><Principal><GroupId>Builtin\\Administrators</GroupId></Principal></Principals>
    <Settings><Enabled>true</Enabled><AllowStartOnDemand>true</AllowStartOnDemand></Settings>
    <Actions><Exec><Command>notepad.exe</Command></Exec></Actions>
</Task>
"""


def test_distributions() -> None:
    assert [d.name for d in parsers.distributions(LIST_STARLESS)] == [
        "MyPengwin", "WLinux", "docker-desktop", "docker-desktop-data",
    ]  # fmt: skip
    assert [d.running for d in parsers.distributions(LIST_STARLESS)] == [True, True, False, False]
    assert parsers.distributions(LIST_NARROW) == [Distribution("Ubuntu-22.04", "Running", 2, default=True)]
    assert parsers.distributions(LIST_FORM) == [
        Distribution("Ubuntu", "Running", 2, default=True),
        Distribution("Alt 1", "Installing", 1),
    ]
    assert parsers.distributions("Windows Subsystem for Linux has no installed distributions.\n") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (VERSION_EN, Versions("1.1.2.0", "5.15.83.1", "10.0.19045.2546")),
        (VERSION_DE, Versions("2.2.4.0", "5.15.153.1-2", "10.0.22631.4169")),
        (VERSION_ES, Versions("2.3.26.0", "5.15.167.4-1", "10.0.26100.2894")),
        (VERSION_FR, Versions("1.0.3.0", "5.15.79.1", "10.0.19045.2546")),
        (VERSION_ZH, Versions("1.0.3.0", "5.15.79.1", "10.0.25267.1000")),
        (VERSION_OLD_DE, None),
        ("", None),
    ],
)
def test_versions(text, found) -> None:
    assert parsers.versions(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (STATUS_EN, Status("Ubuntu-20.04", 2)),
        (STATUS_SHORT, Status("Debian", 2)),
        (STATUS_DE, Status("Ubuntu", 2)),
        (STATUS_ES, Status("Ubuntu", 1)),
        (STATUS_FR, Status("Ubuntu-22.04", 2)),
        (STATUS_NAMELESS, Status("", 1)),
        (VERSION_OLD_DE.replace("--version", "--status"), None),
    ],
)
def test_status(text, found) -> None:
    assert parsers.status(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PROXY_EN, [Proxy("0.0.0.0", 30000, "172.23.188.236", 30000)]),
        (PROXY_FR, [Proxy("0.0.0.0", 8001, "172.27.57.198", 8001)]),
        (PROXY_ES, [Proxy("172.27.64.1", 9223, "127.0.0.1", 9222)]),
        (PROXY_RANGE, []),
        ("\n", []),
    ],
)
def test_portproxies(text, found) -> None:
    assert parsers.portproxies(text) == found


def test_a_portproxy_that_was_given_no_address_listens_on_every_one() -> None:
    star = parsers.portproxies("*               8080        172.28.176.1    8080\n")[0]
    assert star.listens("0.0.0.0", 8080)
    assert star.listens("192.168.1.2", 8080)
    assert not star.listens("0.0.0.0", 8081)


def test_tasks() -> None:
    calendar, logon = taskxml.read(TASK_CALENDAR), taskxml.read(TASK_LOGON)
    assert (calendar.command, calendar.arguments, calendar.user) == ("msg", 'Me "Hello World"', "")
    assert (calendar.on_battery, calendar.limit) == (False, "PT72H")
    assert (logon.command, logon.user, logon.enabled) == ("notepad.exe", "DOMAIN_NAME\\UserName", True)
    everybody = TASK_LOGON.replace("<UserId>DOMAIN_NAME\\UserName</UserId>", "")
    assert taskxml.read(everybody).user == "*"
    for wrong in ("FEHLER: Zugriff verweigert", "<a/>", ""):
        with pytest.raises(HomelabError):
            taskxml.read(wrong)


def test_our_task_is_ascii_and_reads_as_it_was_written() -> None:
    task = taskxml.Task("c.exe", "--headless <x> & y", "TÉQUILA\\josé")
    text = taskxml.write(task, "About")
    assert text.isascii()
    assert taskxml.read(text) == task
