"""``./runbook open``: JupyterLab on the notebooks, with a lab that is up as long as JupyterLab runs."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homelab import labsocket, stages
from homelab.errors import EXIT_INTERRUPTED, PrerequisiteMissing
from homelab.lab_lease import Lease
from homelab.runner import tied
from homelab.runner.first_page import ANOTHERS, NAME, OWN, TITLE, FirstPage
from homelab.runner.first_page import KEPT as STAYS
from homelab.runner.interrupt import Interrupted, interruptible
from homelab.runner.kernels import KEPT
from homelab.runner.over_ssh import has_browser, way_in
from homelab.runner.trusted import trust_shipped
from homelab.runner.window import Windows
from homelab.runner.window_places import lab_windows

SETTINGS = {
    # Else it asks whether it may look for news outside.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},  # dark where the reader's desktop is
    # On a small screen a long line goes on below, and is not cut off.
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
}
KERNEL = {
    "InteractiveShellApp": {"extensions": ["homelab.runner.cell_errors"]},
    "IPKernelApp": {"log_level": "ERROR"},  # else each start warns, and the address scrolls out of sight
}
# A terminal that is opened beside a chapter begins where the commands of all chapters do.
SERVER = {
    "ServerApp": {
        "terminado_settings": {
            "shell_command": ["sh", "-c", 'cd "$JUPYTER_SERVER_ROOT"; exec "${SHELL:-sh}"']
        }
    }
}
LOOK = Path(__file__).with_name("jupyterlab.css")
DATA = KEPT / "jupyter" / "jupyter_data_dir"
PORTS = range(8888, 8988)
END = 10.0  # seconds that JupyterLab gets to end its kernels


def open_notebooks(stage: str | None) -> int:
    """Run JupyterLab until it is stopped; returns the exit status.

    Raises:
        ParamsError: no stage is called so.
        PrerequisiteMissing, LabError: there is no lab, and none can be had.
    """
    page = _notebook(stages.find(stage)) if stage else f"/{NAME}/"
    tell = functools.partial(print, file=sys.stderr, flush=True)
    with contextlib.closing(Lease(tell=tell, here=True)) as lab:
        try:
            with interruptible():
                return _jupyter(page, lab)
        except Interrupted:
            return EXIT_INTERRUPTED


def arguments(page: str, port: int, browser: bool) -> list[str]:
    """What JupyterLab is started with: on the loopback only, behind its token, at `page`."""
    words = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.port_retries={len(PORTS)}",  # at a workshop thirty may ask at one moment
        f"--ServerApp.open_browser={browser}",
        f"--ServerApp.root_dir={stages.NOTEBOOKS.parent}",
        f"--LabApp.default_url={page}",
        "--LabApp.custom_css=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    return [*words, "--allow-root"] if os.getuid() == 0 else words


def places() -> dict[str, str]:
    """Where Jupyter keeps what it keeps, layout and settings too: in `.venv`, and not in your home."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    return {name: str(KEPT / "jupyter" / name.lower()) for name in names}


def environment(token: str) -> dict[str, str]:
    """The token, where no process list shows it; our settings are written where Jupyter looks."""
    kept = KEPT / "jupyter"
    config = kept / "jupyter_config_dir"
    _keep(config / "labconfig" / "default_setting_overrides.json", json.dumps(SETTINGS))
    _keep(config / "jupyter_server_config.json", json.dumps(SERVER))
    _keep(config / "custom" / "custom.css", LOOK.read_text(encoding="utf-8"))  # where JupyterLab looks for it
    _keep(kept / "ipythondir" / "profile_default" / "ipython_kernel_config.json", json.dumps(KERNEL))
    return {"JUPYTER_TOKEN": token, "MPLCONFIGDIR": str(KEPT / "matplotlib")}


