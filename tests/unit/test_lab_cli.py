"""What the lab's command line refuses before anything is started ends with 3, never with 2 (drift)."""

from __future__ import annotations

import pytest

from homelab.lab import cli


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "COMMAND"),
        (["upp"], "there is no command 'upp'; did you mean 'up'?"),
        (["brak"], "did you mean 'break'?"),
        (["up", "--bogus"], "unrecognized arguments: --bogus"),
        (["exec"], "MACHINE"),
        (["start", "recorder"], "DAEMON"),
        (["link", "db", "--nat", "weird"], "invalid choice: 'weird'"),
        (["link", "db", "--delay", "abc"], "'abc' is no number"),
        (["link", "db", "--cut", "--mend"], "not allowed with argument --cut"),
    ],
)
def test_words_that_are_not_understood(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    told = capsys.readouterr().err
    assert caught.value.code == 3
    assert said in told
    assert "\nHint: ./runbook lab" in told


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["exec", "phone", "--"]) == 3
    assert capsys.readouterr().err == "no command\nHint: ./runbook lab exec MACHINE -- CMD…\n"
