"""Questions to a real engine and its containers, each with an answer that is good and one that is not."""

from __future__ import annotations

import pytest

from homelab.checks import engine as checks
from homelab.engine import run
from homelab.resources import image

SLEEPS = "trap exit TERM; sleep 600 & wait"


@pytest.fixture(scope="module")
def pulled(tequila):
    image.do(tequila, image.read(tequila, "busybox"), image.wanted("busybox"))
    yield tequila
    tequila.run(["sh", "-c", "docker rm -f $(docker ps -aq); true"])


def started(machine, name: str, *options: str, command: str = SLEEPS) -> str:
    run(machine, ["docker", "run", "-d", "--name", name, *options, "busybox", "sh", "-c", command])
    return name


def test_the_engine_says_what_it_is(world, pulled) -> None:
    said = checks.docker_answers(pulled)
    root = world.lab["tier"] == "root"
    assert said.status == ("ok" if root else "warn")
    assert "storage overlay2" in said.evidence
    assert "cgroup v" in said.evidence


def test_docker_ps_before_and_after_the_group(pulled) -> None:
    assert checks.docker_ps_without_sudo(pulled).evidence.startswith("CONTAINER ID")

    class AsNobody:
        name, pending = pulled.name, pulled.pending

        def run(self, argv, **more):
            return pulled.run(["su", "-s", "/bin/sh", "nobody", "-c", " ".join(argv)], **more)

    said = checks.docker_ps_without_sudo(AsNobody())
    assert said.status == "fail"
    assert "permission denied" in said.evidence
    assert "usermod -aG docker" in said.hint


def test_a_container_with_a_health_check(pulled) -> None:
    probe = ["--health-interval", "0.2s", "--health-retries", "1", "--health-cmd"]
    well = started(pulled, "well", *probe, "echo all is well")
    said = checks.container_healthy(pulled, well)
    assert said.status == "ok", said
    assert said.evidence.startswith("healthy, since ")
    assert said.evidence.endswith("its last probe ended with status 0: all is well")
    sick = started(pulled, "sick", *probe, "echo no disk; exit 1")
    said = checks.container_healthy(pulled, sick, 1.5)
    assert said.status == "fail"
    assert "unhealthy" in said.evidence
    assert said.evidence.endswith("its last probe ended with status 1: no disk")
    assert said.hint == "docker logs sick"


def test_a_container_without_one_or_that_ended(pulled) -> None:
    said = checks.container_healthy(pulled, started(pulled, "plain"))
    assert (said.status, said.evidence.partition(",")[0]) == ("ok", "it runs; its image has no health check")
    over = started(pulled, "over", command="echo goodbye; exit 3")
    run(pulled, ["docker", "wait", over])
    said = checks.container_healthy(pulled, over)
    assert (said.status, said.evidence) == ("fail", "over ended with status 3: goodbye")
    said = checks.container_healthy(pulled, "nobody")
    assert (said.status, said.evidence) == ("fail", "there is no container nobody")


def test_the_last_words(pulled) -> None:
    talks = started(pulled, "talks", command=f"seq 30; {SLEEPS}")
    said = checks.container_logs(pulled, talks, 3)
    assert (said.status, said.evidence) == ("ok", "28\n29\n30")
    assert checks.container_logs(pulled, started(pulled, "mute")).evidence == "it has said nothing yet"


@pytest.mark.parametrize(
    ("ask", "unit"),
    [(checks.room_for_the_game, "GiB left"), (checks.room_for_images, "GiB left in /var/lib/docker")],
)
def test_room(pulled, ask, unit: str) -> None:
    enough, too_little = ask(pulled, 0.001), ask(pulled, 1e6)
    assert (enough.status, too_little.status) == ("ok", "warn")
    assert unit in enough.evidence
    assert too_little.hint


def test_room_on_the_graphics_card(pulled) -> None:
    said = checks.graphics_for_the_game(pulled)
    assert said.status == "skip"
    assert "no nvidia-smi" in said.evidence
    pulled.write_text("/usr/local/bin/nvidia-smi", "#!/bin/sh\necho 512; echo 3072\n", 0o755)  # a stand-in
    try:
        assert checks.graphics_for_the_game(pulled).status == "ok"
        said = checks.graphics_for_the_game(pulled, 4)
        assert (said.status, said.evidence) == ("warn", "3.0 GiB left, 4 wanted")
    finally:
        pulled.run(["rm", "/usr/local/bin/nvidia-smi"])
