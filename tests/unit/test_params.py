"""Parameters: every problem of a params file at once, before anything starts."""

from __future__ import annotations

import pytest

from homelab import stages
from homelab.errors import ParamsError
from homelab.params import PARAMS, for_stage, read

HOME = "world: attic\nmachines:\n  tequila: {about: a laptop}\n"


def _read(tmp_path, text: str):
    (tmp_path / "home.yaml").write_text(text)
    return read(tmp_path / "home.yaml")


def test_a_home(tmp_path) -> None:
    world = _read(tmp_path, HOME + "api_key: env:TS_API_KEY\n")
    assert not world.is_lab
    assert str(world.common.api_key) == "env:TS_API_KEY"
    assert world.common.apply is False


LISTS = {
    "hardware.yaml",
    "models.yaml",
    "prices.yaml",
}  # of the benchmarks, no worlds: test_gpu_catalogue reads them


@pytest.mark.parametrize("name", sorted({p.name for p in PARAMS.glob("*.yaml")} - LISTS))
def test_the_files_that_we_ship_are_good(name: str) -> None:
    assert read(PARAMS / name).is_lab == (name == "lab.yaml")


def test_all_problems_at_once(tmp_path) -> None:
    text = "world: Attic!\nlogin_sever: https://x.y\napply: maybe\napi_key: tskey-api-secret\nmachines:\n  t: {vai: local}\n"
    with pytest.raises(ParamsError) as caught:
        _read(tmp_path, text)
    problems = {int(p.where.rsplit(":", 1)[1]): p for p in caught.value.problems}
    assert sorted(problems) == [1, 2, 3, 4, 6]
    assert problems[2].hint == "did you mean 'login_server'?"
    assert problems[6].hint == "did you mean 'via'?"
    assert "tskey" not in str(caught.value)


def test_only_the_lab_has_a_topology(tmp_path) -> None:
    with pytest.raises(ParamsError, match="topology"):
        _read(tmp_path, HOME + "topology: {}\n")


@pytest.mark.parametrize("server", ["http://plain.example.com", "headscale.example.com", "https://"])
def test_a_login_server_is_an_https_address(tmp_path, server: str) -> None:
    with pytest.raises(ParamsError, match="login_server"):
        _read(tmp_path, HOME + f"login_server: {server}\n")


def test_a_section_of_a_stage_is_checked_with_its_lines(tmp_path) -> None:
    stage = stages.names()[0]
    with pytest.raises(ParamsError) as caught:
        _read(tmp_path, HOME + f"{stage[3:]}:\n  no_such_parameter: 1\n")
    assert caught.value.problems[0].where.endswith(":5")


def test_parameters_from_the_command_line(tmp_path) -> None:
    world = _read(tmp_path, HOME)
    with pytest.raises(ParamsError, match="has no such parameter"):
        for_stage(world, stages.names()[0], {"no_such_parameter": "1"})


@pytest.mark.parametrize(("word", "near"), [("00_wellcome", "00_welcome"), ("welcom", "welcome")])
def test_an_unknown_stage_names_the_nearest(word: str, near: str) -> None:
    with pytest.raises(ParamsError) as caught:
        stages.find(word)
    assert near in caught.value.problems[0].hint


def test_a_stage_goes_by_three_names() -> None:
    first = stages.names()[0]
    assert stages.find(first) == stages.find(first[3:]) == stages.find(first[:2]) == first