def _keep(file: Path, text: str) -> None:
    """Have `text` in `file`, which another JupyterLab of this checkout may be reading."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_text(text, encoding="utf-8")
        new.rename(file)


def offered(pages: dict[str, Any], folder: str) -> dict[str, str]:
    """Our own `pages`, configured in a `folder` of this JupyterLab alone: the next one has others.

    https://docs.jupyter.org/en/latest/use/jupyter-directories.html#configuration-files
    """
    settings = {"ServerProxy": {"servers": pages}}
    Path(folder, "jupyter_server_config.json").write_text(json.dumps(settings))
    return {"JUPYTER_CONFIG_PATH": folder}


def _notebook(stage: str) -> str:
    return f"/lab/tree/{stages.NOTEBOOKS.name}/{stages.notebook(stage).name}"


def _lasts(path: str, own: bool) -> str:
    """How long the lab does."""
    leased = labsocket.request(path, op="status")["leased"]
    return OWN if own else ANOTHERS if leased else STAYS


def free_port() -> int:
    """The first port of the loopback that JupyterLab can have.

    Raises:
        PrerequisiteMissing: there is none.
    """
    for port in (*PORTS, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                tried.bind(("127.0.0.1", port))
                return int(tried.getsockname()[1])
    raise PrerequisiteMissing("no port of the loopback is free", "127.0.0.1")


def _port(process: subprocess.Popen[bytes], token: str) -> int | None:
    """The port that JupyterLab has got, by its own note: another than asked for, where somebody was quicker.

    None where it has given up, and said why.
    """
    note = KEPT / "jupyter" / "jupyter_runtime_dir" / f"jpserver-{process.pid}.json"
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):  # not there yet, or only half of it
            said = json.loads(note.read_text())
            if said["token"] == token:
                socket.create_connection(("127.0.0.1", said["port"]), END).close()  # the note comes first
                return int(said["port"])
        time.sleep(0.05)
    return None


def _jupyter(page: str, lab: Lease) -> int:
    token, browser = secrets.token_urlsafe(24), has_browser(os.environ)
    with contextlib.ExitStack() as ended:
        process = ended.enter_context(_started(arguments(page, free_port(), browser)))
        trust_shipped(DATA)  # it loads, and the lab comes up
        path = lab.socket()
        print("A lab of its own, until JupyterLab ends." if lab.own else "In the lab that is up.", flush=True)
        windows = ended.enter_context(contextlib.closing(Windows(*lab_windows(path), token)))
        first = ended.enter_context(
            contextlib.closing(FirstPage(path, windows.titles(), _lasts(path, lab.own)))
        )
        folder = ended.enter_context(tempfile.TemporaryDirectory(prefix="homelab-jupyter-"))
        told = {
            **environment(token),
            **offered({**first.settings(), **windows.settings()}, folder),
            "HOMELAB_LAB": path,
            "HOMELAB_WINDOWS": " ".join(windows.titles()),  # through them a notebook's film player looks
        }
        assert process.stdin
        with (
            contextlib.suppress(BrokenPipeError),
            process.stdin as pipe,
        ):  # it may have given up, and says why
            pipe.write(json.dumps(told).encode() + b"\n")
        if (port := _port(process, token)) is None:
            return process.returncode
        at = f"http://127.0.0.1:{port}"
        if port != PORTS.start:
            print(f"Port {PORTS.start} is taken, so it is another one.")
        if not browser:
            print(way_in(os.environ, pwd.getpwuid(os.getuid()).pw_name, port))
        print(f"JupyterLab (Ctrl-C ends it): {at}{page}?token={token}")
        others = {NAME: TITLE} if page != f"/{NAME}/" else {}
        for name, title in {**others, **windows.titles()}.items():
            print(f"  {title}: {at}/{name}/?token={token}")
        sys.stdout.flush()
        return process.wait()


@contextlib.contextmanager
def _started(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """JupyterLab, which loads and waits for a line; it ends with the block."""
    process = subprocess.Popen(
        tied.command(signal.SIGTERM, "homelab.runner.jupyterlab_server", *words),
        env={**os.environ, **tied.environment(), **places()},
        stdin=subprocess.PIPE,  # of no terminal: or it would ask on Ctrl-C whether we mean it
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END)
        process.kill()
        process.wait()
