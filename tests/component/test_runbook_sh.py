"""`./runbook` itself: what it makes, what it does not make twice, and what it refuses."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = (
    "sh",
    "env",
    "readlink",
    "dirname",
    "cat",
    "cksum",
    "rm",
    "mv",
    "flock",
    "uname",
    "sleep",
    "mkdir",
    "ln",
    "touch",
    "chmod",
    "sha256sum",
    "cut",
)
# What `uv` would do, as far as the script can tell; it writes down every call.
UV = """#!/bin/sh
echo "uv $*" >>"$LOG"
case " $* " in
    *" venv "*) mkdir -p .venv/bin && ln -sf "$PYTHON" .venv/bin/python && touch .venv/pyvenv.cfg ;;
    *" sync "*) sleep "${SLOW:-0}"; exit "${UV_STATUS:-0}" ;;
esac
"""
# A Python that installs nothing and is asked to run the runbook's module.
PYTHON = """#!/bin/sh
case "$*" in
    *"-m homelab"*) echo "homelab: $*" ;;
    *version_info*) exit "${OLD:-0}" ;;
    *ensurepip*) exit "${NO_VENV:-0}" ;;
    *purelib*) echo "pth $3" >>"$LOG" ;;
esac
"""


class Copy:
    """The script in a folder of its own, in a system made of stubs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.log = folder / "a checkout", folder / "bin", folder / "log"
        (self.folder / "homelab/runner").mkdir(parents=True)
        self.bin.mkdir()
        self.log.touch()
        shutil.copy(CHECKOUT / "runbook", self.folder)
        shutil.copy(CHECKOUT / "homelab/runner/help.txt", self.folder / "homelab/runner")
        for name in ("requirements.txt", "requirements-benchmarks.txt", "requirements-dev.txt"):
            (self.folder / name).write_text(f"{name}==1\n")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.stub("uv", UV)
        self.stub("python3", PYTHON)
        self.stub("id", "#!/bin/sh\necho 0\n")

    def stub(self, name: str, text: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start(
        self, *words: str, script: Path | None = None, cwd: str = "/", **env: str
    ) -> subprocess.Popen[str]:
        full = {
            "PATH": str(self.bin), "LOG": str(self.log), "PYTHON": str(self.bin / "python3"), "HOMELAB_ANY_SYSTEM": "1", **env,
        }  # fmt: skip
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [script or self.folder / "runbook", *words],
            cwd=cwd,
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )

    def run(
        self, *words: str, script: Path | None = None, cwd: str = "/", **env: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, script=script, cwd=cwd, **env)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def calls(self, word: str) -> int:
        return sum(word in line for line in self.log.read_text().splitlines())


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_the_second_call_installs_nothing(copy: Copy) -> None:
    first = copy.run("run", "03")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "homelab: -P -m homelab run 03\n"
    assert "Setting up" in first.stderr
    assert copy.calls("sync") == 1
    assert copy.calls(f"pth {copy.folder}") == 1
    again = copy.run("lab", "status")
    assert (again.returncode, again.stdout, again.stderr) == (0, "homelab: -P -m homelab lab status\n", "")
    assert copy.calls("uv") == 2


def test_a_bundle_is_used_before_there_is_any_environment(copy: Copy) -> None:
    done = copy.run("bundle", "--use", "a b.tar")
    assert (done.returncode, done.stdout) == (0, "homelab: -P -m homelab.lab bundle --use a b.tar\n")
    assert not (copy.folder / ".venv").exists()
    assert copy.calls("uv") == 0


def test_what_a_bundle_brought_is_installed_without_a_network(copy: Copy, tmp_path: Path) -> None:
    lists = b"".join(
        (copy.folder / name).read_bytes() for name in ("requirements.txt", "requirements-benchmarks.txt")
    )
    offline = tmp_path / "cache" / "offline" / hashlib.sha256(lists).hexdigest()[:16]
    (offline / "wheels").mkdir(parents=True)
    (offline / "bin").mkdir()
    (copy.bin / "uv").rename(offline / "bin" / "uv")  # the machine itself has none, and no venv either
    done = copy.run("run", "03", HOMELAB_CACHE=str(tmp_path / "cache"), NO_VENV="1")
    assert done.returncode == 0, done.stderr
    assert copy.calls(f"--no-index --find-links {offline}/wheels") == 1
    assert copy.calls("sync") == 1


def test_words_arrive_as_they_were_typed(copy: Copy) -> None:
    copy.stub("python3", PYTHON.replace('echo "homelab: $*"', "printf '[%s]' \"$@\""))
    assert copy.run("run", "-p", "a=b c", "", "*").stdout.endswith("[run][-p][a=b c][][*]")


