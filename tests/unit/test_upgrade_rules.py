"""The projects' own upgrade rules: versions in, verdict out."""

from __future__ import annotations

import pytest
from packaging.version import Version

from homelab.upkeep import upgrade_rules
from homelab.upkeep.upgrade_rules import consented, counted, judge, judge_database, rule_of, version

JELLYFIN, IMMICH = "jellyfin/jellyfin", "ghcr.io/immich-app/immich-server"
VECTORS = "ghcr.io/immich-app/postgres"


@pytest.mark.parametrize(
    ("repository", "old", "new", "kind", "said"),
    [
        # Jellyfin: within a release free; a new one migrates the database; not from before 10.10.7
        (JELLYFIN, "12.3", "12.3", "free", ""),
        (JELLYFIN, "12.3", "12.4", "free", ""),
        (JELLYFIN, "12.3.0", "12.4", "free", ""),
        (JELLYFIN, "10.11.6", "10.11.11", "free", ""),
        (JELLYFIN, "10.11.6", "12.4", "consent", "new major"),
        (JELLYFIN, "10.10.7", "10.11.6", "consent", "new major"),
        (JELLYFIN, "10.10.7", "12.0", "consent", "only the backup leads back"),
        (JELLYFIN, "12.4", "13.0", "consent", "new major"),
        (JELLYFIN, "10.9.11", "10.10.7", "consent", "new major"),
        (JELLYFIN, "10.9.11", "10.11.6", "refused", "10.10.7 first"),
        (JELLYFIN, "10.9.11", "12.4", "refused", "10.10.7 first"),
        (JELLYFIN, "10.10.6", "12.4", "refused", "10.10.7 first"),
        (JELLYFIN, "12.4", "12.3", "refused", "older"),
        (JELLYFIN, "12.4", "10.11.6", "refused", "the old image with the data restored"),
        (JELLYFIN, "", "12.4", "consent", "cannot be told"),
        ("lscr.io/linuxserver/jellyfin", "10.10.3ubu2404-ls1", "12.4", "refused", "10.10.7 first"),
        ("docker.io/jellyfin/jellyfin", "10.9.0", "12.4", "refused", "10.10.7 first"),
        # Immich: any minor may migrate; never back, not even within one
        (IMMICH, "3.0.1", "3.0.2", "free", ""),
        (IMMICH, "3.0.1", "3.1.0", "consent", "migrates"),
        (IMMICH, "2.7.5", "3.0.0", "consent", "new major"),
        (IMMICH, "3.1.0", "3.0.2", "refused", "never given to an older"),
        (IMMICH, "3.0.2", "3.0.1", "refused", "older"),
        (IMMICH, "1.131.3", "2.7.5", "refused", "1.132.3 first"),
        (IMMICH, "1.132.3", "2.7.5", "consent", "new major"),
        (IMMICH, "v2.7.5", "v2.7.6", "free", ""),
        # PostgreSQL: a minor is a restart, a major is dump and restore
        ("postgres", "15.8-1.pgdg120+1", "15.10-1.pgdg120+1", "free", ""),
        ("postgres", "15.10", "17.2", "refused", "dump it with the old release"),
        ("library/postgres", "15", "16", "refused", "not done by a pull"),
        ("postgres", "17.2", "15.10", "refused", "older"),
        (VECTORS, "14", "15", "refused", "not done by a pull"),
        (VECTORS, "14", "14", "free", ""),
        # Others
        ("ghcr.io/home-assistant/home-assistant", "2026.6.1", "2026.6.3", "free", ""),
        ("ghcr.io/home-assistant/home-assistant", "2026.6.3", "2026.7.0", "consent", "migrates"),
        ("ghcr.io/home-assistant/home-assistant", "2026.12.1", "2027.1.0", "consent", "new major"),
        ("miniflux/miniflux", "2.2.13", "2.2.14", "free", ""),
        ("miniflux/miniflux", "2.2.14", "2.3.0", "consent", "migrates"),
        # Without a rule of ours: majors ask, nothing goes back, what tells no version goes with a backup
        ("eclipse-mosquitto", "2.0.18", "2.0.20", "free", ""),
        ("valkey/valkey", "8.1.1", "9.0.0", "consent", "new major"),
        ("valkey/valkey", "9.0.0", "8.1.1", "refused", "older"),
        ("tailscale/tailscale", "1.90.1", "1.92.0", "free", ""),
        ("registry.example.com/own/app", "", "", "free", ""),
        ("registry.example.com/own/app", "nightly", "nightly", "free", ""),
    ],
)
def test_judge(repository: str, old: str, new: str, kind: str, said: str) -> None:
    verdict = judge(repository, old, new)
    assert (verdict.kind, said in verdict.why) == (kind, True), verdict
    if kind != "free" and (rule := rule_of(repository)):
        assert rule.source in verdict.why, "who is refused must be able to read why"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12.4", "12.4"), ("v2.7.5", "2.7.5"), ("17.2-1.pgdg120+1", "17.2"), ("14-vectorchord0.4.3", "14"),
        ("2026.7.1", "2026.7.1"), ("12.0-rc7", "12.0rc7"), ("3.11-slim", "3.11"), ("release", None), ("", None),
    ],
)  # fmt: skip
def test_version(text: str, wanted: str | None) -> None:
    assert version(text) == (Version(wanted) if wanted else None)


