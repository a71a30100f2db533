"""The simple commands that a shell script may run: enough of the shell's grammar to list them, never less.

Loops and conditions are not followed: every command that stands in the script counts. What only a shell
could know is refused as `Unclear`, so a list made here leaves nothing out.
Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ANY = "\0"  # stands in a word for what the shell puts there when it runs
WRITES = ">"  # a command of this name, with one word, is a file that a redirection writes

_SKIPPED = {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "time"}
_REDIRECTION = re.compile(r"(\d*|&)(<<<|<<-?|<>|<&|>&|>>|>\||<|>)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_FUNCTION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[ \t]*\([ \t]*\)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_QUIET = re.compile(r"^(/dev/(null|stdout|stderr|tty|fd/\d+|tcp/.*|udp/.*))$")
_STOPS = " \t\n;&|()<>"


class Unclear(ValueError):
    """What a script runs cannot be told from its text."""


def commands(script: str, arguments: Sequence[str] = ()) -> list[list[str]]:
    """The words of each command in `script`, which is given `arguments`; its own functions are left out.

    Raises:
        Unclear: a command's name, or the script's form, is known to a shell only.
    """
    reader = _Reader(script, arguments)
    reader.read()
    for words in reader.found:
        if words[0] != WRITES and (ANY in words[0] or words[0] in ("eval", "alias", "source", "trap")):
            raise Unclear(f"what `{words[0].replace(ANY, '$…')}` runs shows only when it does")
    return [w for w in reader.found if w[0] not in reader.functions]


class _Reader:
    def __init__(self, text: str, arguments: Sequence[str], at: int = 0) -> None:
        self.text, self.arguments, self.at = text, list(arguments), at
        self.found: list[list[str]] = []
        self.functions: set[str] = set()
        self._documents: list[tuple[str, bool]] = []
        self._shifted = False

    def read(self, inner: bool = False) -> None:
        """Read to the end, or (`inner`) to the parenthesis that closes what is read."""
        depth, cases = 0, [False]  # whether the innermost `case` waits for a pattern
        while True:
            self._blanks()
            if self.at >= len(self.text):
                if inner:
                    raise Unclear("a parenthesis is not closed")
                return
            char = self.text[self.at]
            if cases[-1] and not self._word_is("esac"):
                self._pattern()
                cases[-1] = False
            elif self.text.startswith(";;", self.at):
                self.at += 2
                cases[-1] = True
            elif char in ";&|\n":
                self._line() if char == "\n" else self._step()
            elif char == "(":
                if self.text.startswith("((", self.at):
                    raise Unclear("it computes with ((…))")
                depth, self.at = depth + 1, self.at + 1
            elif char == ")":
                self.at += 1
                if depth == 0:
                    if inner:
                        return
                    raise Unclear("a parenthesis is not opened")
                depth -= 1
            elif self._word_is("case"):
                self.at += 4
                self._blanks()
                self._word()
                self._expect("in")
                cases.append(True)
            elif self._word_is("esac"):
                self.at += 4
                if len(cases) > 1:
                    cases.pop()
            elif self._word_is("for"):
                self._loop()
            elif made := _FUNCTION.match(self.text, self.at):
                self.functions.add(made[1])
                self.at = made.end()
            elif skipped := next((w for w in _SKIPPED if self._word_is(w)), ""):
                self.at += len(skipped)
            else:
                self._command()

    def _step(self) -> None:
        self.at += 1

    def _blanks(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _line(self) -> None:
        """Past a line's end, and the here-documents that begin there."""
        self.at += 1
        for mark, plain in self._documents:
            end = re.compile(rf"^\t*{re.escape(mark)}$", re.MULTILINE).search(self.text, self.at)
            if not end:
                raise Unclear("a here-document has no end")
            body = self.text[self.at : end.start()]
            if not plain and ("$(" in body or "`" in body):
                raise Unclear("a here-document runs something")
            self.at = min(end.end() + 1, len(self.text))
        self._documents.clear()

    def _word_is(self, word: str) -> bool:
        end = self.at + len(word)
        return self.text.startswith(word, self.at) and (end >= len(self.text) or self.text[end] in _STOPS)

    def _expect(self, word: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n":
            self.at += 1
        if not self._word_is(word):
            raise Unclear(f"{word} is missing")
        self.at += len(word)

    def _pattern(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n":
            self.at += 1
        if self._word_is("esac"):
            return
        if self.text.startswith("(", self.at):
            self.at += 1
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.text[self.at] in " \t|":
                self.at += 1
            else:
                self._word()
        self.at += 1

    def _loop(self) -> None:
        """Past ``for NAME [in WORD …]``."""
        self.at += 3
        self._blanks()
        self._word()
        self._blanks()
        if self._word_is("in"):
            self.at += 2
            self._blanks()
            while self.at < len(self.text) and self.text[self.at] not in ";\n":
                self._word()
                self._blanks()

    def _command(self) -> None:
        words: list[str] = []
        while True:
            self._blanks()
            if self.at >= len(self.text):
                break
            redirection = _REDIRECTION.match(self.text, self.at)
            if redirection:
                self.at = redirection.end()
                self._redirect(redirection[2])
            elif self.text[self.at] in "\n;&|()":
                break
            else:
                start = self.at
                word = self._word()
                if words or not _ASSIGNMENT.match(self.text, start):
                    words += self._expanded(word, self.text[start : self.at], bool(words))
        if words and words[0] == "shift":
            self._shifted = True
        if words:
            self.found.append(words)

    def _expanded(self, word: str, raw: str, after: bool) -> list[str]:
        """`word`, or the script's arguments where it stands for them; `after` the name of a command."""
        if raw not in ('"$@"', "$@"):
            return [word]
        if self._shifted and not after:
            raise Unclear("its arguments are shifted, then run")
        return self.arguments if not self._shifted else [ANY]

    def _redirect(self, operator: str) -> None:
        self._blanks()
        start = self.at
        target = self._word()
        if operator.startswith("<<") and operator != "<<<":
            self._documents.append((target, any(c in self.text[start : self.at] for c in "'\"\\")))
        elif operator in (">&", "<&") and re.fullmatch(r"\d+|-", target):
            return
        elif ">" in operator and not _QUIET.match(target):
            self.found.append([WRITES, target])

    def _word(self) -> str:
        made = ""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _STOPS:
            char = self.text[self.at]
            if char == "'":
                end = self._find("'", self.at + 1)
                made += self.text[self.at + 1 : end]
                self.at = end + 1
            elif char == '"':
                self.at += 1
                made += self._quoted()
            elif char == "\\":
                made += self.text[self.at + 1 : self.at + 2].replace("\n", "")
                self.at += 2
            elif char in "$`":
                made += self._expansion()
            else:
                made += ANY if char in "*?" else char
                self.at += 1
        if self.at == start:
            raise Unclear(f"a word is missing at {self.text[self.at : self.at + 20]!r}")
        return made

    def _quoted(self) -> str:
        made = ""
        while self.text[self.at : self.at + 1] != '"':
            if self.at >= len(self.text):
                raise Unclear("a quote is not closed")
            char = self.text[self.at]
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in '"\\$`\n':
                made += self.text[self.at + 1].replace("\n", "")
                self.at += 2
            elif char in "$`":
                made += self._expansion()
            else:
                made += char
                self.at += 1
        self.at += 1
        return made

    def _expansion(self) -> str:
        """Past what begins with a dollar sign or a backquote; commands in it are found."""
        if self.text[self.at] == "`":
            end = self._find("`", self.at + 1)
            self._inner(self.text[self.at + 1 : end].replace("\\`", "`"))
            self.at = end + 1
        elif self.text.startswith("$((", self.at):
            end = self._find("))", self.at)
            if "$(" in self.text[self.at + 3 : end]:
                raise Unclear("it computes with what a command prints")
            self.at = end + 2
        elif self.text.startswith("$(", self.at):
            self.at += 2
            self.read(inner=True)
        elif self.text.startswith("${", self.at):
            end = self._find("}", self.at)
            if "$(" in self.text[self.at : end] or "`" in self.text[self.at : end]:
                raise Unclear("a variable's default runs something")
            self.at = end + 1
        elif name := _NAME.match(self.text, self.at + 1):
            self.at = name.end()
        else:
            self.at += 1
            return "$"
        return ANY

    def _inner(self, script: str) -> None:
        reader = _Reader(script, self.arguments)
        reader.read()
        self.found += reader.found

    def _find(self, what: str, start: int) -> int:
        end = self.text.find(what, start)
        if end < 0:
            raise Unclear(f"{what} is missing")
        return end
