"""Backups without a machine: recipes, restic's words, commands shown, and what checks make of a repository."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homelab.checks.backup import of_age, of_proof
from homelab.errors import HomelabError, ParamsError, PrerequisiteMissing
from homelab.machine import Pending, Result, shown
from homelab.resources import (
    authorized_key,
    backup_key,
    package,
    proof,
    repository,
    restored,
    service_data,
    snapshot,
)
from homelab.upkeep import backup, recipe, restic, second_place
from homelab.upkeep.recipe import Recipe
from homelab.upkeep.restic import PROVED, Snapshot, fault, moment, of_service, place_of, proof_tag, proofs

PLACE, FOLDER = "/mnt/backup/restic", "/srv/homelab/immich"
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
DATABASE: dict[str, Any] = {
    "volumes": [
        {"type": "bind", "source": f"{FOLDER}/postgres", "target": "/var/lib/postgresql/data"},
        {"type": "bind", "source": f"{FOLDER}/init", "target": "/init", "read_only": True},
        {"type": "volume", "source": "tailscale", "target": "/x"},
    ]
}
DUMP = {
    "service": "database",
    "command": ["pg_dump", "immich"],
    "restore": ["psql", "immich"],
    "file": "immich.sql",
}


def project(services: dict[str, Any] | None = None, backup: Any = None) -> dict[str, Any]:
    return {"services": services or {"server": {}, "database": DATABASE}, "x-homelab": {"backup": backup}}


def test_a_recipe_of_folders_and_a_database() -> None:
    told = project(backup={"folders": ["library"], "stop": ["server"], "dump": DUMP})
    beside = ["compose.yaml", ".env", "immich.sql", ".restored", ".started-from"]
    found = recipe.of_project(told, f"{FOLDER}/", beside)
    assert found == Recipe(
        FOLDER, ("library",), ("compose.yaml", ".env"), ("server",), "database", ("pg_dump", "immich"),
        ("psql", "immich"), "immich.sql", ("postgres",),
    )  # fmt: skip
    assert found.service == "immich"
    assert found.data == ("library", "immich.sql")
    assert Recipe.of_word(found.word()) == found
    assert Recipe.of_word(Recipe(FOLDER, (), dumper="d").word()) == Recipe(FOLDER, (), dumper="d")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"services": {}}, "does not say what to back up"),
        (project(backup={}), "a backup of nothing is none"),
        (project(backup={"folders": ["a"], "stop": ["servr"]}), "no service is called 'servr'"),
        (project(backup={"folders": ["/etc"]}), "not below the project's folder"),
        (project(backup={"folders": ["../other"]}), "not below the project's folder"),
        (project(backup={"folders": ["-rf"]}), "not below the project's folder"),
        (project({"database": {}}, {"dump": DUMP}), "is not in a folder of the project"),
    ],
)
def test_a_bad_recipe_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError) as error:
        recipe.of_project(told, FOLDER)
    assert said in str(error.value)


def test_a_name_names_project_and_repository() -> None:
    name = recipe.name_of("/srv/homelab/a/", "sftp:demoserver:/srv/backup")
    assert recipe.split(name) == ("/srv/homelab/a", "sftp:demoserver:/srv/backup")
    with pytest.raises(HomelabError):
        recipe.split("nothing")


@pytest.mark.parametrize(
    "text", ["/mnt/backup/restic", "sftp:demoserver:/srv/backup", "sftp:me@nas.lan:backup"]
)
def test_places(text: str) -> None:
    assert place_of(text) == text


@pytest.mark.parametrize("text", ["", "restic", "rest:https://x/", "/a b", "sftp:demoserver", "sftp:a;b:/x"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="must be a folder"):
        place_of(text)


@pytest.mark.parametrize(
    ("rc", "said", "place", "kind", "hint"),
    [
        (127, "restic: not found", PLACE, PrerequisiteMissing, "apt-get install restic"),
        (1, "sudo: restic: command not found", PLACE, PrerequisiteMissing, "apt-get install restic"),
        (1, "Fatal: unable to open config file: stat x: no such file\nIs there a repository at the following location?\nx", PLACE, restic.NoRepository, "mounted"),
        (10, "Fatal: repository does not exist: unable to open config file\nIs there a repository at the following location?", PLACE, restic.NoRepository, "mounted"),
        (1, "Fatal: wrong password or no key found", PLACE, HomelabError, restic.PASSWORD_FILE),
        (1, "unable to create lock in backend: repository is already locked by PID 7 on nas by root", PLACE, HomelabError, "unlock"),
        (1, "write /mnt/x: no space left on device", PLACE, HomelabError, "forget"),
        (1, "Fatal: unable to open repository at sftp:demoserver:/x: unable to start the sftp session, error: read |0: file already closed", "sftp:demoserver:/x", HomelabError, "sudo sftp demoserver"),
        (1, "subprocess ssh: ssh: connect to host demoserver port 22: Connection refused", "sftp:demoserver:/x", HomelabError, "sudo sftp demoserver"),
    ],
)  # fmt: skip
def test_what_restic_says_becomes_one_clear_error(
    rc: int, said: str, place: str, kind: type, hint: str
) -> None:
    error = fault(Result(("restic",), rc, "", said, 0.1, "tequila"), place)
    assert error
    assert type(error) is kind
    assert hint in error.hint


def test_an_unknown_word_of_restic_is_not_guessed_at() -> None:
    assert fault(Result(("restic",), 1, "", "Fatal: something new", 0.1), PLACE) is None


def test_times_of_restic_have_nanoseconds() -> None:
    assert moment("2026-11-24T18:42:55.643553512+01:00") == datetime(
        2026, 11, 24, 17, 42, 55, 643553, tzinfo=UTC
    )
    assert moment("2026-11-24T18:42:55Z") == datetime(2026, 11, 24, 18, 42, 55, tzinfo=UTC)


def taken(hours: float, *tags: str) -> Snapshot:
    return Snapshot(f"id{hours}", NOW - timedelta(hours=hours), "tequila", tags, ("/x",))


def test_a_proof_is_no_backup() -> None:
    found = [taken(5, "jellyfin", "image:jellyfin=a@sha256:1"), taken(1, PROVED, proof_tag("jellyfin"))]
    assert of_service(found, "jellyfin") == found[:1]
    assert of_service(found, PROVED) == []
    assert proofs(found, "jellyfin") == found[1:]
    assert proofs(found, "immich") == []
    assert found[0].images == ("jellyfin=a@sha256:1",)


@pytest.mark.parametrize(
    ("found", "status", "evidence"),
    [
        ([taken(1, "a"), taken(2, "b")], "ok", "a 1 h ago (1), b 2 h ago (1)"),
        ([taken(30, "a"), taken(2, "b")], "fail", "a 30 h ago (1)"),
        ([taken(72, "a"), taken(25, "a"), taken(2, "b")], "ok", "a 25 h ago (2)"),
        ([taken(2, "b")], "fail", "a never"),
        ([taken(0.1, PROVED, "proof-of-a"), taken(2, "b")], "fail", "a never"),
        ([taken(0.1, "a"), taken(100, "b")], "fail", "b 4 days ago"),
    ],
)
def test_recent(found: list[Snapshot], status: str, evidence: str) -> None:
    ordered = sorted(found, key=lambda s: s.at)
    answer = of_age(ordered, "tequila", ["a", "b"], 26, NOW)
    assert (answer.status, evidence in answer.evidence) == (status, True), answer


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([taken(24 * 89, PROVED, "proof-of-a")], "ok"),
        ([taken(24 * 91, PROVED, "proof-of-a")], "warn"),
        ([taken(1, "a")], "warn"),
        ([], "warn"),
        ([taken(1, PROVED, "proof-of-b")], "warn"),
    ],
)
def test_a_backup_never_restored_is_a_warning(found: list[Snapshot], status: str) -> None:
    answer = of_proof(found, "tequila", ["a"], 90, NOW)
    assert answer.status == status
    assert (status == "ok") or "run the drill for a" in answer.hint


def test_the_same_again() -> None:
    assert (
        backup.same(
            {"id": "1", "films": "3"}, {"id": "1", "films": "3", "more": "x"}, "phone", "jellyfin"
        ).status
        == "ok"
    )
    lost = backup.same({"id": "1", "films": "3"}, {"id": "2"}, "phone", "jellyfin")
    assert lost.status == "fail"
    assert "id: 1 before, 2 now" in lost.evidence
    assert "films: 3 before, nothing now" in lost.evidence


HOW = Recipe(
    FOLDER, ("library",), ("compose.yaml", ".env"), ("server",), "database", ("pg_dump", "-U", "pg", "immich"),
    ("psql", "-U", "pg"), "immich.sql", ("postgres",),
)  # fmt: skip
RESTIC = f"sudo restic -r {PLACE} -p /etc/homelab/restic-password"


def test_a_backup_as_typed() -> None:
    before = snapshot.State(
        "immich", PLACE, 0, host="tequila", how=HOW.word(), images=("server=a/b@sha256:1",)
    )
    assert shown(snapshot.command(before, before)).splitlines() == [
        "(",
        "set -e",
        f"cd {FOLDER}",
        "test ! -e .putting-back  # half restored data is no backup",
        "ls -d library compose.yaml .env >/dev/null  # all of it is there",
        "trap 'docker compose start server && sudo rm -f .backing-up' EXIT  # also when the backup fails",
        "trap 'exit 130' INT TERM HUP",
        "sudo touch .backing-up",
        "docker compose stop server",
        "sudo sh -ec 'umask 077; docker compose exec -T database pg_dump -U pg immich > immich.sql'",
        f"{RESTIC} backup --host tequila --tag immich --tag image:server=a/b@sha256:1 library immich.sql compose.yaml .env",
        ")",
    ]


def test_nothing_stands_still_that_stood_still_before() -> None:
    how = Recipe(FOLDER, ("library",), ("compose.yaml",))
    before = snapshot.State("immich", PLACE, 0, host="tequila", how=how.word())
    assert "docker" not in shown(snapshot.command(before, before))


def test_a_database_is_put_back_into_a_new_one() -> None:
    before = restored.State("immich", PLACE, 4, how=HOW.word())
    typed = shown(restored.command(before, restored.State("immich", PLACE, 5, "cafe"))).splitlines()
    wanted = [
        f"{RESTIC} restore cafe --target .restoring --verify || {{ sudo rm -rf .restoring .putting-back; exit 1; }}",
        "docker compose stop server database",
        "if [ -e .aside/5/postgres ]; then sudo rm -rf postgres; elif [ -e postgres ]; then sudo mv postgres .aside/5/postgres; fi",
        "docker compose up -d --wait database  # a new, empty database",
        "sudo sh -ec 'docker compose exec -T database psql -U pg < immich.sql' >/dev/null",
        "echo cafe | sudo tee -a .restored >/dev/null",
        "docker compose up -d --wait",
    ]
    assert [x for x in typed if x in wanted] == wanted
    assert not any("mv .restoring/postgres" in x for x in typed)


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        (
            repository.State(PLACE, False, False),
            "sudo sh -c 'umask 077; mkdir -p /etc/homelab; head -c 32 /dev/urandom | base64 > /etc/homelab/restic-password'\n"
            f"ls -d /mnt/backup  # the second disk: is it mounted?\n{RESTIC} init",
        ),
        (repository.State(PLACE, True, True, 1, 1), f"{RESTIC} unlock --remove-all"),
        (repository.State(PLACE, True, True, 1, 2), f"{RESTIC} unlock"),
        (
            repository.State("sftp:demoserver:/srv/b", False),
            "sudo restic -r sftp:demoserver:/srv/b -p /etc/homelab/restic-password init",
        ),
    ],
)
def test_a_repository_as_typed(before: repository.State, typed: str) -> None:
    assert shown(repository.command(before, repository.State(before.place, True))) == typed


def test_no_command_carries_a_password() -> None:
    states = repository.State(PLACE, False, False), repository.State(PLACE, True)
    assert "RESTIC_PASSWORD" not in shown(repository.command(*states))


def test_what_is_never_taken_back() -> None:
    for module in (repository, snapshot, proof, service_data):
        assert module.irreversible(None, None)


def test_the_rest_as_typed() -> None:
    assert (
        shown(package.command(package.State("restic", False), package.State("restic", True)))
        == "sudo apt-get install -y restic"
    )
    gone = service_data.command(
        service_data.State("immich", True, PLACE, HOW.word()), service_data.State("immich", False)
    )
    assert shown(gone) == f"cd {FOLDER} && docker compose down && sudo rm -rf library immich.sql postgres"
    after = proof.State("immich", PLACE, 1, "tequila", "id: 1, films: 3")
    assert shown(proof.command(after, after)) == (
        f"echo 'id: 1, films: 3' | {RESTIC} backup --stdin --stdin-filename 'id: 1, films: 3.txt' --host tequila "
        "--tag restore-proved --tag proof-of-immich"
    )


class Machine:
    """Answers from a table: what is asked, by the words in it."""

    name, about = "tequila", ""
    person: Any = None
    pending = Pending()

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def run(self, argv: Sequence[str], **more: Any) -> Result:
        self.asked.append(shown(argv))
        for word, out in self.answers.items():
            if word in self.asked[-1]:
                return Result(tuple(argv), 0, out, "", 0.0, self.name)
        return Result(tuple(argv), 1, "", "no", 0.0, self.name)

    def read_text(self, path: str) -> str | None:
        return None

    def write_text(self, path: str, text: str, mode: int = 0o644) -> None:
        raise AssertionError(path)


def test_snapshots_are_read_without_a_lock() -> None:
    rows = [
        {"short_id": "b", "time": "2026-11-24T18:00:00Z", "hostname": "h", "tags": ["x"], "paths": ["/x"]},
        {"short_id": "a", "time": "2026-11-23T18:00:00Z", "hostname": "h", "tags": None, "paths": ["/x"]},
    ]
    machine = Machine(**{"snapshots --json": json.dumps(rows), "ls": "a\nb\n"})
    assert [s.id for s in restic.snapshots(machine, PLACE)] == ["a", "b"]
    assert "--no-lock" in machine.asked[1]
    assert restic.snapshots(Machine(snapshots="null"), PLACE) == []


def test_a_repository_whose_files_are_the_same_is_not_opened_again() -> None:
    machine = Machine(**{"snapshots --json": "[]", "ls": "a"})
    for _ in range(3):
        restic.snapshots(machine, PLACE)
    assert len([x for x in machine.asked if "--json" in x]) == 1
    machine.answers["ls"] = "a b"
    restic.snapshots(machine, PLACE)
    assert len([x for x in machine.asked if "--json" in x]) == 2
    for _ in range(2):
        restic.snapshots(machine, "sftp:demoserver:/x")
    assert len([x for x in machine.asked if "--json" in x]) == 4, (
        "on another machine nothing is seen beforehand"
    )


def test_data_is_not_destroyed_without_a_backup() -> None:
    with pytest.raises(HomelabError, match="only copy"):
        service_data.do(Machine(), service_data.State("a", True, PLACE), service_data.State("a", False))


def test_a_key_that_was_made_anew_takes_the_place_of_the_old() -> None:
    old = authorized_key.State("homelab-backup@tequila", True, "ssh-ed25519 AAA homelab-backup@tequila")
    new = authorized_key.State("homelab-backup@tequila", True, "ssh-ed25519 BBB homelab-backup@tequila")
    typed = shown(authorized_key.command(old, new)).splitlines()
    assert typed[0] == "sed -i '\\|homelab-backup@tequila|d' ~/.ssh/authorized_keys"
    assert 'restrict,command="internal-sftp" ssh-ed25519 BBB' in typed[-1]
    gone = authorized_key.command(new, authorized_key.State("homelab-backup@tequila", False))
    assert shown(gone) == typed[0]


def test_root_s_ssh_is_told_about_the_other_machine_only() -> None:
    typed = shown(
        backup_key.command(
            backup_key.State("nas", False, False, owner="tequila"), backup_key.State("nas", True, True)
        )
    )
    assert "ssh-keygen -q -t ed25519 -N '' -C homelab-backup@tequila -f /root/.ssh/homelab-backup" in typed
    assert "\nHost nas\n" in typed
    assert "accept-new" in typed
    assert second_place.host_of("sftp:me@nas.lan:/x") == "nas.lan"
    assert second_place.host_of("/mnt/x") == ""
