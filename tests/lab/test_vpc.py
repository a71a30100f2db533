"""The private network's own services: nothing runs until it is asked for, and only the network reaches it."""

from __future__ import annotations

import pytest
import rider
from conftest import Lab, wait_for

QUERY = ("psql", "-h", "10.20.0.50", "-U", "reader", "-Atc", "select count(*), inet_client_addr() from films")


def asked(own: Lab, machine: str, *more: str) -> str:
    done = own.run(machine, *QUERY, *more, "films", env={"PGCONNECT_TIMEOUT": "2"})
    return done.stdout.strip()


def test_a_database_once_it_is_wanted(own: Lab) -> None:
    assert own.run("db", "pgrep", "-x", "postgres").returncode == 1, "it costs nothing before"
    own.ask("start", machine="db", name="database")
    assert wait_for("rows", lambda: asked(own, "router")) == "5|10.20.0.1"
    assert asked(own, "phone") == "", "no way into the VPC"
    own.ask("stop", machine="db", name="database")
    assert asked(own, "router") == ""
    own.ask("start", machine="db", name="database")
    assert wait_for("the same rows", lambda: asked(own, "router2")) == "5|10.20.0.2"
    refused = own.run(
        "router", "psql", "-h", "10.20.0.50", "-U", "reader", "-c", "delete from films", "films"
    )
    assert "permission denied" in refused.stderr


def test_names_that_only_the_vpc_knows(own: Lab) -> None:
    own.ask("start", machine="db", name="names")
    ask = ("dig", "+short", "+time=1", "+tries=1", "rds.vpc.internal")
    wait_for("an answer", lambda: own.run("router", *ask, "@10.20.0.53").stdout == "10.20.0.50\n")
    assert own.says("router", *ask) == "", "the public DNS does not know it"
    assert "NXDOMAIN" in own.says("router", "dig", "other.vpc.internal", "@10.20.0.53")
    assert own.run("phone", *ask, "@10.20.0.53").returncode == 9, "nobody answers there"


ORDINARY = """
set -e
lab="$PY -m homelab.lab"
$lab up >/dev/null
$PY - ~/.local/state/homelab-runbook/*/lab.sock <<'EOF'
import sys
from homelab import labsocket
for name in ("database", "names"):
    labsocket.request(sys.argv[1], op="start", machine="db", name=name)
EOF
ask="psql -h 10.20.0.50 -U reader -Atc"
$lab exec router -- sh -c "for _ in \\$(seq 100); do $ask 'select count(*) from films' films 2>/dev/null && exit; sleep 0.1; done"
$lab exec router -- dig +short rds.vpc.internal @10.20.0.53
$lab down >/dev/null
"""


@pytest.mark.nightly
def test_both_as_an_ordinary_user() -> None:
    done = rider.run(ORDINARY)
    assert (done.returncode, done.stdout.split()) == (0, ["5", "10.20.0.50"]), done
