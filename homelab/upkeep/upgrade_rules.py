"""What the projects say about their own upgrades, as data with its source; and the judgement made of it.

From which version one may upgrade, what changes the data so that there is no way back on it, and what a
mere pull never does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True)
class Step:
    """To reach `to` (a specifier of versions), one must run `source_version` at least."""

    to: str
    at_least: str
    advice: str


@dataclass(frozen=True)
class Rule:
    """The rules of one product, which comes as any of `images` (repository names).

    `asks`: which part of the version, when it changes, changes the data too (1 = the major, 2 = the
    minor); then consent is needed. `by_dump`: such a change is never made by a pull, only by dump and
    restore, and this is the recipe. `ten` is Jellyfin's way to count: 10.11 is its release 11.
    """

    product: str
    images: tuple[str, ...]
    source: str
    asks: int = 1
    steps: tuple[Step, ...] = ()
    by_dump: str = ""
    ten: bool = False


@dataclass(frozen=True)
class Companion:
    """What releases of a product (`of`, those in `versions`) want of the database that is beside it."""

    of: str
    versions: str
    vectorchord: str
    source: str


DUMP = (
    "dump it with the old release, put the data folder aside, start the new one on an empty folder, "
    "and read the dump back"
)
RULES = (
    Rule(
        "Jellyfin",
        ("jellyfin/jellyfin", "ghcr.io/jellyfin/jellyfin", "lscr.io/linuxserver/jellyfin", "linuxserver/jellyfin"),
        "https://github.com/jellyfin/jellyfin-web/releases/tag/v12.0-rc7 (notes of release 12)",
        steps=(Step(">=11", "10.10.7", "upgrade to 10.10.7 first, start it once, then go on"),),
        ten=True,
    ),
    Rule(
        "Immich",
        ("ghcr.io/immich-app/immich-server",),
        "https://docs.immich.app/install/upgrading",
        asks=2,  # "Switching back to an earlier version, even within the same minor, is not supported"
        steps=(Step(">=1.137.0", "1.132.0", "upgrade to 1.132.3 first, start it once, then go on"),),
    ),
    Rule(
        "PostgreSQL",
        ("postgres", "library/postgres", "ghcr.io/immich-app/postgres", "tensorchord/pgvecto-rs"),
        "https://www.postgresql.org/docs/current/upgrading.html",
        by_dump=DUMP,
    ),
    Rule(
        "Home Assistant",
        ("ghcr.io/home-assistant/home-assistant", "homeassistant/home-assistant"),
        "https://www.home-assistant.io/faq/release",  # a release a month, with backward-incompatible changes
        asks=2,
    ),
    Rule(
        "Miniflux",
        ("miniflux/miniflux", "ghcr.io/miniflux/miniflux"),
        "https://miniflux.app/docs/upgrade.html",  # "export your database first"; migrations run at the start
        asks=2,
    ),
)  # fmt: skip
COMPANIONS = (
    Companion("Immich", ">=2.7.5", ">=0.3,<2", "https://github.com/immich-app/immich/blob/v2.7.5/server/src/constants.ts"),
    Companion("Immich", ">=1.133.0,<2.7.5", ">=0.3,<0.6", "https://docs.immich.app/administration/postgres-standalone"),
)  # fmt: skip
NO_PGVECTO_RS = Companion("Immich", ">=3.0.0", "", "https://immich.app/blog/v3-migration")


@dataclass(frozen=True)
class Verdict:
    """``free``, ``consent`` (a person must say yes) or ``refused``; `why`, in words with the source."""

    kind: str
    why: str = ""


def rule_of(repository: str) -> Rule | None:
    """The rule for images of `repository`; None where we know of none."""
    name = repository.removeprefix("docker.io/").removeprefix("index.docker.io/")
    return next((r for r in RULES if name in r.images), None)


def version(text: str) -> Version | None:
    """The version in `text`: ``v12.4``, ``17.2-1.pgdg120+1``, ``14-vectorchord0.4.3``; None if it has none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)((?:-?rc\.?\d+)?)", text.strip())
    return Version(found[1] + found[2].replace("-", "").replace(".", "")) if found else None


