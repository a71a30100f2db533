"""Who sits elsewhere: no browser can be opened for them, and the way to JupyterLab is through SSH."""

from __future__ import annotations

from collections.abc import Mapping

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")  # WSL opens Windows' own


def has_browser(environment: Mapping[str, str]) -> bool:
    """Whether a browser that is opened here is seen by whoever asked for it."""
    return "SSH_CONNECTION" not in environment and any(environment.get(name) for name in SCREENS)


def way_in(environment: Mapping[str, str], user: str, port: int) -> str:
    """What to do without a browser here; over SSH with the command for one's own computer, which leads to `port`.

    ``SSH_CONNECTION`` is the client's address and port and this machine's, as sshd sees them (ssh(1)).
    """
    words = environment.get("SSH_CONNECTION", "").split()
    if len(words) != 4:
        return "No browser is here to be opened: open this address in one on this machine."
    host, at = words[2].removeprefix("::ffff:"), words[3]
    other = "" if at == "22" else f"-p {at} "
    return (
        "You are here over SSH. On the computer that you sit at, in a terminal that stays open:\n"
        f"  ssh -N -L {port}:127.0.0.1:{port} {other}{user}@{host}\n"
        "and then open this address in its browser. (You may write the host as you did to come here. "
        f"Is {port} taken there? Then -L 18888:127.0.0.1:{port}, and 18888 in the address.)"
    )
