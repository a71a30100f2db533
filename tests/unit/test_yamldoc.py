"""YAML that knows its lines: every problem at once, and nothing hostile gets through."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from homelab.errors import ParamsError, nearest
from homelab.yamldoc import LARGEST, load, parse, validate


class Port(BaseModel):
    model_config = ConfigDict(extra="forbid")
    port: int = 1


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    one: Port | None = None
    named: dict[str, Port] = {}
    many: list[Port] = []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
        ("- 1\n", 1, "not keys with values"),
        ("just words\n", 1, "not keys with values"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is there twice (first on line 1)"),
        ("a: [\n", 2, "not the YAML that we read"),
        ("a:\n\t- b\n", 2, "not the YAML that we read"),
        ("a: &x [1]\nb: *x\n", 2, "aliases"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "tag"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("[1]: 2\n", 1, "a key must be a plain word"),
        ("a: \x00\n", None, "not the YAML that we read"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", None, "is nested too deep: more than 40 levels"),
        ("a: " + "[" * 9000 + "]" * 9000 + "\n", None, "is nested too deep: more than 40 levels"),
    ],
)
def test_refused_with_its_line(text: str, line: int | None, said: str) -> None:
    with pytest.raises(ParamsError) as caught:
        parse(text, "f.yaml")
    problem = caught.value.problems[0]
    assert problem.where == (f"f.yaml:{line}" if line else "f.yaml")
    assert said in problem.what


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
    )
    with pytest.raises(ParamsError, match="aliases"):
        parse(bomb, "bomb.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\x89PNG\r\n\x1a\n\xff", "not text in UTF-8"), (b"a: " + b"x" * LARGEST, "larger than")],
)
def test_binary_and_huge_files(tmp_path, content: bytes, said: str) -> None:
    (tmp_path / "p.yaml").write_bytes(content)
    with pytest.raises(ParamsError) as caught:
        load(tmp_path / "p.yaml")
    assert said in str(caught.value)


def test_missing_file_and_folder(tmp_path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ParamsError) as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_every_problem_at_once_with_line_and_nearest_name() -> None:
    text = "named:\n  x:\n    prot: 3\n    port: abc\none: {porz: 3}\nmany:\n- port: 3\n- pord: 3\nnamd: 1\n"
    with pytest.raises(ParamsError) as caught:
        validate(Model, parse(text, "f.yaml"))
    found = {(p.where, p.hint) for p in caught.value.problems}
    assert found == {
        ("f.yaml:3", "did you mean 'port'?"),
        ("f.yaml:4", ""),
        ("f.yaml:5", "did you mean 'port'?"),
        ("f.yaml:8", "did you mean 'port'?"),
        ("f.yaml:9", "did you mean 'named'?"),
    }


def test_dates_stay_the_text_that_was_written() -> None:
    assert parse("a: 2026-11-24\nb: 3\nc: yes please\n", "f").data == {
        "a": "2026-11-24",
        "b": 3,
        "c": "yes please",
    }


def test_nearest_names_all_when_nothing_is_near() -> None:
    assert nearest("zzz", ["port", "host"]) == "known: host, port"
