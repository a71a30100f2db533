"""05, funnel, for the quiz that is a device of its own (chapter 04): its container's file says who may come."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING

from homelab import serve_config, services
from homelab.plan import Plan, change
from homelab.plan import plan as planned
from homelab.resources import file
from homelab.resources.tailscale_status import peers, short_name, status
from homelab.stages import funnel
from homelab.stages.services import TAG, Params, folder

if TYPE_CHECKING:
    from homelab.world import World

DEVICE = "quiz"
ABSENT = "The quiz has no device of its own here: chapter 04 makes it. So there is nothing to open."


def host(world: World) -> str:
    """The device's full name; empty where it is not in the tailnet, or not connected."""
    found = status(funnel.home(world)) if world.machines else {}
    online = [short_name(p) for p in peers(found) if p.get("Online")]
    return f"{DEVICE}.{found['MagicDNSSuffix']}" if DEVICE in online else ""


def plan(world: World) -> Plan:
    """``AllowFunnel`` in the file that the container watches, and the policy's word that its tag may.

    Raises:
        ParamsError: the file there is no serve configuration.
    """
    if not host(world):
        return Plan(funnel.STAGE, notes=(ABSENT,))
    machine, one = funnel.home(world), services.load(DEVICE)
    path = posixpath.join(folder(world, Params.model_validate({}), DEVICE), "serve/serve.json")
    now = file.read(machine, path)
    if now.text is None:
        return Plan(
            funnel.STAGE, notes=(f"There is no {path} on {machine.name}: the device runs elsewhere.",)
        )
    data = serve_config.read(now.text, path, one.listens).data
    at = next(iter(data.get("Web") or ()), "")
    if not at:
        return Plan(funnel.STAGE, notes=(f"{path} shows no page: there is nothing to open.",))
    text = now.text.replace(f'"{at}": false', f'"{at}": true')
    if not json.loads(text).get("AllowFunnel", {}).get(at):
        text = json.dumps({**data, "AllowFunnel": {**data.get("AllowFunnel", {}), at: True}}, indent=2) + "\n"
    wanted = file.State(path, text, now.mode)
    allowed = funnel.by_policy(world, (TAG,)) if world.tailnet else ()
    shown = change(machine.name, "file", now, wanted, "let everybody come to the quiz's device", name=path)
    return planned(funnel.STAGE, allowed, shown)
