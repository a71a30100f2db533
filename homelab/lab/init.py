"""The lab's first process after pid 1: brings everything up, answers requests, ends when its lease does."""

from __future__ import annotations

import encodings.idna  # noqa: F401  machines cannot load modules once they are in their own root
import json
import os
import sys
import threading
from pathlib import Path

from . import server, waking
from .lab import Lab
from .services import Services
from .wire import Refused

READY_FD = "HOMELAB_READY_FD"


def main(config_path: str) -> None:
    """Bring the lab up and keep it until the lease, our standard input, ends."""
    ready = int(os.environ[READY_FD])
    os.set_inheritable(ready, False)
    lab = Lab(json.loads(Path(config_path).read_text()))
    try:
        lab.build()
        _leave_when_lease_ends()
        services = Services(lab)
        services.start_all()
        if lab.enrolled and not lab.restored:
            services.enroll()
        serving = server.Server(lab, services, lab.folder / "lab.sock")
        if lab.restored:
            waking.wake(lab, services, serving.windows, waking.read(lab.restored))
            lab.note("awake")
        serving.start()
        services.open_front_end()
    except (OSError, Refused) as error:
        problem = error if isinstance(error, Refused) else Refused(str(error), str(lab.folder / "init.log"))
        lab.note(f"failed: {problem.what}")
        server.tell(ready, error={"what": problem.what, "where": problem.where, "hint": problem.hint})
        os._exit(1)
    lab.note("ready")
    server.tell(ready, ready=True)
    os.close(ready)
    threading.Event().wait()


def _leave_when_lease_ends() -> None:
    def wait() -> None:
        while os.read(0, 4096):
            continue
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
