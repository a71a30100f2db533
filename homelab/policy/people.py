"""Who is in the tailnet, and whether those whom a rule names are: asked before the rule is sent.

A policy accepts the address of somebody who is no user, and a rule for them then simply does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab.errors import ParamsError, Problem, nearest
from homelab.policy import ssh_policy
from homelab.resources.tailscale_status import owner, status

if TYPE_CHECKING:
    from homelab.tailnet import Tailnet

# https://tailscale.com/kb/1337/policy-syntax: those that stand for people, or for all tagged devices.
ROLES = ("owner", "admin", "network-admin", "it-admin", "billing-admin", "auditor")
AUTOGROUPS = tuple(f"autogroup:{name}" for name in ("member", *ROLES, "tagged", "shared"))


@dataclass(frozen=True)
class People:
    """The `roles` of the tailnet's users by their login names, and `login`: which of them we are."""

    login: str
    roles: Mapping[str, str]


def people(tailnet: Tailnet) -> People:
    """Asked of the admin API; we are whom the world knows, or whose this machine is, or else the owner.

    Raises:
        HomelabError: the API does not say who is in the tailnet.
    """
    roles = {u.login_name: str(u.role) for u in tailnet.call(lambda ts: ts.users())}
    login = tailnet.person.email or _signed_in(tailnet)
    if login not in roles:
        login = next((name for name, role in roles.items() if role == "owner"), login)
    return People(login, roles)


def _signed_in(tailnet: Tailnet) -> str:
    """Whose node the machine is that this runs on; nobody's if it has a tag, or is in no tailnet."""
    if tailnet.here is None:
        return ""
    return owner(status(tailnet.here))


def refuse_unknown(
    parameter: str, selectors: Sequence[str], policy: Mapping[str, Any], known: People
) -> None:
    """Nothing, if each of `selectors`, from the parameter of that name, is somebody in this tailnet.

    Raises:
        ParamsError: a user, group, tag or autogroup that does not exist; all of them, with the nearest that does.
    """
    problems = []
    for selector in selectors:
        what, there = _kind(selector, policy, known)
        if selector not in there and not selector.startswith("*@"):
            problems.append(Problem(parameter, f"{selector} is no {what}", nearest(selector, there)))
    if problems:
        raise ParamsError(problems)


def _kind(selector: str, policy: Mapping[str, Any], known: People) -> tuple[str, Sequence[str]]:
    if selector.startswith("autogroup:"):
        return "group that Tailscale makes", AUTOGROUPS
    if selector.startswith("group:"):
        return "group of this tailnet's policy", list(policy.get("groups", {}))
    if selector.startswith("tag:"):
        return "tag that this tailnet's policy has an owner for", list(policy.get("tagOwners", {}))
    return "user of this tailnet", list(known.roles)


def may_mean(selectors: Sequence[str], policy: Mapping[str, Any], login: str) -> bool:
    """Whether `login` is, or could be, one of `selectors`; who has which role the text does not tell."""
    groups = policy.get("groups") or {}
    return any(ssh_policy.means(selector, login, groups) for selector in selectors)