def test_from_elsewhere_and_through_links(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(copy.folder / "runbook")
    (tmp_path / "two").symlink_to("one")
    done = copy.run("check", script=tmp_path / "two", cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (copy.folder / ".venv/.ready").exists()
    assert not (tmp_path / ".venv").exists()


def test_help_needs_no_set_up(copy: Copy) -> None:
    for words in ([], ["--help"]):
        done = copy.run(*words)
        assert done.returncode == 0
        assert "./runbook run" in done.stdout
    assert not (copy.folder / ".venv").exists()


def test_one_that_was_broken_off_is_repaired(copy: Copy) -> None:
    broken = copy.run("run", UV_STATUS="2")
    assert broken.returncode == 3
    assert "Hint:" in broken.stderr
    assert "homelab" not in broken.stdout
    assert copy.run("run").returncode == 0
    assert copy.calls("uv -q venv ") == 1  # what was good is kept
    (copy.folder / ".venv/bin/python").unlink()
    assert copy.run("run").returncode == 0
    assert copy.calls("uv -q venv ") == 2


def test_new_requirements_and_a_moved_checkout_are_noticed(copy: Copy) -> None:
    copy.run("run")
    (copy.folder / "requirements.txt").write_text("other==2\n")
    copy.run("run")
    assert copy.calls("sync") == 2
    moved = copy.folder.with_name("moved")
    copy.folder.rename(moved)
    copy.run("run", script=moved / "runbook")
    assert copy.calls("sync") == 3


def test_the_tests_tools_come_with_test_and_stay(copy: Copy) -> None:
    copy.run("run", "03")
    copy.run("test")
    assert copy.calls("requirements-dev.txt") == 1
    copy.run("run")
    assert copy.calls("sync") == 2
    (copy.folder / "requirements.txt").write_text("other==2\n")
    copy.run("run")
    assert copy.calls("requirements-dev.txt") == 2


def test_what_only_the_benchmarks_need_comes_with_them_and_stays(copy: Copy) -> None:
    copy.run("run", "03", "-p", "x=09")
    assert copy.calls("requirements-benchmarks.txt") == 0
    assert "Adding to" in copy.run("run", "03", "gpu_benchmarks").stderr
    assert copy.calls("requirements-benchmarks.txt") == 1
    copy.run("run", "03")
    copy.run("run", "09")
    copy.run("run")
    assert copy.calls("sync") == 2
    (copy.folder / "requirements.txt").write_text("other==2\n")
    copy.run("run", "03")
    assert copy.calls("requirements-benchmarks.txt") == 2


@pytest.mark.parametrize("words", [(), ("--out", "x"), ("09_gpu_benchmarks",), ("09",), ("9",)])
def test_all_stages_need_them(copy: Copy, words: tuple[str, ...]) -> None:
    copy.run("run", *words)
    assert copy.calls("requirements-benchmarks.txt") == 1


def test_two_at_once_set_up_once(copy: Copy) -> None:
    both = [copy.start("run", SLOW="0.5") for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=30)[0].startswith("homelab")
        assert process.returncode == 0
    assert copy.calls("sync") == 1


def test_without_uv_a_private_one_and_without_that_pip(copy: Copy) -> None:
    (copy.bin / "uv").unlink()
    made = """
    *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; touch "$last/pyvenv.cfg"; ln -sf "$PYTHON" "$last/bin/python"
        printf '#!/bin/sh\\necho "pip $*" >>"$LOG"\\ncase "$*" in *uv==*) exit 1 ;; esac\\n' >"$last/bin/pip"; chmod +x "$last/bin/pip" ;;"""
    copy.stub("python3", PYTHON.replace('case "$*" in', f'case "$*" in{made}', 1))
    done = copy.run("run")
    assert done.returncode == 0, done.stderr
    assert copy.calls("install uv==") == 1
    assert copy.calls("install --no-deps pip -r requirements-benchmarks.txt") == 1
    assert "going on with pip" in done.stderr


def test_where_uv_gets_nothing_pip_tries(copy: Copy) -> None:
    made = """
    *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; ln -sf "$PYTHON" "$last/bin/python"
        printf '#!/bin/sh\necho "pip $*" >>"$LOG"\n' >"$last/bin/pip"; chmod +x "$last/bin/pip" ;;"""
    copy.stub("python3", PYTHON.replace('case "$*" in', f'case "$*" in{made}', 1))
    done = copy.run("run", UV_STATUS="2")
    assert done.returncode == 0, done.stderr
    assert copy.calls("uv -q pip sync") == 1
    assert copy.calls("install --no-deps pip -r requirements-benchmarks.txt") == 1


@pytest.mark.parametrize(
    ("kernel", "said"), [("4.4.0-19041-Microsoft", "WSL 1"), ("5.15.90.1-microsoft-standard-WSL2", "")]
)
def test_wsl(copy: Copy, kernel: str, said: str) -> None:
    copy.stub("uname", f'#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo {kernel}\n')
    done = copy.run("run", HOMELAB_ANY_SYSTEM="")
    assert done.returncode == (3 if said else 0), done.stderr
    assert said in done.stderr


def test_macos_is_refused(copy: Copy) -> None:
    copy.stub("uname", "#!/bin/sh\necho Darwin\n")
    done = copy.run("run", HOMELAB_ANY_SYSTEM="")
    assert done.returncode == 3
    assert "this is Darwin, not Linux" in done.stderr
    assert copy.log.read_text() == ""


@pytest.mark.skipif(
    os.getuid() != 0, reason="puts another /etc/os-release in place in a private mount namespace: needs root"
)
@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("ID=debian\nVERSION_ID=12", ""),
        ("ID=debian\nPRETTY_NAME='Debian GNU/Linux trixie/sid'", ""),
        ("ID=debian\nVERSION_ID=11", "Debian 11"),
        ('ID=ubuntu\nVERSION_ID="24.04"', ""),
        ('ID=ubuntu\nVERSION_ID="22.04"', "Ubuntu 22.04"),
        ("ID=fedora\nVERSION_ID=43", "this is fedora, which it was not tried on"),
        ("NAME=odd", "this is unknown"),
    ],
)
def test_systems(copy: Copy, tmp_path: Path, release: str, said: str) -> None:
    (tmp_path / "os-release").write_text(f"{release}\n")
    script = 'mount --bind "$1" "$(readlink -f /etc/os-release)" && exec env PATH="$3" HOMELAB_ANY_SYSTEM= "$2" run'
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", tmp_path / "os-release", copy.folder / "runbook", copy.bin],
        env={"PATH": os.environ["PATH"], "LOG": str(copy.log), "PYTHON": str(copy.bin / "python3")},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == (3 if said else 0), done.stderr
    assert said in done.stderr
    if said:
        assert "Hint:" in done.stderr
        assert copy.log.read_text() == ""


