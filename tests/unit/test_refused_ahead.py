"""What can be known to be wrong before a lab or a kernel starts is refused then, in words for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.errors import EXIT_NOT_STARTED, ParamsError
from homelab.params import Roles, for_stage, read
from homelab.runner import cli
from homelab.runner.request import understand

PYDANTIC = ("input should", "pattern", "Value error", "after validation", "parse string", "^(")
GOOD = '{"TCP": {"443": {"HTTPS": true}}, "Web": {"${TS_CERT_DOMAIN}:443": {"Handlers": {"/": {"Proxy": "3000"}}}}}'


def problems(stage: str, *settings: str, params: str = "lab") -> list[str]:
    with pytest.raises(ParamsError) as caught:
        understand([stage], params, settings)
    return [str(p) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("stage", "setting", "said"),
    [
        ("06", "exit_node=tequlia", "exit_node: no machine of the lab plays 'tequlia' (did you mean 'tequila'?)"),
        ("06", "traveller=nobody", "traveller: no machine of the lab plays 'nobody' (known: "),
        ("06", "rented=se-sto-wg-002", "(did you mean 'se_sto_wg_001'?)"),
        ("07", "routers=[router, rooter]", "routers: no machine of the lab plays 'rooter' (did you mean 'router'?)"),
        ("07", "clients=[fone]", "clients: no machine of the lab plays 'fone'"),
        ("07", "routers=[]", "routers: must have at least one entry"),
        ("07", "approver=everybody", "approver: must be somebody such as alice@example.com"),
        ("08", "server=phne", "server: no machine of the lab plays 'phne' (did you mean 'phone'?)"),
        ("08", "recorder=recordr", "recorder: no machine of the lab plays 'recordr' (did you mean 'recorder'?)"),
        ("08", "sources=[mallory]", "sources.0: must be somebody such as alice@example.com"),
        ("08", "recorder_tag=recorder", "recorder_tag: must be a tag such as tag:recorder, not 'recorder'"),
        ("05", "port=444", "port: Funnel takes the ports 443, 8443, 10000 and no other"),
        ("05", "visitors=many", "visitors: must be a whole number, not 'many'"),
        ("05", "consent=maybe", "consent: must be 'click' or 'policy', not 'maybe'"),
        ("05", "config=/no/such/file", "config: there is no file '/no/such/file'"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant(stage: str, setting: str, said: str) -> None:
    (found,) = problems(stage, setting)
    assert said in found
    assert not [word for word in PYDANTIC if word in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{,}", "serve.json:1:2: is not JSON"),
        (GOOD.replace("HTTPS", "HTPS"), "unknown key 'HTPS' (did you mean 'HTTPS'?)"),
        (GOOD.replace('"443": {"HTTPS', '"99999": {"HTTPS'), "'99999' is not a port"),
        (GOOD.replace("DOMAIN}:443", "DOMAIN}:8443"), "TCP has no entry for port 8443"),
        (GOOD[:-1] + ', "AllowFunnel": {"${TS_CERT_DOMAIN}:9999": true}}', "Funnel does not take port 9999"),
        ("\udcff", "is not text in UTF-8"),
    ],
)
def test_a_serve_file_of_ones_own_is_read_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("serve.json").write_bytes(text.encode(errors="surrogateescape"))
    found = problems("05", "config=serve.json")
    assert [p for p in found if said in p]
    assert all(p.startswith(str(tmp_path / "serve.json")) for p in found)


def test_a_good_one_is_named_so_that_a_notebook_finds_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("serve.json").write_text(GOOD)
    given = for_stage(read("lab"), "05_funnel", {"config": "serve.json"})
    assert given["config"] == str(tmp_path / "serve.json")


def test_at_home_the_file_names_the_machines(tmp_path: Path) -> None:
    home = tmp_path / "home.yaml"
    text = "world: attic\nmachines:\n  nas: {about: a box}\nsubnet_router:\n  clients: [phone]\n  routers: [{}]\n"
    home.write_text(text.replace("{}", "nas"))
    assert list(understand(["07"], str(home)).stages) == ["07_subnet_router"]
    home.write_text(text.replace("{}", "nass"))
    (found,) = problems("07", params=str(home))
    assert found == (
        f"{home}:6: routers: no machine of this home plays 'nass' "
        "(did you mean 'nas'?; a home's machines are named under `machines`)"
    )


def test_at_home_the_usual_names_need_not_be_there(tmp_path: Path) -> None:
    home = tmp_path / "home.yaml"
    home.write_text("world: attic\nmachines:\n  nas: {about: a box}\n")
    asked = understand(["06", "07", "08"], str(home), ["rented=de-fra-wg-001", "recorder=my-recorder"])
    assert len(asked.stages) == 3


def test_nothing_is_said_of_machines_where_none_are_known() -> None:
    assert Roles((), False).missing("server", ["anything"], []) == []


def test_the_command_line_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert cli.main(["run", "06", "-p", "exit_node=tequlia", "--out", str(out)]) == EXIT_NOT_STARTED
    assert "nothing was started" in capsys.readouterr().err
    assert not out.exists()
