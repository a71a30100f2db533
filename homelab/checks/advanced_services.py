"""The talk's advanced services: does Ollama answer a prompt, and does Fooocus paint, as the vantage point reaches them?"""

from __future__ import annotations

from homelab import web
from homelab.check import Answer, check
from homelab.imaging import painter as painters
from homelab.imaging import requirements
from homelab.machine import Machine

OLLAMA = "http://127.0.0.1:11434"
PATIENCE = 300.0  # seconds: the first answer waits for the model to be loaded
SHOWN = 80  # characters of an answer


@check
def ollama_answers(machine: Machine, url: str = OLLAMA, model: str = "phi3") -> Answer:
    """One POST to ``/api/generate``, as the talk's author does it: does text come back?"""
    body = {"model": model, "prompt": "Why own a piece of the cloud? One sentence.", "stream": False}
    got = web.session(machine).post(f"{url.rstrip('/')}/api/generate", json=body, timeout=PATIENCE)
    try:
        said = got.json()
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    words = " ".join(str(said.get("response") or "").split())
    if got.status_code != 200 or not words:
        why = said.get("error") or f"status {got.status_code}, no text"
        return Answer(
            "ollama answers",
            machine.name,
            "fail",
            f"{url}: {why}",
            f"ollama pull {model}, on the machine it runs on",
        )
    short = words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"
    return Answer("ollama answers", machine.name, "ok", f"{model} at {url}: {short}")  # fmt: skip


@check
def fooocus_answers(machine: Machine, url: str) -> Answer:
    """Is a painter there? Nothing is painted: that takes a card's time."""
    found = painters.find(machine, url)
    return Answer("fooocus answers", machine.name, "ok", f"{found.name} at {found.url}")


@check
def fooocus_fits(machine: Machine, card: str, total: int) -> Answer:
    """Has a `card` with `total` bytes of VRAM what Fooocus asks for?"""
    found = requirements.verdict(card, total)
    return Answer(
        "fooocus fits",
        machine.name,
        "ok" if found.suffices else "warn",
        found.said,
        f"see {requirements.SOURCE}",
    )
