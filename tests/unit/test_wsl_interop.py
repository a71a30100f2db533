"""Windows programs called from WSL: their bytes, their absence, their slowness; the real shell, played programs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_windows import FakeWsl

from homelab.errors import CommandFailed, HomelabError, PrerequisiteMissing, WaitTimeout
from homelab.wsl import interop, powershell


@pytest.fixture
def wsl(tmp_path: Path) -> FakeWsl:
    return FakeWsl(tmp_path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Größe\r\n".encode("utf-16-le"), "Größe\n"),
        ("\ufeffVersión\r\n".encode("utf-16-le"), "Versión\n"),
        ("\ufeffdéjà\r\n".encode(), "déjà\n"),
        ("Dirección\r\n".encode("cp850"), "Dirección\n"),
        ("Écouter\r\r\n".encode("cp850"), "Écouter\n"),
        ("内核版本： 5.15\r\n".encode("utf-16-le"), "内核版本： 5.15\n"),
        (b"plain\n", "plain\n"),
        ("odd".encode("utf-16-le") + b"x", "odd"),
        (b"", ""),
    ],
)
def test_bytes_become_text_whatever_they_are(data, text) -> None:
    assert interop.decoded(data) == text


def test_status_and_both_outputs_come_over(wsl) -> None:
    wsl.put(
        "x.exe",
        "#!/bin/sh\nprintf 'ni\\361o\\r\\n' | iconv -f latin1 -t UTF-16LE\nprintf 'oops\\r\\n' >&2\nexit 5\n",
    )
    said = interop.call(wsl, "x.exe")
    assert (said.rc, said.out, said.err, said.fault) == (5, "niño\n", "oops\n", "")
    with pytest.raises(CommandFailed) as error:
        said.ok()
    assert "oops" in error.value.what


def test_it_gets_no_standard_input_and_its_words_whole(wsl) -> None:
    wsl.put("x.exe", '#!/bin/sh\ncat\nprintf "<%s>" "$@"\n')
    assert interop.call(wsl, "x.exe", "a b", "c'd", "$HOME").out == "<a b><c'd><$HOME>"


def test_missing_from_path_it_is_found_in_system32(wsl, tmp_path) -> None:
    system32 = tmp_path / "c" / "Windows" / "System32"
    system32.mkdir(parents=True)
    (wsl.bin / "netsh.exe").rename(system32 / "netsh.exe")
    assert interop.call(wsl, "netsh.exe", "interface", "portproxy", "show", "v4tov4")


def test_missing_everywhere_is_one_clear_answer(wsl) -> None:
    (wsl.bin / "wsl.exe").unlink()
    said = interop.call(wsl, "wsl.exe", "--version")
    assert not said
    with pytest.raises(PrerequisiteMissing, match=r"wsl\.exe is not to be found") as error:
        said.ok()
    assert error.value.where == "tequila"
    assert "wsl.conf" in error.value.hint


def test_interop_off_is_seen_before_a_shell_runs_the_program_as_its_script(wsl, tmp_path) -> None:
    wsl.put("wsl.exe", f"MZ\ntouch {tmp_path}/ran\n")  # a Windows program that no kernel here takes
    with pytest.raises(PrerequisiteMissing, match="interop is off") as error:
        interop.call(wsl, "wsl.exe").ran()
    assert "enabled=true" in error.value.hint
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("words", "rc"),
    [
        ("<3>WSL (7) ERROR: UtilConnectUnix:522: connect failed 2", 1),
        ("wsl.exe: cannot execute binary file: Exec format error", 126),
    ],
)
def test_interop_that_broke_is_interop_off(words, rc, wsl) -> None:
    wsl.put("wsl.exe", f"#!/bin/sh\necho '{words}' >&2\nexit {rc}\n")
    with pytest.raises(PrerequisiteMissing, match="interop is off"):
        interop.call(wsl, "wsl.exe").ran()


def test_what_never_ends_is_ended_with_its_children_and_leaves_nothing(wsl, tmp_path) -> None:
    wsl.put("slow.exe", "#!/bin/sh\nexec sleep 60\n")
    wsl.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    began = time.monotonic()
    said = interop.call(wsl, "slow.exe", timeout=0.2)
    assert time.monotonic() - began < 3
    assert said.fault == interop.SLOW
    with pytest.raises(WaitTimeout):
        said.ok()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_socket_is_found_where_sudo_has_taken_the_variable(wsl) -> None:
    wsl.put("x.exe", '#!/bin/sh\necho "${WSL_INTEROP:-none}"\n')
    assert interop.call(wsl, "x.exe").out.strip() in ("none", "/run/WSL/1_interop")


def test_questions_go_together_and_one_that_fails_stops_no_other(wsl) -> None:
    for n in range(3):
        wsl.put(f"s{n}.exe", "#!/bin/sh\nsleep 0.4\necho here\n")
    began = time.monotonic()
    told = interop.together({f"s{n}": lambda n=n: interop.call(wsl, f"s{n}.exe").ok().out for n in range(4)})
    assert time.monotonic() - began < 1.1
    assert [told[f"s{n}"] for n in range(3)] == ["here\n"] * 3
    assert isinstance(told["s3"], interop.Unknown)
    assert "not to be found" in str(told["s3"])


def test_powershell_is_asked_for_json(wsl) -> None:
    assert interop.ask(wsl, powershell.TAILSCALE) == [{"Status": "Running", "StartType": "Automatic"}]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"a":1}]\r\n', [{"a": 1}]),
        ('\ufeff[{"Name":"TEQUILA\\\\Jos\\u00e9"}]', [{"Name": "TEQUILA\\José"}]),
        ('{"value":[{"a":1}],"Count":1}', [{"a": 1}]),
        ("", []),
        ("[]", []),
    ],
)
def test_powershell_json(text, found) -> None:
    assert powershell.parse(text) == found


@pytest.mark.parametrize("text", ["Zugriff verweigert", '"text"', "[1]", '{"a":1}'])
def test_powershell_that_prints_something_else(text) -> None:
    with pytest.raises(HomelabError, match="no JSON list"):
        powershell.parse(text)


def test_no_script_has_what_a_layer_between_would_eat() -> None:
    name = "Ana's ‘rule’"
    scripts = [
        powershell.WINDOWS_VERSION, powershell.USER, powershell.TAILSCALE, powershell.ADAPTERS, powershell.NETWORKS,
        powershell.firewall_rules(name), powershell.new_firewall_rule(name, 1883),
        powershell.remove_firewall_rule(name), powershell.elevated("netsh.exe", "a b"),
        powershell.elevated_powershell(powershell.new_firewall_rule(name, 1883)),
        powershell.set_service("Tailscale", "Manual", "Stopped"),
        powershell.elevated("schtasks.exe", '/XML "C:\\Users\\Ana M\\x.xml"'),
    ]  # fmt: skip
    for script in scripts:
        assert '"' not in script
        assert "\n" not in script
    assert "'Ana''s ‘‘rule’’'" in scripts[5]
    with pytest.raises(HomelabError):
        powershell.quoted('a"b')


def test_what_is_typed_reaches_powershell_whole(wsl) -> None:
    wsl.put("powershell.exe", '#!/bin/sh\nprintf "%s" "$4"\n')
    line = interop.typed(*powershell.argv(powershell.USER))
    assert wsl.run(["sh", "-c", line]).ok().out == powershell.USER
