"""The start-up script, run by a real VBScript engine: Wine's script host, with a wsl.exe that records how it is started.

Wine and a compiler for it are fetched by apt and unpacked into the lab's cache (160 MB to fetch, 1.1 GB
there), never installed: they appear over /usr in namespaces of the test's own, and end with them.
What Wine does is no proof of Windows; that a script is understood, and which window it asks for, is the engine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from homelab.errors import PrerequisiteMissing
from homelab.lab import cache, packages
from homelab.resources import startup_script

pytestmark = pytest.mark.nightly

PROGRAMS = ("wine64", "libwine", "libz-mingw-w64", "gcc-mingw-w64-x86-64-win32")
HIDDEN, NORMAL = "0", "1"  # SW_HIDE, SW_SHOWNORMAL
SOURCE = Path(__file__).with_name("recording_wsl.c")
PATIENCE = 180  # seconds; it takes 20 to 30
# zlib1.dll has to be there before the first start: without it user32.dll does not load, and Wine ends silently with 53.
SCRIPT = """
set -e
mount -t overlay overlay -o lowerdir="$PROGRAMS/usr:/usr" /usr
export HOME="$WORK" WINEPREFIX="$WORK/prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= DISPLAY=
system="$WINEPREFIX/drive_c/windows/system32"
mkdir -p "$system"
cp /usr/x86_64-w64-mingw32/lib/zlib1.dll "$system"
x86_64-w64-mingw32-gcc-win32 -municode -o "$system/wsl.exe" "$SOURCE"
timeout 90 /usr/lib/wine/wine64 wineboot -i >/dev/null 2>&1
for file in "$WORK"/*.vb?; do
  name=$(basename "$file")
  WSL_LOG="Z:$WORK/$name.log" timeout 30 /usr/lib/wine/wine64 wscript.exe "Z:$file" || true
done
timeout 30 /usr/lib/wine/wineserver -w
"""
TALK = 'Set ws = CreateObject("Wscript.Shell")\r\nws.run "wsl -d Ubuntu", vbhide\r\n'
OURS = startup_script.script("Ubuntu-24.04")
SCRIPTS = {
    "ours.vbs": OURS.encode("ascii"),
    "talk.vbs": TALK.encode(),
    "talk.vbe": TALK.encode(),
    "seen.vbs": OURS.replace(", 0", ", 1").encode(),
    "strict.vbs": b"Option Explicit\r\nDim ws\r\n" + TALK.encode(),
    "marked.vbs": b"\xef\xbb\xbf" + OURS.encode(),
}


@pytest.fixture(scope="module")
def programs() -> Path:
    """Wine and the compiler, unpacked."""
    try:
        with cache.building():
            return packages.ensure(PROGRAMS)
    except PrerequisiteMissing as error:
        pytest.skip(f"no Wine here: {error.what}")


@pytest.fixture(scope="module")
def started(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[str]]]:
    """How wsl.exe was started by each script: window and arguments of every start."""
    work = tmp_path_factory.mktemp("wine")
    for name, text in SCRIPTS.items():
        (work / name).write_bytes(text)
    new = [
        "unshare",
        *([] if os.geteuid() == 0 else ["-r"]),
        "-m",
        "-p",
        "-f",
        "--mount-proc",
        "--kill-child",
    ]
    if subprocess.run([*new, "true"], capture_output=True).returncode:
        pytest.skip("no namespaces of one's own here")
    env = {**os.environ, "PROGRAMS": str(programs), "WORK": str(work), "SOURCE": str(SOURCE)}
    done = subprocess.run(
        [*new, "sh", "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    logs = {name: work / f"{name}.log" for name in SCRIPTS}
    found = {
        name: [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
        for name, log in logs.items()
    }
    shutil.rmtree(work / "prefix")  # 400 MB
    return found


def test_our_script_starts_wsl_once_without_a_window(started) -> None:
    assert started["ours.vbs"] == [[HIDDEN, "-d", "Ubuntu-24.04"]]


def test_the_window_shows_when_the_script_says_so(started) -> None:
    assert started["seen.vbs"] == [[NORMAL, "-d", "Ubuntu-24.04"]]


def test_the_talks_undefined_name_counts_as_0(started) -> None:
    assert started["talk.vbs"] == [[HIDDEN, "-d", "Ubuntu"]]
    assert started["strict.vbs"] == []  # where names must be defined, it is an error


def test_why_ours_is_plain_and_called_vbs(started) -> None:
    assert started["marked.vbs"] == []
    assert started["talk.vbe"] == []  # in Wine; on Windows this is not established
