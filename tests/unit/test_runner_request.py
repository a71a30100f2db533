"""What a run is asked for: every problem is found before anything starts, all at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import Tiny

from homelab import stages
from homelab.errors import ParamsError
from homelab.runner.request import understand


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    made = Tiny(tmp_path)
    monkeypatch.setattr(stages, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(stages, "__path__", [str(tmp_path / "stages"), *stages.__path__])
    made.book(
        "00_alpha",
        "1",
        fields='word: str = "x"; port: int = Field(80, ge=1, le=65535)',
        parameters="word = 'x'\nport = 80",
    )
    made.book(
        "01_beta",
        "1",
        fields='word: str = "y"; flag: bool = False',
        parameters="word = 'y'\nflag: bool = False",
    )
    yield made
    for name in ("alpha", "beta"):
        sys.modules.pop(f"homelab.stages.{name}", None)


def problems(*words: str, params: str | Path, settings: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        understand(words, str(params), settings)
    return [str(p) for p in caught.value.problems]


def test_no_stage_means_all_in_order(tiny: Tiny) -> None:
    assert list(understand([], str(tiny.home)).stages) == ["00_alpha", "01_beta"]


def test_stages_run_in_the_order_of_their_numbers_and_once(tiny: Tiny) -> None:
    assert list(understand(["beta", "00", "01_beta"], str(tiny.home)).stages) == ["00_alpha", "01_beta"]


def test_a_setting_goes_to_each_stage_that_has_it(tiny: Tiny) -> None:
    request = understand([], str(tiny.home), ["word=hi", "port=443"], True)
    common = {"params": str(tiny.home), "apply": True}
    assert request.parameters("00_alpha") == {**common, "word": "hi", "port": 443}
    assert request.parameters("01_beta") == {**common, "word": "hi", "flag": False}


def test_apply_is_given_only_when_said(tiny: Tiny) -> None:
    assert "apply" not in understand([], str(tiny.home)).parameters("00_alpha")


def test_unknown_names_come_with_the_nearest(tiny: Tiny) -> None:
    assert problems("alhpa", params=tiny.home) == ["alhpa: is not a stage (did you mean 'alpha'?)"]
    assert problems(params=tiny.home, settings=("prot=1",)) == [
        "-p prot: no stage of this run has such a parameter (did you mean 'port'?)"
    ]
    assert problems("beta", params=tiny.home, settings=("port=1",))[0].startswith(
        "-p port: 01_beta has no such parameter"
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("port=70000", "port: must be at most 65535, not 70000"),
        ("port=many", "port: must be a whole number"),
        ("flag=7", "flag: must be true or false"),
        ("port=[1]", "port: must be a whole number"),
        ("flag=[a]", "flag: must be true or false"),
        ("port", "-p: is not NAME=VALUE"),
        ("=3", "-p: is not NAME=VALUE"),
        ("params=x", "--params FILE names the params file"),
        ("apply=1", "--apply or --plan says that"),
    ],
)
def test_a_bad_setting(tiny: Tiny, setting: str, said: str) -> None:
    found = problems(params=tiny.home, settings=(setting,))
    assert said in found[0]
    assert len(found) == 1


def test_a_setting_is_looked_at_though_no_stage_is_known(tiny: Tiny) -> None:
    found = problems("gamma", params=tiny.home, settings=("wrod=1", "word=1"))
    assert found[1:] == ["-p wrod: no stage of this run has such a parameter (did you mean 'word'?)"]


def test_all_problems_at_once(tiny: Tiny) -> None:
    tiny.home.write_text("world: h\nwrold: x\nalpha:\n  port: many\n")
    found = problems("alpha", "gamma", params=tiny.home, settings=("wrod=1", "port=0", "port=1"))
    assert len(found) == 6
    text = "\n".join(found)
    for said in (
        "gamma",
        f"{tiny.home}:2",
        f"{tiny.home}:4",
        "wrod",
        "must be at least 1",
        "given twice",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"world: [", "is not the YAML that we read"),
        (b"- a\n- b\n", "holds a list"),
        (b"\x7fELF\x02\x01\x00\xff\xfe", "is not text in UTF-8"),
        (b"world: h\x00me\n", "is not the YAML that we read"),
        (b"a: &x [1]\nb: *x\n", "aliases (*name) are not read here"),
        (
            b"world: !!python/object/apply:os.system [touch hacked]\n",
            "home.yaml:1: the tag tag:yaml.org,2002:python",
        ),
        (b"world: h\n" + b"[" * 3000, "is not the YAML that we read"),
        (b"world: h\nalpha: 3\n", "home.yaml:2: must be a section"),
    ],
)
def test_a_params_file_that_is_none(tiny: Tiny, content: bytes, said: str) -> None:
    tiny.home.write_bytes(content)
    assert said in "\n".join(problems(params=tiny.home))
    assert not (tiny.folder / "hacked").exists()


def test_a_params_file_that_is_not_there(tiny: Tiny) -> None:
    assert "No such file" in problems(params=tiny.folder / "no.yaml")[0]
    assert "Is a directory" in problems(params=tiny.folder)[0]


def test_a_notebook_that_would_ignore_a_parameter_is_refused(tiny: Tiny) -> None:
    tiny.book("00_alpha", "1", fields='word: str = "x"; port: int = 80', parameters="word = 'x'  # port = 80")
    assert problems(params=tiny.home)[0].endswith("00_alpha.ipynb: its parameters cell does not have port")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"cells": [{"metadata": {"tags": ["parameters"]}, "source": "a ="}]}']
)
def test_a_broken_notebook(tiny: Tiny, text: str) -> None:
    (tiny.folder / "notebooks/00_alpha.ipynb").write_text(text)
    assert "00_alpha.ipynb: is not a notebook" in problems(params=tiny.home)[0]


def test_a_secret_s_value_is_not_repeated(tiny: Tiny) -> None:
    tiny.book("00_alpha", "1", fields="key: Secret | None = None", parameters="key = None")
    sys.modules.pop("homelab.stages.alpha", None)
    text = "\n".join(problems(params=tiny.home, settings=("key=hunter2hunter2",)))
    assert "env:NAME" in text
    assert "hunter2" not in text


def test_saying_no_takes_no_papermill(tiny: Tiny) -> None:
    """All of it is said before the slow imports, and with exit status 3."""
    code = (
        f"import sys; sys.argv = ['x']; import runpy; runpy.run_path({str(tiny.folder / 'drive.py')!r})\n"
        f"from homelab.runner.cli import main; rc = main(['run', 'alhpa', '--params', {str(tiny.home)!r}])\n"
        "import json; print(json.dumps([rc, [m for m in ('papermill', 'nbformat', 'jupyter_client', 'IPython') if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert json.loads(done.stdout) == [3, []]
    assert "did you mean 'alpha'?" in done.stderr
    assert not (tiny.folder / "out").exists()
