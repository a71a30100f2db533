"""A shell script's simple commands: none is left out, and what cannot be told is said."""

from __future__ import annotations

import pytest

from homelab.simple_commands import ANY, Unclear, commands


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("a; b && c || d | e & f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("if a; then b; elif c; then d; else e; fi", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("for x in 1 2 $(a); do b $x; done", [["a"], ["b", ANY]]),
        ("for f; do b; done", [["b"]]),
        ("while a; do b; done; until c; do d; done", [["a"], ["b"], ["c"], ["d"]]),
        ("case $(a) in x|y*) b;; (z) c;; *) d; esac; e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("f() { a; }; f; b", [["a"], ["b"]]),
        ("a 'x; b' \"y; $(c)\" `d`", [["c"], ["d"], ["a", "x; b", f"y; {ANY}", ANY]]),
        ("A=1 B=$(a) b", [["a"], ["b"]]),
        ("A=$(a)", [["a"]]),
        ("a # b; c\nd", [["a"], ["d"]]),
        ("a \\\n  -x\nb", [["a", "-x"], ["b"]]),
        ("(a; (b)) && c", [["a"], ["b"], ["c"]]),
        ("a <<EOF && c\nb; $x\nEOF\nd", [["a"], ["c"], ["d"]]),
        ("a 2>/dev/null >&2 <in 2>&1 | b >/dev/null", [["a"], ["b"]]),
        ("echo $((1 + 2)) ${x%/*}", [["echo", ANY, ANY]]),
        ("", []),
    ],
)
def test_every_command_is_found(script: str, found: list[list[str]]) -> None:
    assert commands(script) == found


@pytest.mark.parametrize(
    ("script", "target"),
    [("a >x", "x"), ("a >> $b", ANY), ("a &>x", "x"), ("a 2>'x y'", "x y"), ("exec 3<>file", "file"), ("{ a; } >x", "x")],
)  # fmt: skip
def test_a_file_that_is_written_counts_as_a_command(script: str, target: str) -> None:
    assert [">", target] in commands(script)


@pytest.mark.parametrize(
    "script",
    [
        "$x", "${x} y", "$(a) b", "eval a", "a $(b", "a 'b", 'a "b', "((x=1))", "alias a=b", "trap a EXIT",
        "cat <<E\n$(a)\nE", "echo ${x:-$(a)}", "shift; \"$@\"", "a)",
    ],
)  # fmt: skip
def test_what_only_a_shell_knows_is_unclear(script: str) -> None:
    with pytest.raises(Unclear):
        commands(script, ["a"])


def test_the_arguments_are_what_a_script_runs() -> None:
    assert commands('exec "$@"', ["rm", "x"]) == [["exec", "rm", "x"]]
    assert commands('"$@"', ["rm", "x"]) == [["rm", "x"]]
