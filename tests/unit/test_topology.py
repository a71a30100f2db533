"""Every contradiction of a topology is an error with file, line and remedy, and all are said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.errors import ParamsError
from homelab.lab import topology

GOOD = """\
networks:
  internet: {prefix: 203.0.113.0/24, public: true}
  home: {prefix: 192.168.77.0/24}
cloud:
  machine: cloud
  derp: [203.0.113.3]
  dns: 203.0.113.53
  tailnet: snow-burbot.ts.net
  owner: alice@example.com
machines:
  cloud:
    role: cloud
    addresses: {internet: 203.0.113.2}
    also: {internet: [203.0.113.3, 203.0.113.53]}
  router:
    role: router
    addresses: {internet: 203.0.113.10, home: 192.168.77.1}
    nat: cone
  tequila:
    role: server
    addresses: {home: 192.168.77.10}
    gateway: router
    tailscale: installed
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with `text`, each as `line: what (hint)`."""
    file = tmp_path / "t.yaml"
    file.write_text(text)
    try:
        topology.read(file)
    except ParamsError as error:
        return [str(p).removeprefix(f"{file}:") for p in error.problems]
    return []


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


def test_the_default_topology_is_the_talks(tmp_path: Path) -> None:
    default = topology.read(Path(__file__).parents[2] / "params" / "lab.yaml")
    assert {n for n, m in default.machines.items() if m.tailscale == "installed"} == {
        "tequila",
        "phone",
        "router",
        "router2",
    }
    assert {n for n, m in default.machines.items() if m.tailscale == "later"} == {"demoserver", "fooocus"}
    assert default.machines["tequila"].gateway == "windows"
    assert default.machines["windows"].nat == "cone"
    assert [n for n, m in default.machines.items() if m.docker] == ["tequila"]
    assert default.machines["tequila"].disks == ["/mnt/backup"]


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ("  home: {", "  internet: {", 3, "'internet' is there twice (first on line 2)", "keep one"),
        ("192.168.77.0/24", "203.0.113.128/25", 3, "home (203.0.113.128/25) overlaps internet (203.0.113.0/24)", "another"),
        ("192.168.77.0/24", "192.168.77.0/33", 3, "is no IPv4 prefix", ""),
        ("192.168.77.0/24", "192.168.77.3/24", 3, "has bits set behind its length; did you mean 192.168.77.0/24?", ""),
        ("192.168.77.0/24", "192.168.77.0", 3, "must be an IPv4 prefix such as", ""),
        ("192.168.77.0/24", "192.168.77.0/30", 3, "/30 is too small", ""),
        ("192.168.77.0/24", "100.64.3.0/24", 3, "overlaps 100.64.0.0/10, which tailnets use", ""),
        ("192.168.77.0/24", "127.0.0.0/8", 3, "is no range for machines", ""),
        ("prefix: 192.168.77.0/24", "prefix: 192.168.77.0/24, public: true", 3, "home and internet are both public", "one"),
        ("{home: 192.168.77.10}", "{}", 21, "tequila is on no network", "write `addresses: {NETWORK: ADDRESS}`"),
        ("{home: 192.168.77.10}", "{hone: 192.168.77.10}", 21, "there is no network 'hone'", "did you mean 'home'?"),
        ("home: 192.168.77.10", "home: 192.168.78.10", 21, "is not in home (192.168.77.0/24)", "of that range"),
        ("home: 192.168.77.10", "home: 192.168.77.1", 21, "192.168.77.1 is taken by router", "its own"),
        ("home: 192.168.77.10", "home: 192.168.77.255", 21, "no address for a machine", "in between"),
        ("home: 192.168.77.10", "home: 12", 21, "must be an IPv4 address such as", ""),
        ("internet: 203.0.113.10", "internet: 203.0.113.1", 17, "is the internet's own router", "another"),
        ("gateway: router", "gateway: ruter", 22, "there is no machine 'ruter'", "did you mean 'router'?"),
        ("gateway: router", "gateway: cloud", 22, "tequila shares no network with its gateway cloud", "neighbour"),
        ("gateway: router", "gateway: tequila", 22, "tequila is its own gateway", "router"),
        ("gateway: router", "gatewy: router", 22, "unknown key 'machines.tequila.gatewy'", "did you mean 'gateway'?"),
        ("nat: cone", "nat: cone\n    gateway: tequila", 19, "router is on the public network", "leave one"),
        ("nat: cone", "nat: open", 18, "'cone' or 'symmetric'", ""),
        ("tailscale: installed", "nat: cone", 23, "tequila has nat but one network", "two networks"),
        ("tailscale: installed", "docker: maybe", 23, "machines.tequila.docker", ""),
        ("tailscale: installed", "disks: [backup]", 23, "'backup' is no place for a disk", ""),
        ("tailscale: installed", "disks: [/usr/share]", 23, "is no place for a disk", "/mnt/backup"),
        ("tailscale: installed", "disks: [/mnt/a, /mnt/ab, /mnt/a/b]", 23, "/mnt/a/b and /mnt/a lie in one another", "own"),
        ("tailscale: installed", "docker: true\n    disks: [/var/lib]", 24, "/var/lib and /var/lib/docker lie in", "own"),
        ("tailscale: installed", "database: maybe", 23, "machines.tequila.database", ""),
        ("tailscale: installed", "names: {address: 192.168.77.53, records: {a.internal: 192.168.77.10}}", 23, "tequila does not have the address 192.168.77.53", "machines.tequila.also"),
        ("tailscale: installed", "names: {address: 192.168.77.10, records: {}}", 23, "machines.tequila.names.records", ""),
        ("tailscale: installed", "names: {address: 192.168.77.10, records: {A b: 192.168.77.10}}", 23, "'A b' is no name for DNS", "rds.vpc.internal"),
        ("tailscale: installed", "tailscale: yes", 23, "'none', 'later', 'installed' or 'asked'", ""),
        ("role: server", "about: x", 19, "'machines.tequila.role' is missing", ""),
        ("  tequila:", "  Tequila:", 19, "machines.Tequila: 'Tequila' is no name here; a name has 1 to 40 small letters", ""),
        ("machine: cloud", "machine: clod", 5, "there is no machine 'clod'", "did you mean 'cloud'?"),
        ("machine: cloud", "machine: tequila", 19, "tequila plays the cloud but is not on a public network", "there"),
        ("machine: cloud", "machine: cloud\n  relay: relai", 6, "there is no machine 'relai'", ""),
        ("machine: cloud", "machine: cloud\n  recorder: tequila", 6, "has `tailscale: installed`", "asked"),
        ("machine: cloud", "machine: cloud\n  relay: tequila", 6, "tequila is not on a public network", "there"),
        ("dns: 203.0.113.53", "dns: 203.0.113.54", 7, "cloud does not have the address 203.0.113.54", "also"),
        ("derp: [203.0.113.3]", "derp: [203.0.113.3, 203.0.113.3]", 6, "203.0.113.3 is there twice", "its own"),
        ("snow-burbot.ts.net", "snow burbot", 8, "is not spelled as it must be", ""),
        ("also: {internet: [", "also: {home: [", 14, "cloud is not on home", "under `addresses`"),
    ],
)  # fmt: skip
def test_a_contradiction_has_a_line_and_a_remedy(
    tmp_path: Path, old: str, new: str, line: int, what: str, hint: str
) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    here = [p for p in found if p.startswith(f"{line}: ") and what in p]
    assert here, found
    assert hint in here[0]


def test_a_circle_of_gateways_is_said_once(tmp_path: Path) -> None:
    text = """\
