"""Editions of Windows, and until when Microsoft mends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 11, 27)  # when this table was last looked at
SOURCES = (
    "https://pureinfotech.com/windows-11-lifecycle",  # Windows 11; it names Microsoft's own page
    "https://thewindowsclub.blog/en/?p=4886",  # the same, with Enterprise and Education
    "https://windowsforum.com/threads/windows-10-end-of-support-2025-esu-bridge-and-windows-11-upgrade.383156/",
    "https://learn.microsoft.com/lifecycle/products/windows-11-home-and-pro",  # to be asked for what is newer
)
FIRST_11 = 22000  # the registry's ProductName goes on saying Windows 10


@dataclass(frozen=True)
class Release:
    """A version, by its `build`; `home` is the last day for Home and Pro, `business` for Enterprise and Education."""

    build: int
    name: str
    home: date
    business: date


RELEASES = (
    Release(19045, "Windows 10 22H2", date(2025, 10, 14), date(2025, 10, 14)),
    Release(22000, "Windows 11 21H2", date(2023, 10, 10), date(2024, 10, 8)),
    Release(22621, "Windows 11 22H2", date(2024, 10, 8), date(2025, 10, 14)),
    Release(22631, "Windows 11 23H2", date(2025, 11, 11), date(2026, 11, 10)),
    Release(26100, "Windows 11 24H2", date(2026, 10, 13), date(2027, 10, 12)),
    Release(26200, "Windows 11 25H2", date(2027, 10, 12), date(2028, 10, 10)),
)
BUSINESS = ("Enterprise", "Education", "ServerRdsh")  # how EditionID begins
EXTENDED = "unless it is enrolled in extended security updates"


@dataclass(frozen=True)
class Windows:
    """What the registry says; `edition` is its EditionID, such as Core (that is Home) or Professional."""

    build: int
    revision: int
    display: str
    edition: str

    @property
    def name(self) -> str:
        """Windows 10 or 11 by the build, and the version's name."""
        kind = "Windows 11" if self.build >= FIRST_11 else "Windows 10"
        return f"{kind} {self.display}".strip()

    @property
    def mirrors(self) -> bool:
        """Whether mirrored networking is there: Windows 11 22H2 or newer."""
        return (
            self.build >= 22621
        )  # https://learn.microsoft.com/windows/wsl/networking#mirrored-mode-networking

    def __str__(self) -> str:
        return f"{self.name} {self.edition}, build {self.build}.{self.revision}"


def read(answer: list[dict[str, object]]) -> Windows:
    """From the answer to `homelab.wsl.powershell.WINDOWS_VERSION`."""
    found = answer[0] if answer else {}

    def number(name: str) -> int:
        word = str(found.get(name) or 0)
        return int(word) if word.isdigit() else 0

    return Windows(
        number("CurrentBuildNumber"),
        number("UBR"),
        str(found.get("DisplayVersion") or ""),
        str(found.get("EditionID") or ""),
    )


def supported(windows: Windows, today: date) -> tuple[bool | None, str]:
    """Whether Microsoft still mends it, and that in a sentence; None where our table does not know the build."""
    if "LTS" in windows.edition or windows.edition.endswith(("S", "SN")):  # EnterpriseS, IoTEnterpriseS
        return None, f"{windows} is a long-term edition: its own dates count, see {SOURCES[-1]}"
    known = next((r for r in reversed(RELEASES) if r.build == windows.build), None)
    if known is None and windows.build < RELEASES[0].build:
        return (
            False,
            f"{windows} is older than {RELEASES[0].name}, which ended on {RELEASES[0].home:%d %B %Y}",
        )
    if known is None:
        return None, f"{windows} is not in our table of {AS_OF:%B %Y}: see {SOURCES[-1]}"
    last = known.business if windows.edition.startswith(BUSINESS) else known.home
    if today > last:
        more = f", {EXTENDED}" if windows.build < FIRST_11 else ""
        return False, f"{known.name} {windows.edition} gets no security updates since {last:%d %B %Y}{more}"
    return True, f"{known.name} {windows.edition} gets security updates until {last:%d %B %Y}"
