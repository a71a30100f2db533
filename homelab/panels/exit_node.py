"""Choose a way out, and see live whose address a server on the internet sees, and whose resolver asks for names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homelab import record
from homelab.checks import exit_node as exits
from homelab.checks.reach import public_address
from homelab.errors import HomelabError
from homelab.lab_machine import LabMachine
from homelab.panels.beside import Rounds, Turn, place
from homelab.panels.standing import refusal
from homelab.panels.told import Show, telling
from homelab.pictures.tables import Table
from homelab.plan import Plan
from homelab.resources import prefs
from homelab.routing import exit_nodes
from homelab.stages import exit_node as chapter
from homelab.stages.exit_node_view import choices
from homelab.vantage import Nobody, seat

if TYPE_CHECKING:
    from homelab.stages.exit_node import Params
    from homelab.world import World

OWN_WAY, ASKING, SILENT = "(none)", "asking …", "no answer"
MOST, AGREE = 10, 2  # so many rounds of questions at most; so many in a row must agree
PATIENCE = 2  # seconds for each answer
SAVED = "The choice of a way out: it works in JupyterLab, once this cell has run."


@dataclass(frozen=True)
class Out:
    """How the world sees the traveller: it goes out `by` a node, with this `address`, and `resolver` asks for its names."""

    by: str
    address: str = ASKING
    resolver: str = ASKING


def panel(world: World, wish: Params) -> Table | None:
    """The chooser with what the world sees below; without somebody to press it, the list and what the world sees.

    Choosing is only in a lab that may be changed, and where somebody travels: a pick shows no plan before it is done.
    """
    phone = seat(world, wish.traveller)
    chooses = world.lab and world.applies and not refusal(world, Plan(chapter.STAGE))
    if not chooses or isinstance(phone, Nobody) or phone.pending.count:
        return choices(phone)
    if os.environ.get("HOMELAB_HEADLESS"):
        record.show(choices(phone))
        return facts(world, wish, list(looked(world, wish))[-1])
    chooser = Chooser(world, wish)
    place(chooser.box, SAVED)
    chooser.open(record.live(), record.live())
    return None


def facts(world: World, wish: Params, seen: Out) -> Table:
    """What `seen` says, each address with whose it is where the lab knows it."""
    rows = (
        ("it goes out by", seen.by or "its own way"),
        ("a server on the internet sees", _whose(world, seen.address)),
        ("its names are asked for by", _whose(world, seen.resolver)),
    )
    return Table((wish.traveller, ""), rows)


def looked(world: World, wish: Params) -> Iterator[Out]:
    """How the world sees the traveller, question after question until the answers agree; whoever chooses meanwhile."""
    phone = world[wish.traveller]
    yield Out(prefs.read(phone).exit_node)
    last: list[Out] = []
    while len(last) < MOST and not (len(last) >= AGREE and len(set(last[-AGREE:])) == 1):
        address, resolver = _address(phone), exits.resolver(phone, PATIENCE) or SILENT
        last.append(Out(prefs.read(phone).exit_node, address, resolver))
        yield last[-1]


def _address(phone: Any) -> str:
    try:
        return public_address(phone, PATIENCE)
    except HomelabError:
        return SILENT


def _whose(world: World, address: str) -> str:
    for name, machine in world.machines.items():
        if isinstance(machine, LabMachine) and address in (
            a.partition("/")[0] for a in machine.addresses.values()
        ):
            return f"{address}, which is {name}"
    return address


class Chooser:
    """The controls: the exit nodes that the traveller may choose now, and whether it keeps the network it stands in."""

    def __init__(self, world: World, wish: Params) -> None:
        import ipywidgets as w

        self._world, self._wish, self._loading = world, wish, False
        wide = {"description_width": "initial"}
        self.node = w.Dropdown(
            options=[(OWN_WAY, "")], description="Exit node", style=wide, layout={"width": "26em"}
        )
        self.lan = w.Checkbox(description="keep the local network", indent=False, layout={"width": "auto"})
        self.back = w.Button(description="As it was", layout={"width": "auto"})
        self.again = w.Button(description="Look again", layout={"width": "auto"})
        controls = [self.node, self.lan, self.back, self.again]
        self._turn = Turn(controls, self._freed)
        self.box = w.Box(controls, layout={"flex_flow": "row wrap", "align_items": "center"})

    def open(self, draw: Show, tell: Show) -> None:
        """Draw what the world sees by `draw`, tell what happens by `tell`, and listen to the controls from now on."""
        self.rounds, self._tell = Rounds("exit_node", draw, tell), tell
        found = prefs.read(self._world[self._wish.traveller])
        self._load()
        for control in (self.node, self.lan):
            control.observe(lambda _: self._choose(self.node.value, self.lan.value), "value")
        self.back.on_click(lambda _: self._busy(lambda: self._as_it_was(found)))
        self.again.on_click(lambda _: self._busy(self._load, self.look))
        self.look()
        self.rounds.settle()

    def look(self) -> None:
        """Ask the internet again, beside the kernel's other work."""
        self.rounds.begin(facts(self._world, self._wish, out) for out in looked(self._world, self._wish))

    def _choose(self, name: str, lan: bool) -> None:
        if not self._loading:
            self._busy(lambda: self._change(chapter.use(self._world, self._wish, name, lan and bool(name))))

    def _as_it_was(self, found: prefs.State) -> None:
        lan = found.exit_node_allow_lan_access
        try:
            plan = chapter.use(self._world, self._wish, found.exit_node, lan)
        except HomelabError as error:  # its lease has ended since, say
            plan = chapter.use(self._world, self._wish, "")
            record.show(f"{error.what}: {self._wish.traveller} goes out by its own way instead.")
        self._change(plan)

    def _change(self, plan: Plan) -> None:
        self._world.apply(plan)
        if plan:
            self.look()

    def _busy(self, *acts: Callable[[], None]) -> None:
        """Do it with all controls at rest; an error of ours is told. The controls then show the world as it is."""

        def all_of_it() -> None:
            with telling(self._tell):
                try:
                    for act in acts:
                        act()
                finally:
                    self._load()

        self._turn.take(all_of_it)

    def _freed(self, missed: bool) -> None:
        with suppress(HomelabError):  # a world that cannot be asked is told at the next click
            if missed:
                self._load()

    def _load(self) -> None:
        """Let the controls show what may be chosen and what is, whoever has chosen it."""
        phone = self._world[self._wish.traveller]
        now, nodes = prefs.read(phone), exit_nodes.offered(phone)
        called = {n.name: _called(n) for n in nodes}
        chosen = next((full for full in called if now.exit_node in (full, full.split(".")[0])), now.exit_node)
        called.setdefault(chosen, f"{chosen} (not in the list now)" if chosen else OWN_WAY)
        self._loading = True
        try:
            self.node.options = [(OWN_WAY, ""), *((words, name) for name, words in called.items() if name)]
            self.node.value, self.lan.value = chosen, now.exit_node_allow_lan_access
        finally:
            self._loading = False


def _called(node: exit_nodes.ExitNode) -> str:
    """As the list calls it: its name, where it stands, and that it is offline."""
    where = ", ".join(w for w in (node.city, node.country) if w)
    off = " (offline)" if "offline" in node.status else ""
    return f"{node.name.split('.')[0]}{f', {where}' if where else ''}{off}"
