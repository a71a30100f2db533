"""``./runbook test --refresh``: the committed notebooks get the outputs of a real run, and nothing else changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homelab import stages
from homelab.errors import PrerequisiteMissing
from homelab.lab_lease import kept
from homelab.runner.folder import Folder
from homelab.runner.request import understand
from homelab.runner.results import Results
from homelab.runner.run import run
from homelab.runner.settled import Output, settled

CHECKOUT = Path(__file__).resolve().parents[2]
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def refresh(words: Sequence[str]) -> int:
    """Run each stage that `words` name (all, if none) alone in a fresh lab; write its notebook's outputs.

    A stage that fails leaves its notebook as it is; the exit status is the first that is not 0.

    Raises:
        PrerequisiteMissing: a lab is up, and what was done in it would show in the outputs.
        ParamsError: no stage is called so.
    """
    chosen = list(understand(words).stages)
    if kept():
        raise PrerequisiteMissing("a lab is up; outputs come from fresh ones", "", "./runbook lab down")
    return next((status for stage in chosen if (status := _stage(stage))), 0)


def _stage(stage: str) -> int:
    path = stages.notebook(stage)

    def write(folder: Folder, results: Results, status: int) -> int:
        if not status:
            committed = path.read_text(encoding="utf-8")
            executed = json.loads((folder.path / path.name).read_text(encoding="utf-8"))
            text = text_of(refreshed(json.loads(committed), _without(executed, folder)))
            path.write_text(text, encoding="utf-8")
            changed = "has changed: git diff shows it" if text != committed else "says the same"
            print(f"notebooks/{path.name} {changed}.")
        return status

    return run(understand([stage]), then=write)


def refreshed(committed: dict[str, Any], executed: dict[str, Any]) -> dict[str, Any]:
    """The notebook `committed` in canonical form, with the outputs of `executed`, the same one after a run."""
    result = canonical(committed)
    done = {cell["id"]: cell for cell in canonical(executed)["cells"]}
    for cell in result["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = settled(cell["outputs"], done[cell["id"]]["outputs"])
    return canonical(result)


def canonical(notebook: dict[str, Any]) -> dict[str, Any]:
    """A copy without what an editor or a run leaves: counts from 1, text by lines, of metadata only tags."""
    result = copy.deepcopy(notebook)
    result["metadata"] = copy.deepcopy(METADATA)
    number = 0
    for cell in result["cells"]:
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key == "tags" and value}
        cell["source"] = _by_lines(cell["source"])
        if cell["cell_type"] == "code":
            number += 1
            cell["execution_count"] = number
            for output in cell["outputs"]:
                _clean(output, number)
    return result


def text_of(notebook: dict[str, Any]) -> str:
    """The text of a notebook, as it is committed: a line of output is a line of the file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _clean(output: Output, number: int) -> None:
    if "execution_count" in output:
        output["execution_count"] = number
    if "metadata" in output:
        output["metadata"] = {}
    if "text" in output:
        output["text"] = _by_lines(output["text"])
    for mime, value in output.get("data", {}).items():
        if mime.startswith("text/"):
            output["data"][mime] = _by_lines(value)


def _by_lines(text: str | list[str]) -> list[str]:
    return "".join(text).splitlines(keepends=True)


def _without(value: Any, folder: Folder) -> Any:
    """`value` (plain data) without the place of this checkout and of this run."""
    if isinstance(value, str):
        for place in (str(folder.path), f"runs/{folder.path.name}"):
            value = value.replace(place, "runs/latest")
        return value.replace(f"{CHECKOUT}/", "")
    if isinstance(value, list):
        return [_without(item, folder) for item in value]
    if isinstance(value, dict):
        return {key: _without(item, folder) for key, item in value.items()}
    return value
