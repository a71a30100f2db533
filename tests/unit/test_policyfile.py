"""The policy is edited like a text that somebody wrote: nothing but the edit changes."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest

from homelab import policyfile
from homelab.errors import HomelabError

DEFAULT = (Path(__file__).resolve().parents[2] / "homelab/lab/cloud/policy/default.hujson").read_text()

SMALL = """\
// Mine.
{
  "tagOwners": {
    "tag:server": ["autogroup:admin"], // the big one
  },
  /* who may what */
  "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],
}
"""


def added(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [x[2:] for x in lines if x.startswith("- ")], [x[2:] for x in lines if x.startswith("+ ")]


@pytest.mark.parametrize(
    ("text", "section", "key", "value", "came"),
    [
        (
            SMALL,
            "tagOwners",
            "tag:container",
            ["autogroup:admin"],
            ['    "tag:container": ["autogroup:admin"],'],
        ),
        (SMALL, "hosts", "database", "10.20.0.50", ['  "hosts": {', '    "database": "10.20.0.50",', "  },"]),
        ('{"a": 1}', "hosts", "db", "10.0.0.1", None),
        ("{}", "hosts", "db", "10.0.0.1", None),
        ('{"hosts": {}}', "hosts", "db", "10.0.0.1", None),
        ('{"hosts": {"x": "10.0.0.2"}}', "hosts", "db", "10.0.0.1", None),
        ('{"hosts": {"x": "10.0.0.2" /* last */}, }', "hosts", "db", "10.0.0.1", None),
    ],
)
def test_a_key_is_set_and_nothing_else_changes(text, section, key, value, came) -> None:
    edited = policyfile.with_key(text, section, key, value)
    wanted = policyfile.data(text)
    wanted.setdefault(section, {})[key] = value
    assert policyfile.data(edited) == wanted
    if came is not None:
        assert added(text, edited) == ([], came)


def test_the_default_policy_keeps_every_line() -> None:
    edited = policyfile.with_key(DEFAULT, "tagOwners", "tag:container", ["autogroup:admin"])
    went, came = added(DEFAULT, edited)
    assert went == []
    assert '\t\t"tag:container": ["autogroup:admin"],' in came  # in the file's own hand: tabs
    assert policyfile.data(edited)["tagOwners"] == {"tag:container": ["autogroup:admin"]}


def test_an_item_is_added_once() -> None:
    grant = {"src": ["tag:container"], "dst": ["*"], "ip": ["tcp:443"]}
    edited = policyfile.with_item(SMALL, "grants", grant)
    assert policyfile.data(edited)["grants"][-1] == grant
    assert "/* who may what */" in edited
    assert policyfile.with_item(edited, "grants", grant) == edited


def test_what_is_there_already_changes_nothing() -> None:
    assert policyfile.with_key(SMALL, "tagOwners", "tag:server", ["autogroup:admin"]) == SMALL


def test_somebody_elses_choice_is_not_overwritten() -> None:
    with pytest.raises(HomelabError) as caught:
        policyfile.with_key(SMALL, "tagOwners", "tag:server", ["alice@example.com"])
    assert "autogroup:admin" in caught.value.what


@pytest.mark.parametrize("text", ['{"a": ', "[1, 2]", "", "policy!", "\x00"])
def test_what_is_no_policy_is_refused(text) -> None:
    with pytest.raises(HomelabError):
        policyfile.with_key(text, "hosts", "db", "10.0.0.1")


def test_strings_with_braces_and_comment_marks_do_not_confuse() -> None:
    text = '{"x": "} // not a comment", "hosts": {"a": "10.0.0.1"}}'
    edited = policyfile.with_key(text, "hosts", "b", "10.0.0.2")
    assert policyfile.data(edited) == {**json.loads(text), "hosts": {"a": "10.0.0.1", "b": "10.0.0.2"}}
