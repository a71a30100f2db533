"""States in, plan out: what the Jellyfin chapter wants of a machine, however far that machine is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from homelab.checks import jellyfin as asks
from homelab.lab_machine import LabMachine
from homelab.machine import Pending, Result
from homelab.person import Reader
from homelab.plan import Plan
from homelab.resources import container, film, folder, image, jellyfin_server, library, transcoding
from homelab.resources import engine as docker
from homelab.resources.jellyfin_api import Door
from homelab.stages import jellyfin
from homelab.stages.jellyfin import Params

TITLES = tuple(film.FILMS)
READY, ABSENT = docker.State(True, True, True), docker.State(False, False, False)
ALL = ["engine", "image", "folder", "film", "film", "film", "container", "jellyfin_server", "library"]


class Machine:
    """A machine that knows the answers to a few commands; everything else fails."""

    def __init__(self, name: str = "tequila", **knows: str) -> None:
        self.name, self.about, self.person, self.pending = name, "", Reader(), Pending()
        self.knows = {"ffmpeg": "/usr/bin/ffmpeg", "HOME": "/home/alice", **knows}

    def run(self, argv, **more):
        said = next((answer for word, answer in self.knows.items() if word in " ".join(argv)), None)
        return Result(tuple(argv), 1 if said is None else 0, said or "", "", 0.0, self.name)


class Somewhere:
    """A world of one machine in given states: resources are read from here instead."""

    def __init__(self, monkeypatch, *, lab=True, machine=None, **states) -> None:
        self.machines = {} if machine is False else {"tequila": machine or Machine()}
        self.lab = {"tier": "root"} if lab else None
        self.journal = SimpleNamespace(path=Path("/state/journal.jsonl"))
        self.params = SimpleNamespace(path=Path("home.yaml"))
        door = str(Door(8096, "alice", "file:/state/keys/jellyfin"))
        now = {
            docker: states.get("engine", ABSENT),
            image: states.get("image", image.State("jellyfin/jellyfin", False)),
            container: states.get("container", container.State("jellyfin")),
            jellyfin_server: jellyfin_server.State(states.get("set_up", False)),
            library: states.get("library", library.State(False, "Films", door=door)),
            transcoding: transcoding.State("none", door=door),
        }
        for module, state in now.items():
            monkeypatch.setattr(module, "read", lambda m, name="", state=state: state)
        made = states.get("folders", False)
        monkeypatch.setattr(folder, "read", lambda m, name: folder.State(made, tuple(name.splitlines())))
        there = states.get("films", ())
        monkeypatch.setattr(
            film, "read", lambda m, p: film.State(film.title_of(p) in there, film.title_of(p), p)
        )
        monkeypatch.setattr(jellyfin, "_lets_us_in", lambda m, door: states.get("known", True))

    def __getitem__(self, role):
        return self.machines[role]


def there(wish: Params, where: str = "/srv/jelly", **more: object) -> container.State:
    return jellyfin.container_wanted(wish, where, **more)


DONE = {
    "engine": READY,
    "image": image.State("jellyfin/jellyfin", True, "sha256:1"),
    "folders": True,
    "films": TITLES,
    "container": there(Params()),
    "set_up": True,
    "library": library.State(True, "Films", ("/media/Movies",), TITLES),
}


def words(plan) -> list[str]:
    return [c.resource for c in plan]


@pytest.mark.parametrize(
    ("states", "wish", "wanted"),
    [
        ({}, Params(), ALL),
        (DONE, Params(), []),
        ({**DONE, "engine": docker.State(True, False, True)}, Params(), ["engine"]),
        ({**DONE, "films": TITLES[:1]}, Params(), ["film", "film"]),
        ({**DONE, "container": container.State("jellyfin")}, Params(), ["container"]),
        ({**DONE, "container": there(Params(port=8097))}, Params(), ["container"]),
        ({**DONE, "set_up": False}, Params(), ["jellyfin_server"]),
        ({**DONE, "library": library.State(True, "Films", ("/media/Movies",), TITLES[:2])}, Params(), ["library"]),
        ({}, Params(films=False), [r for r in ALL if r != "film"]),
        (DONE, Params(films=False), []),
        ({**DONE, "known": False}, Params(), []),
        ({**DONE, "films": (), "known": False}, Params(), ["film", "film", "film"]),
    ],
)  # fmt: skip
def test_plan(monkeypatch, states, wish, wanted) -> None:
    assert words(jellyfin.plan(Somewhere(monkeypatch, **states), wish)) == wanted


def test_the_command_is_the_talks(monkeypatch) -> None:
    (run,) = jellyfin.plan(Somewhere(monkeypatch), Params()).part("container")
    assert run.command == (
        "mkdir -p /srv/jelly && cd /srv/jelly && "
        "docker run --name jellyfin --detach -p 8096:8096 --volume $(pwd)/config:/config "
        "--volume $(pwd)/cache:/cache --mount type=bind,source=$(pwd)/media,target=/media jellyfin/jellyfin"
    )


def test_parameters_reach_the_changes(monkeypatch) -> None:
    wish = Params(
        port=8097, folder="~/kino/", image="ghcr.io/jellyfin/jellyfin", tag="12.3", user="bob", password="env:PW"
    )  # fmt: skip
    plan = jellyfin.plan(Somewhere(monkeypatch), wish)
    by = {c.resource: c for c in plan}
    assert by["image"].command == "docker pull ghcr.io/jellyfin/jellyfin:12.3"
    assert by["folder"].after.paths[0] == "/home/alice/kino/config"
    assert "-p 8097:8096" in by["container"].command
    assert "http://127.0.0.1:8097/Startup" in by["jellyfin_server"].command
    assert (by["jellyfin_server"].after.user, by["jellyfin_server"].after.password) == ("bob", "env:PW")
    assert by["library"].after.door == "8097 bob env:PW"


def test_where_things_are(monkeypatch) -> None:
    lab, house = Somewhere(monkeypatch), Somewhere(monkeypatch, lab=False)
    assert jellyfin.place(lab, Params()) == "/srv/jelly"
    assert jellyfin.place(house, Params()) == "/home/alice/jelly"
    assert (
        jellyfin.url(house, Params())
        == jellyfin.url(house, Params(), Machine("phone"))
        == "http://127.0.0.1:8096"
    )
    machine = LabMachine("/x", "tequila", {"addresses": {"wsl": "172.28.16.10/20"}}, Reader(), Pending())
    lab = Somewhere(monkeypatch, machine=machine)
    assert jellyfin.url(lab, Params()) == "http://127.0.0.1:8096"
    assert jellyfin.url(lab, Params(port=81), Machine("phone")) == "http://172.28.16.10:81"
    assert jellyfin.account(lab, Params()).password == "file:/state/keys/jellyfin"


def test_somebody_elses_jellyfin_is_observed(monkeypatch) -> None:
    theirs = container.State("jellyfin", "jellyfin/jellyfin", True, volumes=("/opt/jf:/config",))
    plan = jellyfin.plan(Somewhere(monkeypatch, container=theirs), Params())
    assert not plan
    assert "observed, not managed" in str(plan)
    plan = jellyfin.plan(Somewhere(monkeypatch, **{**DONE, "known": False}), Params())
    assert "not ours" in str(plan)


def test_without_ffmpeg_no_films(monkeypatch) -> None:
    machine = Machine()
    del machine.knows["ffmpeg"]
    plan = jellyfin.plan(Somewhere(monkeypatch, machine=machine, films=TITLES[:1]), Params())
    assert words(plan) == [r for r in ALL if r != "film"]
    assert "apt-get install ffmpeg" in str(plan)
    (shelf,) = plan.part("library")
    assert shelf.after.films == TITLES[:1], "what is there is shown all the same"


def test_a_world_without_machines(monkeypatch) -> None:
    plan = jellyfin.plan(Somewhere(monkeypatch, machine=False), Params())
    assert not plan
    assert "no machine plays 'tequila'" in str(plan)


VAAPI = {"test -e /dev/dri/renderD128": "", "vainfo": "VAProfileH264Main : VAEntrypointEncSlice\n"}
NVIDIA = {
    "nvidia-smi": "GPU 0: NVIDIA GeForce GTX 1060 (UUID: GPU-1)\n",
    "docker info": '{"nvidia":{},"runc":{}}',
}


@pytest.mark.parametrize(
    ("asked", "knows", "option"),
    [("vaapi", VAAPI, "--device /dev/dri/renderD128:/dev/dri/renderD128"), ("nvenc", NVIDIA, "--gpus all")],
)
def test_hardware_is_planned_where_it_is(monkeypatch, asked, knows, option) -> None:
    plan = jellyfin.plan(Somewhere(monkeypatch, machine=Machine(**knows)), Params(transcoding=asked))
    by = {c.resource: c for c in plan}
    assert option in by["container"].command
    assert by["transcoding"].after.hardware == asked
    assert f'.HardwareAccelerationType="{asked}"' in by["transcoding"].command
    assert by["transcoding"].inverse().after.hardware == "none"


@pytest.mark.parametrize(
    ("asked", "knows", "why"),
    [
        ("vaapi", {}, "no /dev/dri/renderD128"),
        ("vaapi", {**VAAPI, "vainfo": "nothing"}, "no way to encode"),
        ("nvenc", {}, "no card"),
        ("nvenc", {**NVIDIA, "docker info": '{"runc":{}}'}, "Container Toolkit"),
    ],
)
def test_hardware_that_is_not_there_is_skipped_with_the_reason(monkeypatch, asked, knows, why) -> None:
    machine = Machine(**knows)
    plan = jellyfin.plan(Somewhere(monkeypatch, machine=machine), Params(transcoding=asked))
    assert words(plan) == ALL
    assert why in str(plan)
    assert "--gpus" not in str(plan)
    assert "--device " not in str(plan)
    answer = asks.can_transcode(machine, asked)
    assert (answer.status, why in answer.evidence) == ("skip", True)


def test_hardware_that_is_there_is_named() -> None:
    assert asks.can_transcode(Machine(**NVIDIA), "nvenc").evidence == "GPU 0: NVIDIA GeForce GTX 1060"
    assert asks.can_transcode(Machine(**VAAPI), "vaapi").status == "ok"
    assert asks.can_transcode(Machine(), "none").status == "skip"


def test_the_way_back_says_what_stays(monkeypatch) -> None:
    back = jellyfin.plan(Somewhere(monkeypatch), Params()).inverse()
    assert words(back) == ["library", "container", "image", "engine"]
    assert back.changes[1].command == "docker rm -f jellyfin"
    for kept in ("wizard runs once", "config and media are yours", "Colour Bars"):
        assert kept in str(back)


def test_a_plan_survives_being_saved(monkeypatch) -> None:
    plan = jellyfin.plan(Somewhere(monkeypatch), Params())
    assert Plan.load(plan.data()) == plan


def test_a_second_tag_is_for_the_lab(monkeypatch) -> None:
    (older,) = jellyfin.another_tag(Somewhere(monkeypatch), Params())
    assert older.command == "docker pull jellyfin/jellyfin:12.3"
    for world, wish in (
        (Somewhere(monkeypatch, lab=False), Params()),
        (Somewhere(monkeypatch), Params(compare="")),
        (Somewhere(monkeypatch), Params(tag="12.3")),
    ):
        assert not jellyfin.another_tag(world, wish)


def test_no_secret_in_what_is_shown(monkeypatch) -> None:
    monkeypatch.setenv("PW", "open-sesame")
    plan = jellyfin.plan(Somewhere(monkeypatch), Params(password="env:PW"))
    for text in (str(plan), plan.html(), str(plan.data())):
        assert "open-sesame" not in text
    assert "$JELLYFIN_PASSWORD" in str(plan)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"port": 0}, "greater than or equal to 1"),
        ({"port": 65536}, "less than or equal to 65535"),
        ({"port": "8096/udp"}, "integer"),
        ({"folder": "jelly"}, "must be a folder"),
        ({"folder": "/"}, "must be a folder"),
        ({"folder": "/srv/my films"}, "must be a folder"),
        ({"folder": "/srv/a:b"}, "must be a folder"),
        ({"folder": "/srv/a,b"}, "must be a folder"),
        ({"folder": "~bob/jelly"}, "must be a folder"),
        ({"image": "jellyfin/jellyfin:12.3"}, "tag"),
        ({"image": "Jellyfin"}, "must be "),
        ({"image": "a; rm -rf /"}, "must be "),
        ({"tag": ""}, "must be "),
        ({"tag": "la test"}, "must be "),
        ({"user": "al ice"}, "must be "),
        ({"user": '"'}, "must be "),
        ({"password": "open-sesame"}, "reference"),
        ({"transcoding": "qsv"}, "none"),
        ({"films": "some"}, "boolean"),
        ({"compare": "x y"}, "must be "),
        ({"folders": "/srv"}, "Extra inputs"),
    ],
)
def test_bad_parameters(given, word) -> None:
    with pytest.raises(ValidationError, match=word) as caught:
        Params.model_validate(given)
    assert "sesame" not in str(caught.value.errors(include_input=False, include_url=False))


@pytest.mark.parametrize(
    "name", ["jellyfin/jellyfin", "linuxserver/jellyfin", "ghcr.io/jellyfin/jellyfin", "localhost:5000/jellyfin", "busybox"]
)  # fmt: skip
def test_images_from_anywhere(name) -> None:
    assert Params(image=name).reference == name
    assert Params(image=name, tag="12.3").reference == f"{name}:12.3"
