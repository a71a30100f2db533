"""Looking at a home: what the answers say; what is missing, slow or strange is a fact, never an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fake_home import WHEN, FakeHome

from homelab import only_reads
from homelab.errors import PrerequisiteMissing
from homelab.portrait import parse
from homelab.portrait.facts import Home, Seen
from homelab.portrait.look import look, look_at
from homelab.portrait.questions import QUESTIONS, SERVED
from homelab.portrait.remarks import remarks
from homelab.portrait.roles import cast


def home(machine: FakeHome) -> Home:
    return Home(cast([look("local", machine, "local")], [""]), WHEN)


@pytest.fixture(scope="module")
def laptop() -> Seen:
    return home(FakeHome()).machines[0]


def test_the_system_and_its_role(laptop: Seen) -> None:
    assert (laptop.name, laptop.why, laptop.called) == ("tequila", "the machine with Docker", "laptop")
    assert laptop.system.memory == 16303428 * 1024
    assert laptop.system.programs == ("tailscale", "docker", "sshd", "ss")


def test_the_tailnet(laptop: Seen) -> None:
    node = laptop.node
    assert node
    assert (node.version, node.latest, node.domain) == ("1.90.6", "1.92.1", "laptop.snow-burbot.ts.net")
    assert node.key_expires == datetime(2026, 12, 9, 7, tzinfo=UTC)
    assert [(s.url, s.target, s.public) for s in node.served] == [
        ("https://laptop.snow-burbot.ts.net/", "http://127.0.0.1:3000", True)
    ]
    assert node.routes == ("192.168.178.0/24",)
    assert node.approved == ()
    assert [p.name for p in node.peers if p.online] == ["nas", "phone"]


def test_docker_and_its_projects(laptop: Seen) -> None:
    docker = laptop.docker
    assert docker
    assert (docker.version, docker.context, docker.volumes) == ("27.3.1", "default", 7)
    assert [c.name for c in docker.single] == ["jellyfin"]
    cameras, paperless = docker.projects
    assert not cameras.adoptable  # Windows started it: this machine does not have its file by that path
    assert paperless.files == ("/home/alice/docker/paperless/docker-compose.yml",)
    assert [(c.service, [p.port for p in c.ports], c.well) for c in paperless.containers] == [
        ("db", [5432], True),
        ("web", [8000], True),
    ]  # a port of both families of addresses is one port
    assert paperless.containers[0].digest == f"sha256:{'ab' * 32}"
    assert paperless.containers[0].built == datetime(2025, 3, 4, 10, tzinfo=UTC)


def test_disks_and_listeners(laptop: Seen) -> None:
    assert [(m.at, round(m.share, 2)) for m in laptop.mounts] == [("/", 0.9), ("/mnt/old disk", 0.47)]
    assert [(d.name, d.turns) for d in laptop.disks] == [("nvme0n1", False), ("sda", True)]
    assert [(p.port, p.everywhere, p.program) for p in laptop.listeners] == [
        (22, True, ""),
        (53, False, ""),
        (3000, False, "node"),
        (5432, True, ""),
        (8096, True, ""),
    ]


@pytest.mark.parametrize("question", [*QUESTIONS.values(), SERVED], ids=[*QUESTIONS, "served"])
def test_every_question_only_reads(question: tuple[str, ...]) -> None:
    assert only_reads.command(question) == ""


def test_a_bare_machine_is_no_error() -> None:
    nothing = ("", "not found", 127)
    seen = look(
        "x", FakeHome(docker=nothing, gpu=nothing, mounts=nothing, disks=nothing, listeners=nothing, status=nothing), "local"
    )  # fmt: skip
    assert (seen.docker, seen.node, seen.gpus, seen.mounts, seen.silent) == (None, None, (), (), ())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            '{"Client": {}, "Server": null}|permission denied while trying to connect',
            "this user may not talk to it",
        ),
        (
            "|Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
            "it is installed and does not run",
        ),
        ("|error during connect: context is broken", "error during connect: context is broken"),
    ],
)
def test_a_docker_that_refuses_says_why(said: str, why: str) -> None:
    out, _, err = said.partition("|")
    found = look("x", FakeHome(docker=(out, err, 1)), "local").docker
    assert found
    assert found.refused == why


def test_what_does_not_answer_in_time_is_named() -> None:
    seen = look("x", FakeHome(docker=None, backups=None, status="{broken"), "local")
    assert seen.silent == ("Tailscale", "docker", "repositories")
    assert seen.mounts  # the others have answered


def test_no_shell_is_refused() -> None:
    with pytest.raises(PrerequisiteMissing, match="no POSIX shell"):
        look_at({"local": (FakeHome(system=("", "This account is not available", 1)), "local")})


def test_a_stopped_tailscaled_is_a_state() -> None:
    seen = look("x", FakeHome(status=("", "failed to connect to local tailscaled", 1)), "local")
    assert seen.node
    assert not seen.node.running


def test_the_remarks_of_this_home() -> None:
    said = remarks(home(FakeHome()))
    assert 3 <= len(said) <= 5
    assert [r.title for r in said][:3] == [
        "PostgreSQL on port 5432 is open to the whole network",
        "The login of laptop ends in 11 days",
        "No backup was seen",
    ]
    assert any("127.0.0.1:5432:5432" in r.text for r in said)


@pytest.mark.parametrize(
    ("age", "title"), [(1, "There is a backup"), (30, "The newest backup is 30 days old")]
)
def test_the_age_of_a_backup(age: int, title: str) -> None:
    stamp = int(WHEN.timestamp()) - age * 86400
    quiet = FakeHome(
        backups=f"restic {stamp} /mnt/backup/my disk\n", mounts="", listeners="", docker=("", "", 127)
    )
    assert title in [r.title for r in remarks(home(quiet))]


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("restic 1795600000 /mnt/a b/restic\nborg  /srv/borg\n", [("restic", "/mnt/a b/restic", True), ("borg", "/srv/borg", False)]),
        ("", []),
        ("find: nonsense\n", []),
    ],
)  # fmt: skip
def test_repositories(said: str, kinds: list[tuple[str, str, bool]]) -> None:
    assert [(r.kind, r.at, r.newest is not None) for r in parse.repositories(said)] == kinds


def test_who_is_in_no_tailnet_is_said_in_one_breath() -> None:
    bare = look("c", FakeHome(docker=("", "", 127), status=("", "", 127), mounts="", listeners=""), "ssh://c")
    said = [r.title for r in remarks(Home(cast([bare, bare], ["attic", "cellar"]), WHEN))]
    assert "laptop and laptop are in no tailnet" in said
    assert len([t for t in said if "in no tailnet" in t]) == 1


def test_roles_are_given_once() -> None:
    one, two = look("a", FakeHome(), "local"), look("b", FakeHome(), "ssh://b")
    assert [s.name for s in cast([one, two], ["", ""])] == ["tequila", "router"]
    assert [s.name for s in cast([one, two], ["", "tequila"])] == ["router", "tequila"]
    bare = look("c", FakeHome(docker=("", "", 127), status=("", "", 127)), "ssh://c")
    assert [s.name for s in cast([one, bare, bare], ["", "", ""])] == ["tequila", "laptop", "laptop-2"]
