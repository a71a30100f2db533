"""Which windows `open` offers into the lab, and what each leads to."""

from __future__ import annotations

from typing import Any

from homelab import labsocket
from homelab.lab_machine import LabMachine
from homelab.machine import Pending
from homelab.person import Reader
from homelab.runner.window import Offered
from homelab.web.connector import Seat

ADMIN = ("https://login.tailscale.com/admin/machines", "the tailnet's machines, as its owner sees them")
LOGIN = ("https://login.tailscale.com/", "Tailscale's login page, played by the lab's cloud")

LAPTOP = '<rect x="4" y="5" width="16" height="11" rx="1.5"/><path d="M2 19h20"/>'
PHONE = '<rect x="7" y="2.5" width="10" height="19" rx="2"/><path d="M10.5 18.5h3"/>'
GLOBE = '<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c6 6 6 12 0 18M12 3c-6 6-6 12 0 18"/>'


def lab_windows(path: str) -> tuple[dict[Offered, Seat], str]:
    """The windows into the lab whose socket is `path`, with the machines that look; and the root that those trust.

    Raises:
        LabError: the lab does not answer.
    """
    status = labsocket.request(path, op="status")
    seats: dict[Offered, Seat] = {}
    for offered in _offered(status):
        if offered.role in status["machines"]:
            document = status["machines"][offered.role]
            seats[offered] = LabMachine(path, offered.role, document, Reader(), Pending())
    return seats, status["ca"]


def _offered(status: dict[str, Any]) -> list[Offered]:
    tequila = status["machines"].get("tequila", {}).get("addresses", {})
    at_home = next((a.partition("/")[0] for a in tequila.values()), "tequila")
    device = f"https://{{}}.{status['tailnet']}/".format
    return [
        Offered(
            "as-windows",
            "At home, in Tequila's browser",
            "windows",
            "You sit in the living room, at the laptop itself: no Tailscale is needed for what runs on it.",
            ((f"http://{at_home}:8096/", "Jellyfin, once chapter 02 has started it"),),
            LAPTOP,
        ),
        Offered(
            "as-phone",
            "As the phone, at the parents' flat",
            "phone",
            "You hold the phone, in the parents' flat. What it reaches, it reaches as a device of the tailnet.",
            (
                (f"http://{at_home}:8096/", "Jellyfin by its address at home: does it answer from here?"),
                (device("jellyfin"), "films, once chapter 04 has made Jellyfin a device"),
                (device("immich"), "photos"),
                (device("quiz"), "the quiz"),
                (device("tequila"), "the quiz again, once chapter 05 shows it"),
                ADMIN,
            ),
            PHONE,
        ),
        Offered(
            "as-visitor",
            "As a visitor from the internet",
            "visitor",
            "You are anybody, anywhere, without Tailscale: public names and public addresses only.",
            (
                (device("tequila"), "the quiz, once chapter 05 shows it to everybody"),
                (device("quiz"), "the quiz's own device: public only while its file says so"),
                LOGIN,
            ),
            GLOBE,
        ),
    ]
