"""A machine over SSH does what the local one does: a real sshd on the loopback, a real ssh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import loopback_sshd
import pytest

from homelab.errors import CommandFailed, SshError, WaitTimeout
from homelab.local_machine import LocalMachine
from homelab.machine import Machine, Pending
from homelab.person import Reader
from homelab.ssh import folder
from homelab.ssh.address import parse
from homelab.ssh.machine import SshMachine
from homelab.wait import until


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[loopback_sshd.Sshd]:
    server = loopback_sshd.Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    patch = pytest.MonkeyPatch()
    patch.setenv("HOMELAB_SSH_CONFIG", str(server.config))
    yield server
    folder.close()
    server.stop()
    patch.undo()


def over_ssh(sshd: loopback_sshd.Sshd, user: str = "reader") -> SshMachine:
    return SshMachine("demoserver", parse(sshd.address(user)), Reader(), Pending())


@pytest.fixture(scope="module")
def there(sshd: loopback_sshd.Sshd) -> Iterator[SshMachine]:
    machine = over_ssh(sshd)
    yield machine
    machine.close()


@pytest.fixture(params=["local", "ssh"])
def machine(request: pytest.FixtureRequest, there: SshMachine) -> Machine:
    """Either: what holds for one holds for the other."""
    return there if request.param == "ssh" else LocalMachine("here", Reader(), Pending())


def test_status_output_and_error(machine: Machine) -> None:
    done = machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.rc, done.out, done.err) == (3, "out\n", "err\n")


@pytest.mark.parametrize("word", ["a b", "it's", 'say "hi"', "$HOME", "back\\slash", "two\nlines\n", "", "`id`", "*", "ü", "-n", "!x"])  # fmt: skip
def test_words_arrive_as_they_are(machine: Machine, word: str) -> None:
    assert machine.run(["printf", "%s|", word, "end"]).out == f"{word}|end|"


@pytest.mark.parametrize("text", ["line\n", "no end", "\n\n", "it's $HOME \\ ü\n" * 20_000])
def test_input_arrives_as_it_is(machine: Machine, text: str) -> None:
    assert machine.run(["cat"], stdin=text).out == text


def test_a_command_that_does_not_read_its_input(machine: Machine) -> None:
    assert machine.run(["true"], stdin="x" * 1_000_000).rc == 0


def test_without_input_there_is_none(machine: Machine) -> None:
    assert machine.run(["cat"]).out == ""


def test_a_missing_program_is_127(machine: Machine) -> None:
    done = machine.run(["no-such-program"])
    assert done.rc == 127
    assert "no-such-program: not found" in done.err


def test_255_of_a_command_is_not_that_of_ssh(machine: Machine) -> None:
    assert machine.run(["sh", "-c", "exit 255"]).rc == 255


def test_variables(machine: Machine) -> None:
    assert machine.run(["sh", "-c", 'echo "$A"'], env={"A": "it's\ntwo"}).out == "it's\ntwo\n"


def test_words_of_programs_are_english(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert machine.run(["sh", "-c", 'echo "$LC_ALL"']).out == "C.UTF-8\n"


def test_variables_are_in_nobodys_process_list(machine: Machine) -> None:
    found = machine.run(["sh", "-c", "cat /proc/[0-9]*/cmdline; true"], env={"A": "canary" + "4711"})
    assert "canary4711" not in found.out.replace("\0", " ")


def test_lines_come_while_it_runs(machine: Machine, tmp_path: Path) -> None:
    seen: list[float] = []
    start = time.monotonic()
    machine.run(["sh", "-c", "echo one; sleep 1; echo two"], watch=lambda _: seen.append(time.monotonic()))
    assert len(seen) == 2
    assert seen[0] - start < 0.9
    assert seen[1] - seen[0] > 0.9


def test_what_takes_too_long_is_ended_with_all_it_started(machine: Machine) -> None:
    start = time.monotonic()
    with pytest.raises(WaitTimeout) as caught:
        machine.run(["sh", "-c", "echo started; sleep 4711 & sleep 4712"], timeout=0.7)
    assert time.monotonic() - start < 3
    assert caught.value.last == "started"

    def left() -> list[str]:
        found = machine.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0\\n' '\\n '"]).out.split("\n")
        return [word for word in found if word in ("4711", "4712")]

    until(left, lambda words: not words, "the processes to end", 5)


def test_an_interrupt_ends_it_there(there: SshMachine) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there.run(["sh", "-c", "echo begun; exec sleep 4713"], watch=interrupt)
    until(lambda: there.run(["pgrep", "-f", "^sleep 4713"]).out, lambda out: not out, "it to end", 5)


def test_what_it_leaves_behind_does_not_hold_us(machine: Machine) -> None:
    start = time.monotonic()
    assert machine.run(["sh", "-c", "sleep 30 >/dev/null 2>&1 & echo done"]).out == "done\n"
    assert time.monotonic() - start < 3


def test_a_file_there_and_back(there: SshMachine) -> None:
    assert there.read_text("~/no such") is None
    there.write_text("~/a file", "first\n", 0o600)
    there.write_text("/home/reader/a file", "it's\n\nsecond")
    assert there.read_text("~/a file") == "it's\n\nsecond"
    assert there.run(["stat", "-c", "%a", "/home/reader/a file"]).out == "644\n"
    assert there.run(["ls", "-A", "/home/reader"]).out == "a file\n"


@pytest.mark.parametrize(("place", "words"), [("ro", "Read-only file system"), ("full", "No space left")])
def test_a_disk_that_cannot_be_written(there: SshMachine, place: str, words: str) -> None:
    with pytest.raises(CommandFailed, match=words) as caught:
        there.write_text(f"/home/{place}/file", "x" * 100_000)
    assert caught.value.hint
    assert there.run(["ls", "-A", f"/home/{place}"]).out == ""


def test_another_distribution_has_no_apt(machine: Machine) -> None:
    with pytest.raises(CommandFailed, match="not found") as caught:
        machine.run(["sh", "-c", "PATH=/nowhere; apt-get update"]).ok()
    assert "no Debian or Ubuntu" in caught.value.hint


def test_a_file_for_others_only(there: SshMachine) -> None:
    with pytest.raises(CommandFailed, match="Permission denied"):
        there.read_text("/etc/shadow")


def test_a_login_shell_that_talks(sshd: loopback_sshd.Sshd) -> None:
    loud = over_ssh(sshd, "loud")
    done = loud.run(["sh", "-c", "echo out; echo err >&2"])
    assert (done.out, done.err) == ("out\n", "err\n")
    loud.close()


def test_a_user_without_a_shell(sshd: loopback_sshd.Sshd) -> None:
    with pytest.raises(SshError, match="not available") as caught:
        over_ssh(sshd, "nologin").run(["true"])
    assert caught.value.kind == "shell"


def test_sudo_does_not_wait_for_a_password(sshd: loopback_sshd.Sshd, there: SshMachine) -> None:
    done = there.run(["sudo", "id"], timeout=5)
    with pytest.raises(CommandFailed, match="password") as caught:
        done.ok()
    assert "NOPASSWD" in caught.value.hint
    root = over_ssh(sshd, "root")
    assert root.run(["sudo", "id", "-u"]).out == "0\n"
    root.close()


def test_many_at_once_over_one_connection(sshd: loopback_sshd.Sshd) -> None:
    before = sshd.accepted()
    folder.close()
    first, second = over_ssh(sshd), over_ssh(sshd)
    with ThreadPoolExecutor(16) as pool:
        jobs = [
            pool.submit(m.run, ["sh", "-c", f"sleep 0.1; echo {n}"])
            for n in range(16)
            for m in (first, second)
        ]
        assert sorted(int(job.result().out) for job in jobs) == sorted([*range(16)] * 2)
    assert sshd.accepted() == before + 1
    first.close()
    second.close()


@pytest.mark.skipif(Path("/usr/bin/sudo").exists(), reason="sudo is here, so there it is as well")
def test_root_without_sudo_types_the_same(sshd: loopback_sshd.Sshd, machine: Machine) -> None:
    if isinstance(machine, LocalMachine) and machine.run(["id", "-u"]).out != "0\n":
        pytest.skip("here we are not root")
    root = over_ssh(sshd, "root") if isinstance(machine, SshMachine) else machine
    no_sudo = {"PATH": "/usr/bin:/bin"}
    typed = "echo one | sudo cat && sudo -n sh -c 'echo two'"
    assert root.run(["sh", "-c", typed], env=no_sudo).ok().out == "one\ntwo\n"
    assert root.run(["sudo", "id", "-u"], env=no_sudo).ok().out == "0\n"
    if isinstance(root, SshMachine):
        root.close()
