"""A photograph, with words for those who do not see it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Photograph:
    """A JPEG `data`, shown `width` pixels wide; `alternative` says what is on it.

    IPython's own ``Image`` has such words too, but neither JupyterLab nor a saved notebook keeps them.
    """

    data: bytes
    alternative: str
    width: int

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        source = "data:image/jpeg;base64," + base64.b64encode(self.data).decode()
        html = f'<img alt="{escape(self.alternative)}" width="{self.width}" style="max-width:100%" src="{source}">'
        return {"text/plain": self.alternative, "text/html": html}
