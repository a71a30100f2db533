"""A saved plan: what it is refused for, and what an earlier step may have done of a later one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homelab import saved_plan
from homelab.errors import ParamsError
from homelab.joined_plan import Joined, Left, Step
from homelab.params import read
from homelab.plan import Change
from homelab.resources import prefs, secret_file

OFF, ON = prefs.State(), prefs.State(ssh=True, advertise_routes=("10.0.0.0/8",))
PLAN = Joined(
    (Step("08_audited_ssh", Change("pi", "prefs", "why", OFF, ON)),), (Left("09", "pi", "x", "y"),), ("n",)
)


def _home(folder: Path, text: str = 'machines: {pi: {via: "ssh://alice@pi"}}\n') -> Path:
    path = folder / "home.yaml"
    path.write_text(f"world: attic\n{text}")
    return path


def _saved(folder: Path) -> saved_plan.Saved:
    path = folder / "plan.json"
    path.write_text(
        saved_plan.text(saved_plan.document(PLAN, read(str(_home(folder))), "run-1", "home.yaml"))
    )
    return saved_plan.load(path)


def test_it_is_read_as_it_was_saved(tmp_path: Path) -> None:
    saved = _saved(tmp_path)
    assert saved.plan == PLAN
    assert (saved.world, saved.run, saved.machines) == ("attic", "run-1", {"pi": "ssh://alice@pi"})
    saved_plan.require_fit(saved, read(str(_home(tmp_path))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'machines: {pi: {via: "ssh://alice@other"}}\n',
            "pi was reached by ssh://alice@pi and is now ssh://alice@other",
        ),
        ("machines: {tequila: {via: local}}\n", "and is now not there"),
        (
            'machines: {pi: {via: "ssh://alice@pi"}}\nmanage: [funnel]\n',
            "08_audited_ssh is no longer claimed",
        ),
    ],
)
def test_it_is_one_for_this_home(tmp_path: Path, text: str, said: str) -> None:
    saved = _saved(tmp_path)
    with pytest.raises(ParamsError) as caught:
        saved_plan.require_fit(saved, read(str(_home(tmp_path, text))))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p["changes"][0]["after"].update(ssh=False),
        lambda p: p["changes"].clear(),
        lambda p: p.update(world="x"),
    ],
)
def test_whatever_is_edited_is_refused(tmp_path: Path, edit) -> None:
    path = _saved(tmp_path).path
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ParamsError) as caught:
        saved_plan.load(path)
    assert "was edited since it was saved" in str(caught.value)


def test_another_layout_is_no_edit_and_another_versions_resource_is_said(tmp_path: Path) -> None:
    path = _saved(tmp_path).path
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data, sort_keys=True))
    assert saved_plan.load(path).plan == PLAN
    data["changes"][0]["resource"] = "teleporter"
    path.write_text(json.dumps({**data, "fingerprint": saved_plan.fingerprint(data)}))
    with pytest.raises(ParamsError) as caught:
        saved_plan.load(path)
    assert "was made by another version: no resource is called 'teleporter'" in str(caught.value)


def test_the_secrets_of_a_lab_are_where_the_lab_is_that_it_is_applied_in(tmp_path: Path) -> None:
    copy = secret_file.State("/srv/key", True, "file:/state/one/keys/services")
    change = Change("tequila", "secret_file", "hand it over", secret_file.State("/srv/key", False), copy)
    plan = Joined((Step("04_services", change),))
    path = tmp_path / "plan.json"
    path.write_text(
        saved_plan.text(saved_plan.document(plan, read("lab"), "run-1", "lab", state="/state/one"))
    )
    assert "/state/one" not in path.read_text()
    saved = saved_plan.in_lab(saved_plan.load(path), Path("/state/two"))
    assert saved.plan.steps[0].change.after.source == "file:/state/two/keys/services"