def test_a_release_candidate_is_before_its_release() -> None:
    assert judge(JELLYFIN, "12.0", "12.0-rc7").kind == "refused"


def test_jellyfin_dropped_the_ten() -> None:
    rule = rule_of(JELLYFIN)
    assert counted(rule, Version("10.11.6")) == Version("11.6")
    assert counted(rule, Version("12.3")) == Version("12.3")


@pytest.mark.parametrize(
    ("now", "then", "server", "kind", "said"),
    [
        (f"{VECTORS}:14-vectorchord0.4.3", f"{VECTORS}:14-vectorchord0.4.3", "3.1.0", "free", ""),
        (f"{VECTORS}:14-vectorchord0.4.3", f"{VECTORS}:14-vectorchord1.1.1", "3.1.0", "free", ""),
        (f"{VECTORS}:14-vectorchord0.4.3", f"{VECTORS}:14-vectorchord1.1.1", "2.0.0", "refused", ">=0.3,<0.6"),
        (f"{VECTORS}:14-vectorchord0.5.3", f"{VECTORS}:14-vectorchord0.4.3", "3.1.0", "refused", "older one"),
        (f"{VECTORS}:14-vectorchord0.2.0", f"{VECTORS}:14-vectorchord0.2.0", "3.1.0", "refused", ">=0.3,<2"),
        ("tensorchord/pgvecto-rs:pg14-v0.2.0", "tensorchord/pgvecto-rs:pg14-v0.2.0", "3.0.0", "refused", "pgvecto.rs"),
        ("tensorchord/pgvecto-rs:pg14-v0.2.0", "tensorchord/pgvecto-rs:pg14-v0.2.0", "2.7.5", "free", ""),
        (
            f"{VECTORS}:14-vectorchord0.4.3-pgvectors0.2.0", f"{VECTORS}:14-vectorchord0.4.3-pgvectors0.2.0",
            "3.0.0", "free", "",
        ),
        (f"{VECTORS}:14-vectorchord0.4.3", f"{VECTORS}:14-vectorchord0.4.3", "", "free", ""),
    ],
)  # fmt: skip
def test_immich_and_its_database(now: str, then: str, server: str, kind: str, said: str) -> None:
    verdict = judge_database(now, then, server)
    assert (verdict.kind, said in verdict.why) == (kind, True), verdict


@pytest.mark.parametrize(
    ("consent", "new", "yes"),
    [
        ([], "12.4", False), (["jellyfin"], "12.4", True), (["jellyfin=12"], "12.4", True), (["jellyfin=12"], "13.0", False),
        (["jellyfin=1"], "12.4", False), (["jellyfin=12.4"], "12.4", True), (["immich"], "12.4", False),
    ],
)  # fmt: skip
def test_consent_names_who_and_how_far(consent: list[str], new: str, yes: bool) -> None:
    assert consented(consent, ["jellyfin"], new) is yes


def test_every_rule_has_a_source_that_can_be_opened() -> None:
    for rule in (*upgrade_rules.RULES, *upgrade_rules.COMPANIONS, upgrade_rules.NO_PGVECTO_RS):
        assert rule.source.startswith("https://")
