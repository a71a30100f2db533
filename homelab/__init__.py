"""Homelab Runbook: the vocabulary that the notebooks use (world, machine, plan, apply, check)."""

__version__ = "0.1.0"