networks:
  a: {prefix: 10.1.0.0/24}
  b: {prefix: 10.2.0.0/24}
machines:
  one: {role: r, addresses: {a: 10.1.0.1, b: 10.2.0.1}, gateway: two}
  two: {role: r, addresses: {a: 10.1.0.2, b: 10.2.0.2}, gateway: one}
"""
    assert problems(tmp_path, text) == [
        "5: the gateways run in a circle: one → two → one (let one of them lead out)"
    ]


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("192.168.77.0/24", "192.168.77.0/33").replace("gateway: router", "gateway: ruter")
    text = text.replace("dns: 203.0.113.53", "dns: 203.0.113.54").replace(
        "tailscale: installed", "tailscal: x"
    )
    found = problems(tmp_path, text)
    assert sorted(int(p.split(":")[0]) for p in found) == [3, 7, 22, 23], found


def test_a_machine_with_a_fault_is_checked_all_the_same(tmp_path: Path) -> None:
    text = GOOD.replace("role: server", "rolle: server").replace("home: 192.168.77.10", "hone: 192.168.77.10")
    text = text.replace("home: 192.168.77.1}", "home: 192.168.99.1}").replace("nat: cone", "nat: open")
    assert sorted(problems(tmp_path, text)) == [
        "17: 192.168.99.1 is not in home (192.168.77.0/24) (take an address of that range)",
        "18: machines.router.nat: must be 'cone' or 'symmetric', not 'open'",
        "19: 'machines.tequila.role' is missing",
        "20: unknown key 'machines.tequila.rolle' (did you mean 'role'?)",
        "21: there is no network 'hone' (did you mean 'home'?)",
    ]


def test_what_is_there_twice_hides_nothing_else(tmp_path: Path) -> None:
    text = GOOD.replace("    gateway: router\n", "    gateway: router\n    gateway: ruter\n    nat: open\n")
    text = text.replace("home: 192.168.77.1}", "home: 192.168.99.1}")
    text = text.replace(
        "  home: {", "  home: {prefix: 192.168.77.0/24}\n  attic: {prefix: 192.168.77.0/25}\n  lan: {"
    )
    text = text.replace("  router:", "  attic:\n    role: x\n    addresses: {cellar: 10.0.0.1}\n  router:")
    text = text.replace("  attic:\n", "  attic: {role: y, addresses: {}}\n  attic:\n")
    found = problems(tmp_path, text)
    assert [p for p in found if "'attic' is there twice" in p]
    assert [p for p in found if "'gateway' is there twice" in p]
    assert [p for p in found if "there is no network 'cellar' (known: attic, home, internet, lan)" in p]
    assert [p for p in found if "192.168.99.1 is not in home" in p]
    assert [p for p in found if "machines.tequila.nat: must be" in p]
    assert [p for p in found if "attic (192.168.77.0/25) overlaps home" in p]


def test_a_value_that_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path, GOOD.replace("gateway: router", "gateway: ruter").replace("nat: cone", "nat: !x cone")
    )
    assert found == [
        "18: the tag !x is not read here (write plain text or numbers)",
        "22: there is no machine 'ruter' (did you mean 'router'?)",
    ]


def test_names_that_are_dropped_are_known_all_the_same(tmp_path: Path) -> None:
    text = GOOD.replace("192.168.77.0/24", "192.168.77.0/33").replace(
        "{home: 192.168.77.10}", "{hone: 192.168.77.10}"
    )
    assert problems(tmp_path, text) == [
        "3: networks.home.prefix: '192.168.77.0/33' is no IPv4 prefix such as 192.168.77.0/24",
        "21: there is no network 'hone' (did you mean 'home'?)",
        "22: tequila shares no network with its gateway router (name a neighbour)",
    ]


def test_a_machine_of_a_bad_name_is_checked_too(tmp_path: Path) -> None:
    text = GOOD.replace("  tequila:", "  bad name!:").replace("gateway: router", "gateway: ruter")
    assert problems(tmp_path, text) == [
        "19: machines.bad name!: 'bad name!' is no name here; "
        "a name has 1 to 40 small letters, digits and _, and begins with a letter",
        "22: there is no machine 'ruter' (did you mean 'router'?)",
    ]


def test_tailscale_without_a_cloud_is_refused(tmp_path: Path) -> None:
    start, end = GOOD.index("cloud:\n  machine"), GOOD.index("machines:")
    found = problems(tmp_path, GOOD[:start] + GOOD[end:])
    assert found == ["17: tequila runs tailscale, but there is no `cloud` (add one, or leave it out)"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("- a\n", "holds a list"),
        ("world: lab\n", "has no `topology`"),
        ("world: lab\ntopology: 3\n", "must hold `networks:` and `machines:`"),
        ("networks: &a {}\nmachines: *a\n", "aliases"),
        ("networks: {\n", "is not the YAML that we read"),
        ("machines: {}\n", "'networks' is missing"),
        ("networks: {}\nmachines: {}\n", "at least one entry"),
    ],
)
def test_what_is_no_topology_is_refused(tmp_path: Path, text: str, what: str) -> None:
    found = problems(tmp_path, text)
    assert any(what in p for p in found), found


def test_binary_and_missing_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    with pytest.raises(ParamsError, match="cannot be read: No such file"):
        topology.read(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParamsError, match="not text in UTF-8"):
        topology.read(file)
