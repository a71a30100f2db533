"""00, welcome: meet the lab."""

from __future__ import annotations

from homelab.params import Strict


class Params(Strict):
    """The stage has no parameters of its own."""
