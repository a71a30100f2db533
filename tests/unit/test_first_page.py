"""What the first page says of a chapter that cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.errors import HomelabError
from homelab.runner.first_page import FirstPage


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HomelabError("the lab went away", "phone", "start it"), "phone: the lab went away. start it"),
        (KeyError("links"), "KeyError('links'). This is a mistake of the runbook: please report it."),
    ],
)
def test_whatever_goes_wrong_is_said_and_not_that_jupyterlab_is_silent(monkeypatch, error, said) -> None:
    def opened(self: Any) -> Any:
        raise error

    monkeypatch.setattr(FirstPage, "_opened", opened)
    page = object.__new__(FirstPage)  # nothing is served
    assert page._ask("06_exit_node") == {"state": "unknown", "said": said}
