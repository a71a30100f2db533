"""Windows' firewall on the side of the home's network: what comes in is dropped, but for what a rule allows."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

from ..anchor import Anchor
from .settings import Settings


@dataclass(frozen=True)
class Rule:
    """A rule that lets TCP in."""

    name: str  # DisplayName; several may have the same
    port: int
    profile: str  # the kind of network that it holds for, or Any
    remote: str  # LocalSubnet, Any, or a prefix


class Firewall:
    """All rules, and those of them that are laid in the machine."""

    def __init__(self, machine: Anchor, drawn: dict[str, Any], settings: Settings) -> None:
        self._machine, self._settings = machine, settings
        nic = next(nic for nic in drawn["interfaces"] if nic["name"] == drawn["upstream"])
        self._nic, self._subnet = nic["name"], str(IPv4Interface(nic["addresses"][0]).network)
        self._laid: set[tuple[str, ...]] = set()
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Let in what `rule` allows."""
        self.rules.append(rule)
        self.lay()

    def remove(self, name: str) -> int:
        """Take away all rules of that name; how many they were."""
        gone = [rule for rule in self.rules if rule.name.lower() == name.lower()]
        self.rules = [rule for rule in self.rules if rule not in gone]
        self.lay()
        return len(gone)

    def lay(self) -> None:
        """Make the machine filter as the rules and the settings are now."""
        obeys = self._settings.firewall == "obeys"
        wanted = {self._accepting(rule) for rule in self.rules if obeys and self._holds(rule)}
        commands = [["iptables", "-w", "-D", "INPUT", *spec] for spec in self._laid - wanted]
        commands += [["iptables", "-w", "-I", "INPUT", *spec] for spec in wanted - self._laid]
        if commands:
            self._machine.ask("batch", commands=[[command, ""] for command in commands])
        self._laid = wanted

    def _holds(self, rule: Rule) -> bool:
        return rule.profile in ("Any", self._settings.network)

    def _accepting(self, rule: Rule) -> tuple[str, ...]:
        sources = {"LocalSubnet": ("-s", self._subnet), "Any": ()}
        source = sources.get(rule.remote, ("-s", rule.remote))
        return ("-i", self._nic, *source, "-p", "tcp", "--dport", str(rule.port), "-j", "ACCEPT")
