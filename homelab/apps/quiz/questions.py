"""What is asked, in our own words, with a kind explanation for each. The first answer listed is the right one."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question: `answers` as shown, `right` is the index among them, `why` explains it."""

    key: str
    text: str
    answers: tuple[str, ...]
    right: int
    why: str


def _question(key: str, text: str, answers: tuple[str, ...], why: str) -> Question:
    """The answers in an order that is the same for everybody, and every time."""
    shown = random.Random(key).sample(answers, len(answers))
    return Question(key, text, tuple(shown), shown.index(answers[0]), why)


QUESTIONS = (
    _question(
        "homelab",
        "What makes a pile of computers a homelab?",
        (
            "You may break it, and it works most of the time",
            "It has a rack and two power supplies",
            "Somebody is on call for it",
            "It is never switched off",
        ),
        "It is the opposite of a professional infrastructure: compute that you own and may break. Fun, learning and comfort; profit is optional.",
    ),
    _question(
        "tequila",
        "Tequila, the home server of the talk, is…",
        (
            "a gaming laptop of 3.8 kg in the living room",
            "a small board computer in a shoe box",
            "a rented virtual machine",
            "a rack server in the cellar",
        ),
        "An MSI GT72 with a GTX 1060 (3 GB) and 16 GB of memory. Somewhat mobile, and already paid for.",
    ),
    _question(
        "windows",
        "Why does Tequila still run Windows?",
        (
            "It is the family's games console too",
            "Docker needs Windows",
            "Linux has no driver for its fan",
            "Its licence would be wasted",
        ),
        "Vampire Survivors has to start when somebody sits down on the sofa. So Linux lives beside Windows, and nobody has to choose.",
    ),
    _question(
        "wsl",
        "What does WSL add to that laptop?",
        (
            "A real Linux kernel, so Linux containers run natively",
            "A faster graphics card",
            "A way to run Windows programs on Linux",
            "A second screen",
        ),
        "Docker runs under WSL, which runs under Windows. Is this ideal? No. But the family can play.",
    ),
    _question(
        "registry",
        "`docker pull jellyfin/jellyfin` asks a registry. What is that?",
        (
            "A shelf of images, each under a name and a tag",
            "A list of everybody who uses Docker",
            "The part of Windows that keeps settings",
            "A folder on your own disk",
        ),
        "An image is a stack of read-only layers with a description. The registry keeps them; your engine fetches only the layers that it lacks.",
    ),
    _question(
        "volume",
        "You delete the Jellyfin container of the talk. What of its settings?",
        (
            "They are still in the folder that was mounted as /config",
            "They are gone for good",
            "They move to the next container by themselves",
            "They are in the registry",
        ),
        "Containers come and go. What must stay is mounted from outside, and that folder is also what you back up.",
    ),
    _question(
        "photos",
        "Which of these services keeps the household's photos?",
        ("Immich", "Mosquitto", "Home Assistant", "Ollama"),
        "Immich has an app for the phone, which uploads by itself. Home Assistant runs the house, Mosquitto carries its messages, Ollama serves language models.",
    ),
    _question(
        "vram",
        "You want a large language model at home. What runs out first?",
        ("The memory of the graphics card", "Electricity", "Disk space", "Patience with Python"),
        "A model has to fit into VRAM to be quick. A card with 80 GB costs about as much as a small car, so models at home are small ones.",
    ),
    _question(
        "job",
        "VPN concentrators, port forwarding, certificates: what did the author say when he saw his own drawing?",
        (
            "“I already have a job”",
            "“One more router should do it”",
            "“This belongs on my CV”",
            "“Let's ask for a budget”",
        ),
        "This is a homelab, not an enterprise architecture. It was supposed to be fun. That is where Tailscale enters the stage.",
    ),
    _question(
        "peer",
        "Your phone opens a photo at home through Tailscale. Which way do the bytes go, whenever it can be helped?",
        (
            "Straight from machine to machine, encrypted by WireGuard",
            "Through the company's servers, which store them",
            "Through your provider's mail server",
            "Through a tunnel that you rent by the month",
        ),
        "Peer to peer over UDP. Only where no straight way can be found, a relay carries packets that it cannot read.",
    ),
    _question(
        "headscale",
        "What is Headscale?",
        (
            "A control plane that you run yourself",
            "A client for Android",
            "A benchmark for graphics cards",
            "A paid plan",
        ),
        "The client is open source, and the control plane can be replaced. Nobody has to trust a company for ever.",
    ),
    _question(
        "configuration",
        "A machine joins the tailnet. How much of it do you have to configure, many times?",
        (
            "Nothing, apart from allowing it in",
            "Its firewall, its routes and its DNS",
            "A certificate authority",
            "The router of whoever you visit",
        ),
        "`tailscale up` prints an address, somebody signs in, and that was it.",
    ),
    _question(
        "share",
        "One person belongs to one tailnet. Your sister has her own. How does she get at your Jellyfin?",
        (
            "You share that one device with her tailnet",
            "She needs your password",
            "The two tailnets must be merged",
            "She cannot",
        ),
        "Devices can be shared between tailnets, one by one. Which is a good reason to make each service a device of its own.",
    ),
    _question(
        "funnel",
        "Both put HTTPS in front of an app. What is the difference between serve and funnel?",
        (
            "Serve is for your tailnet, funnel for everybody on the internet",
            "Serve is for files, funnel for films",
            "Funnel is the old name of serve",
            "Serve costs money",
        ),
        "This quiz is served to the tailnet, and with one word changed in a JSON file the whole room can open it.",
    ),
    _question(
        "exit",
        "In a hotel abroad you want to look as if you were at home. What do you use?",
        ("An exit node at home", "A subnet router in the hotel", "A longer password", "Audited SSH"),
        "The exit node becomes your gateway: the world sees the address of your own home.",
    ),
    _question(
        "subnet",
        "A database in a cloud network cannot run Tailscale. How do you reach it?",
        (
            "One machine beside it advertises the route to its network",
            "You give the database a public address",
            "You copy it to your phone every night",
            "You install Tailscale on it anyway",
        ),
        "`--advertise-routes` on one machine, and the network's own DNS server added to the tailnet. That is all.",
    ),
    _question(
        "ssh",
        "Tailscale SSH lets you in as…",
        (
            "who you are in the tailnet, and can record the session",
            "whoever has the private key file",
            "root, always",
            "nobody before nine o'clock",
        ),
        "No keys to copy about: the identity is the tailnet's, the policy says who may, and a recorder keeps what was shown.",
    ),
    _question(
        "matryoshka",
        "Tailscale runs on Windows and, at the same time, in its WSL. What happens?",
        (
            "Answers do not reach the one in WSL",
            "Both get twice as fast",
            "Windows refuses to start",
            "Nothing at all",
        ),
        "Two dolls fighting over one network. In WSL and in containers at once is fine; on Windows and in WSL is not.",
    ),
)

BY_KEY = {q.key: q for q in QUESTIONS}
