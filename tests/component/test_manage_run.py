"""A run over a home of which only a part is claimed: the rest is looked at, whatever it says."""

from __future__ import annotations

from pathlib import Path

from tiny import SHOW, Tiny


def test_only_what_is_claimed_counts(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    tiny.book("00_mine", SHOW, "check('mine stands')")
    tiny.book("01_theirs", SHOW, "print('apply is', apply)", "outcome('put it there', 'observed')")
    tiny.book(
        "02_broken",
        SHOW,
        "from homelab.errors import EngineError; raise EngineError('absent', 'Docker is not installed', 'tequila')",
    )
    tiny.home.write_text("world: testhome\nmanage:\n  - mine\n  # - theirs\n")
    done = tiny.run("--apply")
    assert done.returncode == 0, done.stdout
    assert [s["status"] for s in tiny.results()["stages"]] == ["ok", "observed", "observed"]
    assert "apply is False" in (tmp_path / "out/01_theirs.ipynb").read_text()
    assert (
        "1 stage stands; 1 stage was looked at, not managed; 1 stage could not be looked at to its end."
        in done.stdout
    )
    assert "Docker is not installed" in done.stdout  # why it could not be looked at is said
