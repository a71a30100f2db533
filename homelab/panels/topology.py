"""Which way packets take, live: the lab's wires can be turned, and every way is measured anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from homelab import labsocket, record
from homelab.errors import HomelabError
from homelab.panels.beside import Rounds, Turn, place
from homelab.panels.told import Show, telling
from homelab.pictures.layout import path
from homelab.pictures.tables import Table
from homelab.pictures.ways import relay_of
from homelab.pictures.ways import ways as drawn
from homelab.resources import link
from homelab.stages import wires
from homelab.vantage import seat
from homelab.ways import Way, measured

if TYPE_CHECKING:
    from homelab.pictures.picture import Picture
    from homelab.world import World

DELAYS, LOSSES = (0.0, 20.0, 100.0, 300.0), (0.0, 5.0, 20.0, 50.0)  # ms; per cent
NATS, NO_NAT = [("one port for all", "cone"), ("a port for each", "symmetric")], ("none", "")
LOSSY = 8  # rounds of pings where something gets lost
AGAIN = 2.0  # seconds between two looks of who keeps measuring
SAVED = "Switches for the lab's wires: they work in JupyterLab, once this cell has run."


def panel(world: World, names: Mapping[str, str], start: str = "phone") -> Picture | Table | None:
    """The switches, with the ways from `start` to the other nodes below; without somebody to press them the ways alone.

    `names` are the nodes' names in the tailnet, by role. Switches there are only in a lab that may be changed.
    """
    if os.environ.get("HOMELAB_HEADLESS") or not (world.lab and world.applies):
        return picture(world, names, start)
    controls = Switches(world, names, start if start in names else next(iter(names)))
    place(controls.box, SAVED)
    controls.open(record.live(), record.live())
    return None


def picture(world: World, names: Mapping[str, str], start: str = "phone") -> Picture | Table:
    """The ways as they are now; of a home, whose wires nobody has told us, a table."""
    start = start if start in names else next(iter(names), start)
    rounds = list(measured(seat(world, start), start, _others(names, start)))
    return _shown(world, start, rounds[-1] if rounds else ())


def _others(names: Mapping[str, str], start: str) -> dict[str, str]:
    return {role: name for role, name in names.items() if role != start}


def _shown(world: World, start: str, found: Sequence[Way]) -> Picture | Table:
    if world.lab:
        return drawn(_status(world), found, f"Which way packets take from {start}, measured just now")
    rows = tuple((w.start, w.end, w.words, w.by or w.why or "–") for w in found)
    return Table(
        ("from", "to", "way", "by"), rows, "No way was measured: no second machine here, or changes wait."
    )


def _status(world: World) -> dict[str, Any]:
    return labsocket.request(world.lab["socket"], op="status") if world.lab else {}


class Switches:
    """The controls, and who measures for them. A switch follows the wire that is picked; the wire follows the switch."""

    def __init__(self, world: World, names: Mapping[str, str], start: str) -> None:
        import ipywidgets as w

        self._world, self._names, self._loading = world, names, False
        status, wide = _status(world), {"description_width": "initial"}
        self.start = w.Dropdown(options=list(names), value=start, description="Seen from", style=wide)
        self.wire = w.Dropdown(options=_wires(status, names), description="Wire of", style=wide)
        self.nat = w.Dropdown(options=[*NATS, NO_NAT], description="NAT", style=wide)
        self.udp = w.ToggleButton(description="Block UDP")
        self.delay = w.Dropdown(options=_numbers(DELAYS, "ms"), description="Delay", style=wide)
        self.loss = w.Dropdown(options=_numbers(LOSSES, "%"), description="Loss", style=wide)
        self.cut = w.ToggleButton(description="Cut")
        self.back = w.Button(description="As it was")
        self.again = w.Button(description="Measure again")
        self.keep = w.ToggleButton(description="Keep measuring")
        self._wired = {
            "nat": self.nat,
            "udp": self.udp,
            "delay_ms": self.delay,
            "loss_pct": self.loss,
            "cut": self.cut,
        }
        every = [self.start, self.wire, *self._wired.values(), self.back, self.again, self.keep]
        self._turn = Turn(every, self._freed)
        for control in (self.start, self.wire, self.nat):
            control.layout.width = "15em"
        for control in (self.delay, self.loss):
            control.layout.width = "9em"
        for control in (self.udp, self.cut, self.back, self.again, self.keep):
            control.layout.width = "auto"
        rows = [
            [self.start, self.wire, self.nat],
            [self.udp, self.delay, self.loss, self.cut, self.back, self.again, self.keep],
        ]
        flow = {"flex_flow": "row wrap", "align_items": "center"}
        self.box = w.VBox([w.Box(row, layout=flow) for row in rows])
        way_out = [m for m in path(status, start, relay_of(status))[1:] if status["machines"][m].get("nat")]
        self.wire.value = next(iter(way_out), self.wire.value)

    def open(self, draw: Show, tell: Show) -> None:
        """Draw the ways by `draw`, tell what happens by `tell`, and listen to the controls from now on."""
        self.rounds, self._tell = Rounds("topology", draw, tell), tell
        self._load()
        for field, control in self._wired.items():
            control.observe(lambda change, field=field: self._on_switch(field, change["new"]), "value")
        self.wire.observe(lambda _: self._busy(self._load), "value")
        self.start.observe(lambda _: self.measure(), "value")
        self.keep.observe(lambda change: self.measure() if change["new"] else None, "value")
        self.again.on_click(lambda _: self._busy(self._load, self.measure))
        self.back.on_click(lambda _: self._change(lambda: wires.as_it_was(self._world)))
        self.measure()
        self.rounds.settle()

    def measure(self, afresh: bool = False) -> None:
        """Look for all ways again, beside the kernel's other work; who still looks since an earlier change stops."""
        self.rounds.begin(self._pictures(self.start.value, afresh))

    def _pictures(self, start: str, afresh: bool) -> Iterator[Picture | Table]:
        ends = _others(self._names, start)
        yield _shown(self._world, start, [Way(start, end) for end in ends])
        while True:
            lossy = any(k.get("loss_pct") for k in _status(self._world)["links"])
            for found in measured(self._world[start], start, ends, afresh, LOSSY if lossy else 1):
                yield _shown(self._world, start, found)
            if not self.keep.value:
                return
            afresh = False
            time.sleep(AGAIN)

    def _on_switch(self, field: str, value: Any) -> None:
        if self._loading:
            return
        wanted = {field: ("block" if value else "pass") if field == "udp" else value}
        self._change(lambda: wires.turned(self._world, self.wire.value, **wanted))

    def _change(self, made: Callable[[], Any]) -> None:
        """Apply the plan that is `made` from the world as it is now; the switches then show what came of it."""

        def act() -> None:
            plan = made()
            try:
                self._world.apply(plan)
            finally:
                self._load()
            if plan:
                self.measure(afresh=True)

        self._busy(act)

    def _busy(self, *acts: Callable[[], None]) -> None:
        """Do it with all controls at rest; an error of ours is told."""

        def all_of_it() -> None:
            with telling(self._tell):
                for act in acts:
                    act()

        self._turn.take(all_of_it)

    def _freed(self, missed: bool) -> None:
        with suppress(HomelabError):  # a world that cannot be asked is told at the next click
            if missed:
                self._load()
        self.nat.disabled = not self.nat.value

    def _load(self) -> None:
        """Let the switches show the wire as it is, whoever has turned it."""
        now = link.read(self._world[self.wire.value])
        self._loading = True
        try:
            self.delay.options = _numbers({*DELAYS, now.delay_ms}, "ms")
            self.loss.options = _numbers({*LOSSES, now.loss_pct}, "%")
            self.nat.options = NATS if now.nat else [NO_NAT]
            self.nat.value, self.nat.disabled = now.nat, not now.nat
            self.udp.value, self.cut.value = now.udp == "block", now.cut
            self.delay.value, self.loss.value = now.delay_ms, now.loss_pct
        finally:
            self._loading = False


def _wires(status: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Whose way out may be turned: the nodes', of all between them and the internet, and the relay's."""
    relay = relay_of(status)
    found = [m for role in names for m in reversed(path(status, role, relay)[:-1])]
    return list(dict.fromkeys([*found, relay]))


def _numbers(values: Sequence[float] | set[float], unit: str) -> list[tuple[str, float]]:
    return [(f"{v:g} {unit}" if v else "none", v) for v in sorted(values)]
