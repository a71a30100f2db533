"""``./runbook init``: a params file that is good at once and claims nothing, a portrait, and nothing written over."""

from __future__ import annotations

import html.parser
import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fake_home import CONTAINERS, IMAGES, VERSION, WHEN, FakeHome, container

from homelab import params
from homelab.errors import ParamsError, PrerequisiteMissing
from homelab.portrait import params_file
from homelab.portrait.facts import Home
from homelab.portrait.look import look_at
from homelab.portrait.roles import cast
from homelab.runner import init as command
from homelab.runner import portrait_page, portrait_text
from homelab.runner.request import understand


def home(*machines: FakeHome) -> Home:
    ways = ["local", *(f"ssh://alice@m{n}" for n in range(len(machines)))]
    seen = look_at({m.name + way: (m, way) for m, way in zip(machines, ways, strict=False)}, WHEN)
    return replace(seen, machines=cast(seen.machines, [""] * len(machines)))


def written(tmp_path: Path, found: Home) -> tuple[params.World, str]:
    path = tmp_path / "home.yaml"
    path.write_text(params_file.text(found))
    return params.read(path), path.read_text()


def test_it_is_good_at_once_and_claims_nothing(tmp_path: Path) -> None:
    world, text = written(tmp_path, home(FakeHome()))
    request = understand([], str(world.path), apply=True)
    assert len(request.stages) >= 11
    assert not any(world.manages(stage) for stage in request.stages)
    assert all(request.parameters(stage)["apply"] is False for stage in request.stages)
    assert request.stages["03_enrollment"]["hostname"] == "laptop"
    assert request.stages["02_jellyfin"]["folder"] == "/home/alice/jelly"
    assert request.stages["02_jellyfin"]["tag"] == "10.9.11"
    assert request.stages["04_services"]["services"] == request.stages["04_services"]["adopt"] == []
    assert request.stages["05_funnel"]["to"] == 3000
    assert request.stages["07_subnet_router"]["routes"] == ["192.168.178.0/24"]
    assert "DECIDE" in text


def test_claiming_is_taking_a_hash_away(tmp_path: Path) -> None:
    world, text = written(tmp_path, home(FakeHome()))
    for commented in re.findall(r"^  # - \S.*$", text, re.MULTILINE):
        text = text.replace(commented, commented.replace("# ", "", 1))
    world.path.write_text(text)
    claimed = params.read(world.path)
    stages = understand([], str(world.path)).stages
    assert all(claimed.manages(stage) for stage in stages if stage != "00_welcome")
    assert stages["04_services"]["adopt"] == ["/home/alice/docker/paperless/docker-compose.yml"]


@pytest.mark.parametrize(
    "name",
    ["null", "on", "a: b", "#x", "it's\nmanage: [services]", "ünï", "- x", "\u2028y", "{a}", "x'\"y", "007"],
)
def test_no_name_breaks_the_file(tmp_path: Path, name: str) -> None:
    strange = [
        *CONTAINERS,
        container(name, f"jellyfin/{name}:1", project=name, files=f"/srv/{name}/compose.yaml"),
    ]
    docker = (
        f"{json.dumps(VERSION)}\n{name.splitlines()[0]}\n1\n{json.dumps(strange)}\n{json.dumps(IMAGES)}\n"
    )
    system = f'name={name.splitlines()[0]}\nkernel=6\ndistribution="{name.splitlines()[0]}"\n'
    world, text = written(tmp_path, home(FakeHome(docker=docker, system=system, status=("", "", 127))))
    assert not world.manages("04_services")
    assert yaml.safe_load(text)["manage"] is None


def test_a_way_to_a_repository_on_another_machine(tmp_path: Path) -> None:
    away = FakeHome("nas", backups="restic 1795600000 /mnt/backup/restic\n", docker=("", "", 127))
    _, text = written(tmp_path, home(FakeHome(), away))
    assert "# backups: sftp:laptop:/mnt/backup/restic" in text  # both call themselves laptop


class Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.alt = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]
        self.alt = self.alt or (
            (tag == "svg" and given.get("role") == "img" and given.get("aria-label")) or ""
        )


def test_the_page_fetches_nothing_and_has_words_for_its_picture() -> None:
    found = home(FakeHome())
    text = portrait_page.page(found, "params/home.yaml")
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert "<script" not in text
    assert "laptop runs paperless-db-1, paperless-web-1, jellyfin" in page.alt or "jellyfin" in page.alt
    assert "https://laptop.snow-burbot.ts.net/ is open to the internet" in page.alt
    for said in (
        "1.92.1 is out",
        "ends in 11 days",
        "90% full",
        "/home/alice/docker/paperless/docker-compose.yml",
    ):
        assert said in text


def test_a_long_name_is_broken_between_its_parts() -> None:
    text = portrait_page.page(home(FakeHome()), "params/home.yaml")
    assert "ghcr.io/<wbr>blakeblackshear/<wbr>frigate:<wbr>stable" in text


def test_what_machines_say_stays_text() -> None:
    evil = FakeHome(
        system='name=<script>alert(1)</script>\nkernel=6\ndistribution="<b>x"\n', status=("", "", 127)
    )
    text = portrait_page.page(home(evil), "params/home.yaml")
    assert "<script" not in text
    assert "<b>x" not in text


def test_the_terminal_says_it_too() -> None:
    text = portrait_text.text(home(FakeHome()))
    assert "✗ cameras/frigate" in text
    assert "! PostgreSQL on port 5432 is open" in text
    assert max(map(len, text.splitlines())) <= 106


def test_writes_for_its_owner_and_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("homelab.home.placed", lambda *_: FakeHome())
    file = tmp_path / "home.yaml"
    assert command.init([], str(file)) == 0
    assert "Nothing was changed" in capsys.readouterr().out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home.html").stat().st_mode) == 0o600
    before = file.read_bytes()
    with pytest.raises(PrerequisiteMissing, match="writes over none") as caught:
        command.init([], str(file))
    assert "--out" in caught.value.hint
    assert file.read_bytes() == before
    file.unlink()
    with pytest.raises(PrerequisiteMissing):  # the portrait of before is somebody's as well
        command.init([], str(file))
    assert not file.exists()


@pytest.mark.parametrize("out", ["nowhere/home.yaml", "home.html", "home"])
def test_a_name_that_cannot_be(tmp_path: Path, out: str) -> None:
    with pytest.raises(PrerequisiteMissing):
        command.init([], str(tmp_path / out))
    assert list(tmp_path.iterdir()) == []


def test_every_wrong_word_at_once() -> None:
    with pytest.raises(ParamsError) as caught:
        command.understand(["local", "ssh:/x", "Big=ssh://a", "nas=ssh://a", "nas=ssh://b", "local"])
    assert [p.where for p in caught.value.problems] == [
        "ssh:/x",
        "Big=ssh://a",
        "nas=ssh://a",
        "nas=ssh://b",
        "local",
    ]
    assert command.understand([]) == [("", "local")]
    assert command.understand(["local", "nas=ssh://me@nas"]) == [("", "local"), ("nas", "ssh://me@nas")]


def test_a_machine_that_is_away_means_that_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homelab.home.placed", lambda *_: FakeHome(system=None))
    with pytest.raises(PrerequisiteMissing):
        command.init(["ssh://me@nas"], str(tmp_path / "home.yaml"))
    assert list(tmp_path.iterdir()) == []
