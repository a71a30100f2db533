"""The command line's words and exit statuses."""

from __future__ import annotations

import pytest

from homelab.runner import suite
from homelab.runner.cli import COMMANDS, HELP, main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], "'rum' is not a command; did you mean 'run'?"),
        (["run", "--topology", "x"], "there is no option --topology"),
        (["run", "--apply", "--plan"], "not allowed with"),
        (["run", "--param", "x"], "there is no option --param; did you mean"),
        (["check"], "one of the arguments --params --seat is required"),
        (["run", "--from", "no-such-plan"], "no-such-plan: cannot be read: No such file or directory"),
        (["undo", "no-such-run"], "there is no such run"),
    ],
)
def test_wrong_words_start_nothing(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code  # type: ignore[assignment]
    assert status == 3
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["help"], ["-h"]])
def test_help_is_one_screen_and_names_every_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 110
    for command in COMMANDS:
        assert f"./runbook {command}" in "\n".join(lines)
    assert HELP.read_text().splitlines() == lines


def test_the_suite_is_one_pytest_call() -> None:
    words = suite.command(["-q"])
    assert words[1:3] == ["-m", "pytest"]
    assert words[-3:] == ["notebooks", "tests", "-q"]
    assert "--nbval-lax" in words


@pytest.mark.parametrize(("cores", "words", "two"), [(2, [], True), (1, [], False), (2, ["--nightly"], False), (2, [__file__], False)])  # fmt: skip
def test_two_files_at_a_time_where_two_can(
    cores: int, words: list[str], two: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    assert ("-n2" in suite.command(words)) == two


def test_named_tests_replace_the_suite() -> None:
    words = suite.command([__file__, "-k", "x"])
    assert "notebooks" not in words
    assert __file__ in words


def test_benchmarks_run_alone() -> None:
    assert suite.command(["--bench"])[-2:] == ["tests/benchmarks", "--bench"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--param", "home.yaml"], "no option --param; did you mean '--params'?"),
        (["run", "04", "--param=home.yaml"], "no option --param; did you mean '--params'?"),
        (["undo", "latest", "--aply"], "no option --aply; did you mean '--apply'?"),
    ],
)
def test_a_misspelled_option_is_told_what_it_was_to_be(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 3
    assert said in capsys.readouterr().err


def test_a_stage_by_its_number_without_a_nought() -> None:
    from homelab import stages
    from homelab.errors import ParamsError

    assert stages.find("4") == stages.find("04") == "04_services"
    assert stages.find("0") == "00_welcome"
    with pytest.raises(ParamsError) as caught:
        stages.find("44")
    hint = caught.value.problems[0].hint
    assert hint.count("services") == 1, "each stage once"


def test_ctrl_c_is_answered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from homelab.runner import cli

    def stopped(*words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_do", stopped)
    assert main(["check", "--params", "home.yaml"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