def counted(rule: Rule | None, one: Version) -> Version:
    """`one` as its project counts: Jellyfin dropped the 10 in front of 10.12."""
    if rule and rule.ten and one.major == 10 and len(one.release) > 1:
        return Version(".".join(str(n) for n in one.release[1:]))
    return one


def judge(repository: str, old: str, new: str) -> Verdict:
    """Whether data of release `old` may be given to release `new` of the same image, by a pull."""
    rule = rule_of(repository)
    source = f" ({rule.source})" if rule else ""
    was, will = version(old), version(new)
    if was is None or will is None:
        if rule:
            return Verdict(
                "consent", f"which release this is cannot be told: {old or '?'} → {new or '?'}{source}"
            )
        return Verdict("free")
    one, two = counted(rule, was), counted(rule, will)
    if two < one:
        return Verdict(
            "refused",
            f"{new} is older than {old}: data of a newer release is never given to an older one; "
            f"the way back is the old image with the data restored from before{source}",
        )
    for step in rule.steps if rule else ():
        if two in SpecifierSet(step.to) and one < counted(rule, Version(step.at_least)):
            return Verdict("refused", f"from {old} there is no upgrade to {new}: {step.advice}{source}")
    parts = rule.asks if rule else 1
    if _parts(one, parts) == _parts(two, parts):
        return Verdict("free")
    if rule and rule.by_dump:
        return Verdict(
            "refused",
            f"{rule.product} {one.major} → {two.major} is not done by a pull: {rule.by_dump}{source}",
        )
    what = "a new major version" if _parts(one, 1) != _parts(two, 1) else "its database migrates"
    return Verdict("consent", f"{what}, after which only the backup leads back{source}")


def _parts(one: Version, count: int) -> tuple[int, ...]:
    return (*one.release, 0, 0, 0)[:count]


VECTORCHORD = re.compile(r"vectorchord(\d+(?:\.\d+)*)")


def judge_database(reference_now: str, reference_then: str, server: str, product: str = "Immich") -> Verdict:
    """Whether the database image `reference_then`, after `reference_now`, is one that `server` can use.

    Both are full references, as the Compose file has them; `server` is the version of the product then.
    """
    then, now = VECTORCHORD.search(reference_then), VECTORCHORD.search(reference_now)
    release = version(server)
    if now and then and Version(then[1]) < Version(now[1]):
        return Verdict(
            "refused", f"VectorChord {now[1]} → {then[1]}: the database does not open with an older one"
        )
    if release is None:
        return Verdict("free")
    if "pgvecto-rs" in reference_then and release in SpecifierSet(NO_PGVECTO_RS.versions):
        return Verdict(
            "refused",
            f"{product} {server} no longer reads pgvecto.rs: move to ghcr.io/immich-app/postgres first ({NO_PGVECTO_RS.source})",
        )
    for wants in COMPANIONS:
        if then and wants.of == product and release in SpecifierSet(wants.versions):
            if Version(then[1]) not in SpecifierSet(wants.vectorchord):
                return Verdict(
                    "refused",
                    f"{product} {server} wants VectorChord {wants.vectorchord}, not {then[1]} ({wants.source})",
                )
            break
    return Verdict("free")


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The strictest of `verdicts`; free where there are none."""
    order = {"refused": 0, "consent": 1, "free": 2}
    return min(verdicts, key=lambda v: order[v.kind], default=Verdict("free"))


def consented(consent: Sequence[str], names: Sequence[str], new: str) -> bool:
    """Whether `consent` covers the step to `new` of what is called by any of `names`.

    ``jellyfin`` is a yes to whatever comes next, ``jellyfin=12`` only to a release 12.
    """
    for word in consent:
        name, limited, only = word.partition("=")
        if name in names and (not limited or new == only or new.startswith(f"{only}.")):
            return True
    return False
