"""The policy is edited like a text that somebody wrote: nothing but the edit changes."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pytest

from homelab.errors import HomelabError
from homelab.policy import hujson, policyfile

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


BOTH = """\
// Mine.
{
  "autoApprovers": {
    // by hand once
    "routes": {
      "10.20.0.0/24": ["tag:router"], // the VPC
    },
    "exitNode": ["tag:exit", "alice@example.com"],
  },
  "grants": [
    // everything
    {"src": ["*"], "dst": ["*"], "ip": ["*"]}, // for now
    {
      "src": ["bob@example.com"], // the neighbour
      "dst": ["tag:web"],
      /* only TLS */ "ip": ["tcp:443"],
    }
  ],
  "tests": []
}
"""
ANY = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
BOBS = {"src": ["bob@example.com"], "dst": ["tag:web"], "ip": ["tcp:443"]}
COMMENTS = hujson.comments(BOTH)


def at(policy: dict[str, Any], section: str | tuple[str, ...]) -> Any:
    """The data of `section`."""
    for name in (section,) if isinstance(section, str) else section:
        policy = policy[name]
    return policy


@pytest.mark.parametrize(
    ("section", "value"),
    [
        (("autoApprovers", "exitNode"), "tag:phone"),
        (("autoApprovers", "routes", "10.20.0.0/24"), "bob@example.com"),
        (("autoApprovers", "routes", "10.99.0.0/16"), "tag:router"),
        (("a", "b", "c", "d"), "tag:router"),
        ("grants", {"src": ["a"], "dst": ["b"], "ip": ["*"]}),
        ("tests", {"src": "a", "accept": ["b:1"]}),
    ],
)
@pytest.mark.parametrize("text", [BOTH, "{}", '{"a": {}, "grants": [1]}'])
def test_an_item_comes_and_goes_wherever_its_section_is(text, section, value) -> None:
    edited = policyfile.with_item(text, section, value)
    assert at(policyfile.data(edited), section)[-1] == value
    assert hujson.comments(edited) == hujson.comments(text)
    back = policyfile.without_item(edited, section, value)
    assert value not in at(policyfile.data(back), section)
    assert hujson.comments(back) == hujson.comments(text)
    if text == BOTH and section in ("grants", ("autoApprovers", "exitNode"), "tests"):
        assert policyfile.data(back) == policyfile.data(text)


def test_a_short_list_stays_on_its_line() -> None:
    edited = policyfile.with_item(BOTH, ("autoApprovers", "exitNode"), "tag:phone")
    assert added(BOTH, edited)[1] == ['    "exitNode": ["tag:exit", "alice@example.com", "tag:phone"],']
    assert policyfile.without_item(edited, ("autoApprovers", "exitNode"), "tag:phone") == BOTH


def test_what_is_missing_of_the_way_is_made() -> None:
    edited = policyfile.with_key('{\n\t"hosts": {},\n}', ("autoApprovers", "routes"), "10.0.0.0/8", ["tag:r"])
    assert edited == (
        '{\n\t"hosts": {},\n\t"autoApprovers": {\n\t\t"routes": {\n\t\t\t"10.0.0.0/8": ["tag:r"],\n\t\t},\n\t},\n}'
    )


def test_a_line_goes_and_its_comment_stays() -> None:
    edited = policyfile.without_item(BOTH, "grants", ANY)
    assert '    // everything\n    // for now\n    {\n      "src"' in edited
    assert policyfile.data(edited)["grants"] == [BOBS]
    edited = policyfile.without_item(BOTH, "grants", BOBS)
    assert '{"src": ["*"], "dst": ["*"], "ip": ["*"]} // for now\n    // the neighbour\n' in edited
    assert hujson.comments(edited) == COMMENTS
    assert policyfile.data(edited)["grants"] == [ANY]


def test_a_key_goes() -> None:
    edited = policyfile.without_key(BOTH, ("autoApprovers", "routes"), "10.20.0.0/24")
    assert policyfile.data(edited)["autoApprovers"]["routes"] == {}
    assert hujson.comments(edited) == COMMENTS
    edited = policyfile.without_key(BOTH, (), "autoApprovers")
    assert policyfile.data(edited) == {"grants": [ANY, BOBS], "tests": []}
    assert hujson.comments(edited) == COMMENTS
    assert policyfile.without_key(BOTH, "hosts", "db") == BOTH


@pytest.mark.parametrize(
    ("text", "value", "left"),
    [
        ('{"l": [1, 2, 3]}', 1, '{"l": [2, 3]}'),
        ('{"l": [1, 2, 3]}', 2, '{"l": [1, 3]}'),
        ('{"l": [1, 2, 3]}', 3, '{"l": [1, 2]}'),
        ('{"l": [1, 2, 3,]}', 3, '{"l": [1, 2,]}'),
        ('{"l": [1]}', 1, '{"l": []}'),
        ('{"l": [1, 2, 1]}', 1, '{"l": [2]}'),
        ('{"l": [{"a": 1 // one\n}, 2]}', {"a": 1}, '{"l": [// one\n 2]}'),
        ('{"l": [2, {"a": 1 // one\n}]}', {"a": 1}, '{"l": [2 // one\n]}'),
    ],
)
def test_an_item_goes_from_a_line(text, value, left) -> None:
    assert policyfile.without_item(text, "l", value) == left
    policyfile.data(left)


def test_an_item_changes_only_where_it_differs() -> None:
    new = {**BOBS, "ip": ["tcp:443", "tcp:8096"]}
    edited = policyfile.changed_item(BOTH, "grants", BOBS, new)
    assert added(BOTH, edited) == (
        ['      /* only TLS */ "ip": ["tcp:443"],'],
        ['      /* only TLS */ "ip": ["tcp:443", "tcp:8096"],'],
    )
    assert policyfile.changed_item(edited, "grants", BOBS, new) == edited
    assert policyfile.changed_item(edited, "grants", new, BOBS) == BOTH
    other = {"src": ["carol@example.com"], "dst": ["tag:web"], "app": {"example.com/cap": [{}]}}
    edited = policyfile.changed_item(BOTH, "grants", BOBS, other)
    assert policyfile.data(edited)["grants"] == [ANY, other]
    assert hujson.comments(edited) == COMMENTS
    edited = policyfile.changed_item(BOTH, ("autoApprovers", "exitNode"), "tag:exit", "tag:out")
    assert policyfile.data(edited)["autoApprovers"]["exitNode"] == ["tag:out", "alice@example.com"]


def test_what_is_replaced_leaves_its_comments() -> None:
    text = '{"l": [{"a": [1, // one\n2]}]}'
    edited = policyfile.changed_item(text, "l", {"a": [1, 2]}, {"a": [3]})
    assert edited == '{"l": [{"a": // one\n[3]}]}'
    assert policyfile.data(edited) == {"l": [{"a": [3]}]}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda: policyfile.with_item(BOTH, "autoApprovers", 1), "autoApprovers must be a list, []"),
        (lambda: policyfile.with_key(BOTH, "grants", "a", 1), "grants must be an object, {}"),
        (lambda: policyfile.with_key(BOTH, ("grants", "x"), "a", 1), "grants must be an object, {}"),
        (lambda: policyfile.without_item(BOTH, "autoApprovers", 1), "autoApprovers must be a list"),
        (lambda: policyfile.changed_item(BOTH, "grants", {"src": []}, {"src": [1]}), "grants has no item"),
    ],
)
def test_a_section_of_another_kind_is_refused(edit, said) -> None:
    with pytest.raises(HomelabError) as caught:
        edit()
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', "line 3 column 3"),
        ("{'a': 1}", "line 1 column 2"),
        ("{a: 1}", "line 1 column 2"),
        ('{"a": [,]}', "line 1 column 8"),
        ('{"a": 1,,}', "line 1 column"),
        ("{,}", "line 1 column"),
        ('{"a": 1 /* open }', "what is this"),
        ('{"a": "open}', "what is this"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, where) -> None:
    with pytest.raises(HomelabError) as caught:
        policyfile.data(text)
    assert where in caught.value.what