def test_missing_packages_are_named_with_the_reason_first(copy: Copy) -> None:
    (copy.bin / "uv").rename(copy.bin / "uv-later")
    copy.stub("id", "#!/bin/sh\necho 1000\n")
    copy.stub("sudo", '#!/bin/sh\n[ "$1" = -n ] && shift\necho "sudo $*" >>"$LOG"; exec "$@"\n')
    copy.stub(
        "apt-get",
        '#!/bin/sh\necho "apt-get $*" >>"$LOG"; case "$*" in *install*) mv "${0%/*}/uv-later" "${0%/*}/uv" ;; esac\n',
    )
    done = copy.run("run", NO_VENV="1")
    assert done.returncode == 0, done.stderr
    said = done.stderr
    assert (
        said.index("python3-venv: makes .venv")
        < said.index("uidmap: lets an ordinary user")
        < said.index("Installing:")
    )
    assert "--no-install-recommends install python3-venv uidmap" in copy.log.read_text()
    assert copy.calls("sudo") == 1


@pytest.mark.parametrize("sudo", ["none", "refuses"])
def test_who_may_not_install_gets_a_list(copy: Copy, sudo: str) -> None:
    copy.stub("id", "#!/bin/sh\necho 1000\n")
    copy.stub("apt-get", '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n')
    if sudo == "refuses":
        copy.stub("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n")
    done = copy.run("run")
    assert done.returncode == 3
    assert "Hint: install them: sudo apt-get update && sudo apt-get install uidmap" in done.stderr
    assert copy.log.read_text() == ""
    assert not (copy.folder / ".venv").exists()
    assert copy.run("run", "--params", "home.yaml").returncode == 0  # a home needs no lab, so no uidmap
    assert copy.run("init", "local").returncode == 0


def test_a_python_that_is_too_old(copy: Copy) -> None:
    copy.stub("apt-get", "#!/bin/sh\nexit 0\n")
    done = copy.run("run", OLD="1")
    assert done.returncode == 3
    assert "Python 3.11 or newer is needed" in done.stderr


def test_no_two_packages_write_the_same_file() -> None:
    """Which one wins would depend on the order in which they happen to be installed."""
    files = ("requirements.txt", "requirements-benchmarks.txt")
    lines = [line for name in files for line in (CHECKOUT / name).read_text().splitlines()]
    names = {line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")}
    owners: dict[str, list[str]] = {}
    for found in importlib.metadata.distributions():
        if found.metadata["Name"].lower().replace("_", "-") in names:
            for file in found.files or ():
                if file.suffix == ".py":
                    owners.setdefault(str(file), []).append(found.metadata["Name"])
    assert len(owners) > 1000
    assert not {file: who for file, who in owners.items() if len(set(who)) > 1}


def test_the_script_is_short() -> None:
    lines = (CHECKOUT / "runbook").read_text().splitlines()
    assert len(lines) < 145
    assert lines[0] == "#!/bin/sh"


@pytest.mark.nightly
def test_a_real_set_up(tmp_path: Path) -> None:
    """A clean copy, for real: twice, and the second time in no time and without a network."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, files.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    env = {**os.environ, "HOMELAB_STATE": str(tmp_path / "state")}
    words = [tmp_path / "runbook", "lab", "status"]
    first = subprocess.run(words, env=env, cwd="/", capture_output=True, text=True, timeout=600)
    assert "no lab is up" in first.stderr, first.stderr
    start = time.monotonic()
    alone = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-r", "-n"]
    again = subprocess.run([*alone, *words], env=env, cwd="/", capture_output=True, text=True, timeout=60)
    assert time.monotonic() - start < 2
    assert again.stderr == first.stderr.partition("...\n")[2]
