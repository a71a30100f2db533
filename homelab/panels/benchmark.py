"""Choose what to measure, see what it will take, run it, and stop it: what there is by then is kept.

It goes on in the kernel when the browser is closed; running the cell again shows how far it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any

from homelab.errors import HomelabError
from homelab.llm import estimate
from homelab.llm.background import Background
from homelab.llm.measure import Wish
from homelab.panels.beside import above_its_facts
from homelab.pictures.tables import Table
from homelab.stages import gpu_benchmarks_record as record

if TYPE_CHECKING:
    from homelab.llm.result import Report
    from homelab.stages.gpu_benchmarks_choice import Choice

DEPTHS = (0, 128, 512, 1024, 2048, 2500, 4096, 7168)  # tokens of context
NOBODY = "There is no engine that may be measured here: "
SAVED = "The choice of a measurement: it works in JupyterLab, once this cell has run."
_at_work: list[Background] = []  # at most one in a kernel: two would disturb each other


def panel(choices: Sequence[Choice], report: Report, wish: Wish, kept: record.Kept) -> Any:
    """The controls, with what they lead to below; they begin with `wish`, and estimate by what `report` has measured.

    Without somebody to press them (``HOMELAB_HEADLESS``) the table of what was measured and what more would take.
    """
    if os.environ.get("HOMELAB_HEADLESS") or not choices:
        return twin(report, wish)
    above_its_facts(SAVED, lambda tell: Bench(choices, report, wish, kept, tell))
    return None


def twin(report: Report, wish: Wish) -> Table:
    """Depth by depth: what one repetition takes, and what came out where it was measured."""
    measured = {c.depth: c.number("decode", report.wanted) for c in report.cases if c.streams == 1}
    rows = []
    for depth in sorted({*DEPTHS[:-1], *measured}):
        takes, found = estimate.one(report, depth, wish.tokens), measured.get(depth)
        if takes is not None:
            rows.append((f"{depth:,}", f"about {takes:.1f} s", str(found) if found else "not measured"))
    head = ("depth", f"a repetition of {wish.tokens} tokens takes", "decode (tokens/s)")
    return Table(head, tuple(rows), NOBODY + (report.ended or "nothing was measured yet") + ".")


class Bench:
    """The controls; `tell` shows the measurement as an ordinary output, as far as it is."""

    def __init__(
        self,
        choices: Sequence[Choice],
        report: Report,
        wish: Wish,
        kept: record.Kept,
        tell: Callable[[object], None],
    ) -> None:
        import ipywidgets

        self._choices, self._known, self._wish, self._kept, self._tell = choices, report, wish, kept, tell
        places = list(dict.fromkeys(c.place for c in choices))
        wide = ipywidgets.Layout(width="26em")
        self.engine = ipywidgets.Dropdown(options=places, description="Engine", layout=wide)
        self.model = ipywidgets.Dropdown(description="Model", layout=wide)
        self.depths = ipywidgets.SelectMultiple(
            description="Depths", tooltip="Ctrl and a click picks several", layout=wide
        )
        self.repetitions = ipywidgets.IntSlider(
            value=min(wish.repetitions, 10), min=1, max=10, description="Repetitions", layout=wide
        )
        self.start = ipywidgets.Button(description="Measure", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop", tooltip="after the repetition that is under way")
        self.progress = ipywidgets.IntProgress(min=0, max=1, layout=wide)
        self.note = ipywidgets.HTML()
        picks = ipywidgets.VBox([self.engine, self.model, self.repetitions])
        buttons = ipywidgets.HBox([self.start, self.stop, self.progress])
        self.box = ipywidgets.VBox([ipywidgets.HBox([picks, self.depths]), self.note, buttons])
        self.engine.observe(self._other_engine, "value")
        self.model.observe(self._other_model, "value")
        for control in (self.depths, self.repetitions):
            control.observe(self._weigh, "value")
        self.start.on_click(self._begin)
        self.stop.on_click(self._end)
        self._other_engine()
        self._take_up()

    @property
    def chosen(self) -> Choice:
        """The engine and model that are picked."""
        both = self.engine.value, self.model.value
        return next(c for c in self._choices if (c.place, c.model) == both)

    def wish(self) -> Wish:
        """What is picked, as a measurement; without a limit, for there is a button.

        Raises:
            ParamsError: no depth is picked.
        """
        return Wish(tuple(self.depths.value), self.repetitions.value, self._wish.tokens)

    def _other_engine(self, _: object = None) -> None:
        there = [c.model for c in self._choices if c.place == self.engine.value]
        self.model.options = there
        self.model.value = there[0]
        self._other_model()

    def _other_model(self, _: object = None) -> None:
        if self.model.value is None:
            return
        most = self.chosen.most
        there = [d for d in DEPTHS if not most or Wish((d,), tokens=self._wish.tokens).context <= most]
        before = [d for d in self.depths.value if d in there]
        wanted = before or [d for d in self._wish.depths if d in there] or there[:1]
        self.depths.options = [(f"{d:,} tokens", d) for d in there]
        self.depths.rows = max(3, len(there))
        self.depths.value = tuple(wanted)
        self._weigh()

    def _weigh(self, _: object = None) -> None:
        if self.running:
            return
        if not self.depths.value:
            self._say("Pick one depth or more.")
            self.start.disabled = True
            return
        self.start.disabled = False
        self._say(self._will_take())

    def _will_take(self) -> str:
        known = [r for r in (self._kept.chosen, self._known) if r and r.engine.model == self.model.value]
        deepest = max(known, key=lambda r: max((c.depth for c in r.cases), default=-1), default=None)
        if deepest and (found := estimate.seconds(deepest, self.wish())):
            return (
                f"It will take about {found[0]:.0f} s, and at most {found[1]:.0f} s where others disturb it."
            )
        return "Nothing of this model was measured yet, so nobody knows how long it takes: begin with one depth and one repetition."

    @property
    def running(self) -> bool:
        """Whether a measurement of this kernel is under way."""
        return bool(_at_work) and _at_work[0].running

    def _begin(self, _: object = None) -> None:
        if self.running:
            return
        try:
            wish = self.wish()
        except HomelabError as error:
            self._say(str(error))
            return
        self._tell(Table((), (), f"{self.chosen.model} {self._place()} is loaded and warmed up …"))
        machine = self._kept.computer.data() if self._kept.computer else None
        _at_work[:] = [Background(self.chosen.opened, wish, self._news, machine)]
        self._draw()
        _at_work[0].start()

    def _place(self) -> str:
        place = self.engine.value
        return place if " " in place else f"as {place} asks it"

    def _end(self, _: object = None) -> None:
        if self.running:
            _at_work[0].stop()
            self.stop.disabled = True
            self._say("It stops after the repetition that is under way.")

    def _take_up(self) -> None:
        """What an earlier run of this cell has begun, or finished."""
        if self.running:
            _at_work[0].watch = self._news
            self._tell(_at_work[0].report or Table((), (), "A measurement is under way …"))
        elif self._kept.chosen:
            self._tell(self._kept.chosen)
        else:
            self._tell(twin(self._known, self._wish))
        self._draw()

    def _news(self) -> None:
        """In the measurement's thread: a repetition is over, or all of it is."""
        now = _at_work[0]
        if now.report:
            self._kept.chosen = record.so_far(now.report) if now.running else now.report
            self._tell(now.report)
            with suppress(HomelabError):  # a full disk: it stands below, and the chapter's table says so
                record.keep(self._kept)
        if now.error:
            self._tell(Table((), (), f"It came to nothing: {now.error}."))
        self._draw()

    def _draw(self) -> None:
        busy = self.running
        for control in (self.engine, self.model, self.depths, self.repetitions, self.start):
            control.disabled = busy
        self.stop.disabled = not busy or _at_work[0].stopping
        if _at_work:
            now = _at_work[0]
            self.progress.max = len(now.wish.cases()) * now.wish.repetitions
            cases = now.report.cases if now.report else []
            self.progress.value = sum(min(len(c.samples), now.wish.repetitions) for c in cases)
            if busy and not now.stopping:
                self._say(now.said[-1] if now.said else "The engine is loaded and warmed up …")
        if not busy:
            self._weigh()

    def _say(self, words: str) -> None:
        self.note.value = f"<span>{escape(words)}</span>"
