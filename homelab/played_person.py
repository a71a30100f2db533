"""The person who is played in the lab: the clicks are real requests to real pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from homelab.errors import HomelabError
from homelab.machine import Machine
from homelab.record import say

COMPLAINT = re.compile(r'<div class="box bad">(.*?)</div>', re.DOTALL)  # how the pages say what is wrong


@dataclass
class PlayedPerson:
    """In the lab a person is played: the clicks are real requests from a machine with a browser's manners."""

    name: str
    email: str
    seat: Machine
    tell: Callable[[str], None] = say
    own: bool = False  # signs in to a tailnet of their own, not to the one of this world
    clicked: list[str] = field(default_factory=list)

    def sign_in(self, url: str) -> None:
        """Open the page, sign in as this person, and press *Connect*.

        Raises:
            HomelabError: the page does not offer to connect a device, or refuses.
        """
        own = {"tailnet": "own"} if self.own else {}
        said = f"{self.name} opens {url}, signs in as {self.email}: connected."
        self._post(url, {"login": self.email, **own}, said)

    def other(self, email: str) -> PlayedPerson:
        """Somebody else at the same browser, who has a tailnet of their own or founds one."""
        return PlayedPerson(email.split("@")[0].capitalize(), email, self.seat, self.tell, own=True)

    def accept(self, url: str) -> None:
        """Open the invitation, sign in as this person, and accept.

        Raises:
            HomelabError: the invitation is for somebody else, used up, or gone.
        """
        said = f"{self.name} opens {url}, signs in as {self.email}, and accepts."
        self._post(url, {"login": self.email}, said)

    def take_back(self, url: str, device: str, device_id: str, guest: str) -> None:
        """Stop sharing the device on the machines page.

        Raises:
            HomelabError: the page refuses.
        """
        said = f"{self.name} opens {url} and stops sharing {device} with {guest}."
        self._post(url, {"device": device_id, "action": "unshare"}, said)

    def enable(self, url: str) -> None:
        """Open the page that asks whether a feature may be used, and press its button.

        Raises:
            HomelabError: the page has no such button, or refuses.
        """
        self._post(url, {"enable": "on"}, f"{self.name} opens {url} and presses the button.")

    def deny(self, url: str) -> None:
        """Open the page, which asks about a device or about a session, and say no.

        Raises:
            HomelabError: the page refuses that.
        """
        self._post(url, {"deny": "1"}, f"{self.name} opens {url} and says no.")

    def submit(self, url: str, **fields: str) -> None:
        """Send the form on the page at `url`, as the owner does on the admin pages.

        Raises:
            HomelabError: the page refuses.
        """
        said = ", ".join(f"{k}={v}" for k, v in fields.items())
        self._post(url, fields, f"{self.name} sends {said} on {url}.")

    def _post(self, url: str, fields: dict[str, str], said: str) -> None:
        page = self.seat.run(["curl", "-sS", "-m", "10", url])
        if not page or "<form" not in page.out:
            raise HomelabError(
                "the page has no form to fill in", url, "is the cloud up? `./runbook lab status`"
            )
        data = [part for k, v in fields.items() for part in ("--data-urlencode", f"{k}={v}")]
        answer = self.seat.run(["curl", "-sSL", "-m", "10", "-o", "-", "-w", "\n%{http_code}", *data, url])
        body, _, code = answer.out.rpartition("\n")
        if not answer or not code.startswith("2"):
            wrong = COMPLAINT.search(body)
            words = re.sub(r"<[^>]+>", " ", wrong[1] if wrong else body).split()
            raise HomelabError(f"the page answered {code}: {' '.join(words)[:200]}", url)
        self.clicked.append(url)
        self.tell(said)
