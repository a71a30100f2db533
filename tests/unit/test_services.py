"""The services as they are kept: good ones are read, bad ones refused with file and line."""

from __future__ import annotations

import pytest
import yaml

from homelab import services
from homelab.errors import ParamsError

GOOD = """\
name: web
services:
  tailscale:
    image: tailscale/tailscale:stable
    hostname: web
  app:
    image: nginx:${NGINX:-1.27}
    network_mode: service:tailscale
x-homelab:
  about: a page
  device: web
  health: {port: 80}
  memory: 64M
  backup: {folders: [data], stop: [app]}
"""


@pytest.fixture
def kept(tmp_path):
    """Keeps a service called web, with a text of your choice."""

    def keep(text: str, serve: str = "") -> services.Service:
        (tmp_path / "web" / "serve").mkdir(parents=True, exist_ok=True)
        (tmp_path / "web/compose.yaml").write_text(text)
        if serve:
            (tmp_path / "web/serve/serve.json").write_text(serve)
        return services.load("web", tmp_path)

    return keep


@pytest.mark.parametrize("name", services.names())
def test_ours_are_good_and_whole(name: str) -> None:
    found = services.load(name)
    assert found.path.name == name
    assert "compose.yaml" in found.files()
    assert found.memory > 0
    assert found.facts.upgrade


def test_the_light_ones_are_those_of_the_contract() -> None:
    assert services.chosen("light") == ["immich", "jellyfin", "mosquitto", "quiz"]
    assert services.chosen("all") == services.names()
    assert services.chosen(["quiz", "immich"]) == ["immich", "quiz"]


def test_every_sidecar_is_the_same_but_for_its_name_and_its_ports() -> None:
    """Seven copies of twenty lines: this is what keeps them one."""
    found = {}
    for name in services.names():
        side = dict(services.load(name).parts[services.SIDECAR])
        assert side.pop("hostname") == services.load(name).device
        side.pop("ports", None)
        found[name] = side
    assert [n for n, side in found.items() if side != found["quiz"]] == []


@pytest.mark.parametrize("name", services.names())
def test_who_shares_the_sidecars_network_is_what_its_health_asks(name: str) -> None:
    parts = services.load(name).parts
    assert [n for n, p in parts.items() if p.get("network_mode") == "service:tailscale"]
    assert all("restart" in p for p in parts.values())
    assert not [n for n, p in parts.items() if "ports" in p and n != services.SIDECAR]


def test_no_secret_is_written_down() -> None:
    for name in services.names():
        found = services.load(name)
        for part in found.parts.values():
            for key, value in (part.get("environment") or {}).items():
                if key.endswith(("PASSWORD", "AUTHKEY")):
                    assert str(value).startswith(("${", "file:")), (name, key)
        text = yaml.safe_dump(found.document.data)
        assert all("${" + secret in text for secret in found.facts.secrets), "made up, and used nowhere"


def test_variables(kept) -> None:
    found = kept(GOOD)
    assert found.images()["app"] == "nginx:1.27"
    assert found.images({"NGINX": "1.28"})["app"] == "nginx:1.28"


def test_files_and_those_that_are_put_there_once(kept, tmp_path) -> None:
    (tmp_path / "web/data").mkdir(parents=True)
    (tmp_path / "web/data/first.conf").write_text("x")
    found = kept(GOOD)
    assert set(found.files()) == {"compose.yaml"}
    assert found.own() == {"data/first.conf": "x"}
    assert found.shares() == {"app": "tailscale"}
    assert found.app() == {}
    assert {"app/__main__.py", "app/style.css"} <= set(services.load("quiz").app())


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "hint"),
    [
        ("  about: a page\n", "  abuot: a page\n", 10, "unknown key 'abuot'", "did you mean 'about'?"),
        ("stop: [app]", "stop: [ap]", 14, "there is no service 'ap'", "did you mean 'app'?"),
        ("service:tailscale", "service:tailscal", 8, "there is no service 'tailscal'", "did you mean 'tailscale'?"),
        ("    image: nginx:${NGINX:-1.27}\n", "", 6, "the service 'app' has no image", "image: name:tag"),
        ("device: web", "device: webb", 5, "the sidecar is called 'web', the device 'webb'", "hostname: webb"),
        ("{port: 80}", "{port: 80, tcp: 80}", 12, "write either", ""),
        ("64M", "64MB", 13, "memory: is not spelled as it must be", ""),
        ("[data]", "[../data]", 14, "not a folder below", ""),
        ("    network_mode: service:tailscale\n", "    network_mode: service:tailscale\n    ports: ['80:80']\n", 9, "ports of its own", "move them to 'tailscale'"),
        ("services:\n", "servces:\n", 1, "a Compose file needs `services`", ""),
        ("x-homelab:\n", "x-homlab:\n", 1, "the block 'x-homelab' is missing", ""),
        ("    hostname: web\n", "    hostname: [web\n", 6, "is not the YAML that we read", ""),
    ],
)  # fmt: skip
def test_refused_with_its_line(kept, tmp_path, old, new, line, said, hint) -> None:
    assert old in GOOD
    with pytest.raises(ParamsError) as caught:
        kept(GOOD.replace(old, new, 1))
    found = [p for p in caught.value.problems if said in p.what]
    assert found, caught.value
    assert found[0].where == f"{tmp_path}/web/compose.yaml:{line}"
    assert hint in found[0].hint


def test_a_serve_file_that_points_nowhere_is_refused_with_the_service(kept) -> None:
    serve = '{"TCP": {"443": {"HTTPS": true}}, "Web": {"${TS_CERT_DOMAIN}:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:81"}}}}}'
    with pytest.raises(ParamsError, match="nothing listens on port 81") as caught:
        kept(GOOD, serve)
    assert "serve.json:1" in caught.value.problems[0].where
    assert kept(GOOD, serve.replace("81", "80"))


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match="did you mean 'jellyfin'"):
        services.load("jellyfish")
    with pytest.raises(ParamsError) as caught:
        services.chosen(["jelyfin", "quiz", "imich"])
    assert [p.hint for p in caught.value.problems] == ["did you mean 'jellyfin'?", "did you mean 'immich'?"]


def test_sizes() -> None:
    assert services.size("512M") == 512 * 2**20
    assert services.size("2G") == 2 * 2**30
    with pytest.raises(ValueError, match="512M or 2G"):
        services.size("2g")
