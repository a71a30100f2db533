"""A serve configuration is refused here, with its line, before it takes a device down."""

from __future__ import annotations

import json

import pytest

from homelab.errors import ParamsError
from homelab.serve_config import read

GOOD = """{
  "TCP": {"443": {"HTTPS": true}},
  "Web": {
    "${TS_CERT_DOMAIN}:443": {
      "Handlers": {
        "/": {"Proxy": "http://127.0.0.1:3000"}
      }
    }
  },
  "AllowFunnel": {"${TS_CERT_DOMAIN}:443": false}
}
"""


def test_the_talks_file() -> None:
    found = read(GOOD, "serve.json", [3000])
    assert found.web == {"443/": "http://127.0.0.1:3000"}
    assert found.funnel == ()
    assert read(GOOD.replace("false", "true"), "serve.json").funnel == (443,)


def test_other_good_ones() -> None:
    tcp = '{"TCP": {"8883": {"TCPForward": "127.0.0.1:1883", "TerminateTLS": "${TS_CERT_DOMAIN}"}}}'
    assert read(tcp, "s", [1883]).forwards == {8883: "127.0.0.1:1883"}
    assert read("{}", "s", []).web == {}
    for proxy in ("3000", "localhost:3000", "http://localhost:3000/app", "https+insecure://127.0.0.1:3000", "unix:/run/x.sock"):  # fmt: skip
        assert read(GOOD.replace("http://127.0.0.1:3000", proxy), "s", [3000]).web["443/"] == proxy
    elsewhere = GOOD.replace("127.0.0.1:3000", "192.168.1.7")
    assert read(elsewhere, "s", [3000]), "another machine's ports are not ours to know"
    assert read(GOOD.replace("\n  ", "\n\t"), "s", [3000]), "tabs are JSON too"


@pytest.mark.parametrize(
    ("old", "new", "where", "said", "hint"),
    [
        ('true}},', 'true}}', "3:3", "is not JSON: Expecting ',' delimiter", ""),
        ('": false}\n', '": false},\n', "11:1", "is not JSON", "JSON has neither"),
        ('"TCP"', '"TPC"', "2", "unknown key 'TPC'", "did you mean 'TCP'?"),
        ('"Handlers"', '"Handler"', "4", "has no Handlers", ""),
        ('"Proxy"', '"Porxy"', "6", "unknown key 'Porxy'", "did you mean 'Proxy'?"),
        ("3000", "3001", "6", "nothing listens on port 3001", "its service listens on 3000"),
        ("http://127.0.0.1:3000", "ftp://127.0.0.1:3000", "6", "is not an address", ""),
        ("http://127.0.0.1:3000", "http://127.0.0.1:99999", "6", "is not an address", ""),
        ('{"HTTPS": true}', "{}", "2", "does nothing: choose one", ""),
        ('{"HTTPS": true}', '{"HTTPS": true, "HTTP": true}', "2", "does HTTPS and HTTP", ""),
        ('"443": {"HTTPS', '"https": {"HTTPS', "2", "'https' is not a port", ""),
        ('"443": {"HTTPS', '"8443": {"HTTPS', "4", "TCP has no entry for port 443", ""),
        ('    "${TS_CERT_DOMAIN}:443"', '    "${TS_CERT_DOMAIN}"', "4", "is not a name with a port", ""),
        ('{"${TS_CERT_DOMAIN}:443": false}', '{"${TS_CERT_DOMAIN}:9999": true}', "10", "Funnel does not take port 9999", "443, 8443, 10000"),
        ('{"${TS_CERT_DOMAIN}:443": false}', '{"${TS_CERT_DOMAIN}:8443": true}', "10", "nothing serves it", ""),
        ('443": false', '443": "yes"', "10", "must be true or false", ""),
        ('"/": ', '"x": ', "6", "must begin with /", ""),
        ('"TCP": {"443": {"HTTPS": true}}', '"TCP": [443]', "2", "TCP must be an object", ""),
        ('"443": {"HTTPS": true}', '"443": {"HTTPS": true}, "443": {"HTTP": true}', "2", "is there twice", ""),
    ],
)  # fmt: skip
def test_refused_with_its_place(old, new, where, said, hint) -> None:
    assert old in GOOD
    with pytest.raises(ParamsError) as caught:
        read(GOOD.replace(old, new, 1), "serve.json", [3000])
    found = [p for p in caught.value.problems if said in p.what]
    assert found, caught.value
    assert found[0].where == f"serve.json:{where}"
    assert hint in found[0].hint


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '"x"', "[" * 100_000, '{"Web": {"a:443": 1}}', '{"TCP": {"443": 1}}']
)
def test_anything_else_is_one_clear_error(text: str) -> None:
    with pytest.raises(ParamsError):
        read(text, "serve.json")


def test_all_problems_at_once() -> None:
    bad = json.dumps({"TPC": {}, "Web": {"x": {}}, "AllowFunnel": {"y": True}})
    with pytest.raises(ParamsError) as caught:
        read(bad, "serve.json")
    assert len(caught.value.problems) >= 4
