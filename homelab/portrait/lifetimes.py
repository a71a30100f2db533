"""Until when a distribution is mended, as far as our table goes: the free support that everybody gets."""

from __future__ import annotations

from datetime import date

AS_OF = date(2026, 11, 27)  # when this table was last looked at
SOURCES = (
    "https://wiki.debian.org/LTS",  # Debian: three years by its security team, two more by the LTS team
    "https://ubuntu.com/about/release-cycle",  # Ubuntu: five years for LTS releases, nine months for the others
)
ENDS = {
    ("debian", "10"): date(2024, 6, 30),
    ("debian", "11"): date(2026, 8, 31),
    ("debian", "12"): date(2028, 6, 30),
    ("debian", "13"): date(2030, 6, 30),
    ("ubuntu", "18.04"): date(2023, 5, 31),
    ("ubuntu", "20.04"): date(2025, 5, 31),
    ("ubuntu", "22.04"): date(2027, 4, 30),
    ("ubuntu", "24.04"): date(2029, 4, 30),
    ("ubuntu", "24.10"): date(2025, 7, 10),
    ("ubuntu", "25.04"): date(2026, 1, 15),
    ("ubuntu", "25.10"): date(2026, 7, 31),
    ("ubuntu", "26.04"): date(2031, 4, 30),
}


def ends(distribution: str, version: str) -> date | None:
    """The last day of its updates; None where the table does not know it. `distribution` is its ``ID``."""
    found = ENDS.get((distribution, version))
    return found or ENDS.get((distribution, version.partition(".")[0]))
