"""The game: who answered what. Kept as one line of JSON per event, so that a power cut costs half a line at most."""

from __future__ import annotations

import json
import os
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .questions import BY_KEY, QUESTIONS, Question

MOST_PLAYERS = 2000  # a room, not a stadium; also what bounds the file
LONGEST_NAME = 24


class Refused(Exception):
    """What was asked cannot be done; the text is for whoever asked."""


@dataclass
class Player:
    """Somebody who plays: `name` as shown, `answers` the index chosen, by question."""

    id: str
    name: str
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def score(self) -> int:
        """How many answers are right."""
        return sum(1 for key, choice in self.answers.items() if BY_KEY[key].right == choice)

    @property
    def next(self) -> Question | None:
        """The first question without an answer; None when all are answered."""
        return next((q for q in QUESTIONS if q.key not in self.answers), None)


class Game:
    """All players, and the file in `folder` that remembers them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "answers.jsonl"
        self._lock = threading.Lock()
        self._players: dict[str, Player] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._recall()

    def player(self, id: str) -> Player | None:
        """The player with this id, if there is one."""
        return self._players.get(id)

    def join(self, id: str, name: str) -> Player:
        """The player `id`, who is called `name` from now on.

        Raises:
            Refused: the name is empty, or the room is full.
        """
        clean = re.sub(r"[\x00-\x1f\x7f]", "", " ".join(name.split()))[:LONGEST_NAME].strip()
        if not clean:
            raise Refused("A player needs a name.")
        with self._lock:
            known = self._players.get(id)
            if known and known.name == clean:
                return known
            if not known and len(self._players) >= MOST_PLAYERS:
                raise Refused("The room is full.")
            self._write({"player": id, "name": clean})
            return self._named(id, clean)

    def answer(self, id: str, key: str, choice: int) -> tuple[Question, bool]:
        """The question answered, and whether `choice` is right. A first answer counts; later ones are not heard.

        Raises:
            Refused: no such player, question or choice.
        """
        question = BY_KEY.get(key)
        if question is None or not 0 <= choice < len(question.answers):
            raise Refused("There is no such question or answer.")
        with self._lock:
            player = self._players.get(id)
            if player is None:
                raise Refused("Join first: a player needs a name.")
            if key not in player.answers:
                self._write({"player": id, "question": key, "choice": choice})
                player.answers[key] = choice
            return question, player.answers[key] == question.right

    def ranking(self) -> list[Player]:
        """Everybody who has answered something, the best first; ties by name."""
        with self._lock:
            playing = [p for p in self._players.values() if p.answers]
        return sorted(playing, key=lambda p: (-p.score, -len(p.answers), p.name.casefold()))

    def tally(self, key: str) -> Counter[int]:
        """How often each answer of the question `key` was chosen."""
        with self._lock:
            return Counter(p.answers[key] for p in self._players.values() if key in p.answers)

    def _named(self, id: str, name: str) -> Player:
        player = self._players.setdefault(id, Player(id, name))
        player.name = name
        return player

    def _recall(self) -> None:
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        for line in lines:
            try:
                event = json.loads(line)
                player, key = event["player"], event.get("question")
                if key is None:
                    self._named(player, event["name"])
                elif key in BY_KEY and player in self._players:  # a question may be gone in a newer version
                    self._players[player].answers.setdefault(key, int(event["choice"]))
            except (ValueError, KeyError, TypeError):
                continue  # the half line of a process that died while writing

    def _write(self, event: dict[str, object]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            if file.tell() and not self._ends_well():
                file.write("\n")
            file.write(json.dumps(event, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_well(self) -> bool:
        with self._file.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
