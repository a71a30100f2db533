"""The pages, as plain HTML that works without a line of JavaScript."""

from __future__ import annotations

from html import escape

from .game import Game, Player
from .questions import QUESTIONS, Question

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="style.css"></head><body class="{kind}"><main>"""
FOOT = "</main></body></html>\n"
LETTERS = "ABCDEF"
SHOWN = 8  # players on the projector; more names nobody reads from the last row


def play(player: Player | None, who: dict[str, str]) -> str:
    """The next question, or a welcome, or the end."""
    if player is None:
        return welcome(who)
    question = player.next
    if question is None:
        return finished(player)
    number = QUESTIONS.index(question) + 1
    options = "".join(
        f'<button name="choice" value="{n}"><b>{LETTERS[n]}</b><span>{_text(a)}</span></button>'
        for n, a in enumerate(question.answers)
    )
    return _page(
        "Quiz",
        f"{_progress(player)}<p class=count>Question {number} of {len(QUESTIONS)}</p>"
        f"<h1>{_text(question.text)}</h1>"
        f'<form method="post" action="answer"><input type="hidden" name="question" value="{question.key}">{options}</form>'
        f"<p class=who>{escape(player.name)}, {player.score} right so far</p>",
    )


def welcome(who: dict[str, str]) -> str:
    """Who are you? The tailnet may know already."""
    known = who["name"] or who["login"].partition("@")[0]
    if who["login"]:
        said = f"<p>Hello <b>{escape(known)}</b>. Your tailnet vouches for you (<i>{escape(who['login'])}</i>), so there is no account to make.</p>"
    else:
        said = "<p>No account, no tracking. A name for the scoreboard is all we need.</p>"
    return _page(
        "Quiz",
        f"<p class=count>Build your very own homelab</p><h1>How closely did you listen?</h1>{said}"
        '<form method="post" action="join"><label for="name">Your name</label>'
        f'<input id="name" name="name" maxlength="24" required autocomplete="nickname" value="{escape(known, quote=True)}">'
        f'<button class="go">Play {len(QUESTIONS)} questions</button></form>',
    )


def answered(player: Player | None, question: Question, right: bool) -> str:
    """Right or not, and why, kindly."""
    word, kind = ("That's right", "yes") if right else ("Not quite", "no")
    truth = "" if right else f"<p>The answer is <b>{_text(question.answers[question.right])}</b>.</p>"
    more = "See how you did" if player is not None and player.next is None else "Next question"
    return _page(
        "Quiz",
        f"{_progress(player) if player else ''}<p class='verdict {kind}'>{word}</p><h2>{_text(question.text)}</h2>"
        f"{truth}<p class=why>{_text(question.why)}</p>"
        f'<form method="get" action="./"><button class="go">{more}</button></form>',
    )


def finished(player: Player) -> str:
    """The end: a score, and something nice to say about it."""
    share = player.score / len(QUESTIONS)
    words = (
        "You could have given the talk." if share == 1
        else "You will have a homelab by Sunday." if share >= 0.7
        else "Enough to start with, and starting is the point." if share >= 0.4
        else "The notebooks are patient, and so are we."
    )  # fmt: skip
    return _page(
        "Quiz",
        f"{_progress(player)}<p class=count>{escape(player.name)}</p>"
        f"<h1>{player.score} of {len(QUESTIONS)}</h1><p class=why>{words}</p>",
    )


def projector(game: Game, host: str) -> str:
    """For the wall: the scoreboard, and the question on which the room is divided."""
    ranking = game.ranking()
    rows = "".join(
        f"<tr><td>{n}</td><td>{escape(p.name)}</td><td><meter max={len(QUESTIONS)} value={p.score}></meter></td><td>{p.score}</td></tr>"
        for n, p in enumerate(ranking[:SHOWN], 1)
    )
    board = f"<table>{rows}</table>" if rows else "<p class=why>Nobody has answered yet. Be the first.</p>"
    playing = f"{len(ranking)} playing" if ranking else ""
    address = f"<p class=address>{escape(host)}</p>" if host else ""
    return _page(
        "Quiz: the scoreboard",
        f"<header><h1>Who listened?</h1>{address}<p class=count>{playing}</p></header>"
        f"<section>{board}</section><section>{_divided(game)}</section>",
        "projector",
    )


def sorry(said: str) -> str:
    """Something was refused; the way back."""
    return _page(
        "Quiz", f'<h1>Sorry</h1><p class=why>{escape(said)}</p><p><a href="./">Back to the quiz</a></p>'
    )


def _divided(game: Game) -> str:
    """The question with the most wrong answers. Which one is right is not told: others still play."""
    missed = [(sum(t.values()) - t[q.right], q, t) for q in QUESTIONS if (t := game.tally(q.key))]
    if not missed:
        return ""
    _, question, tally = max(missed, key=lambda row: row[0])
    most = max(tally.values())
    bars = "".join(
        f"<tr><td><b>{LETTERS[n]}</b></td><td>{_text(a)}</td><td><meter max={most} value={tally[n]}></meter></td><td>{tally[n]}</td></tr>"
        for n, a in enumerate(question.answers)
    )
    return f"<h2>The room is divided</h2><p class=why>{_text(question.text)}</p><table>{bars}</table>"


def _progress(player: Player) -> str:
    marks = "".join(
        f'<i class="{"yes" if player.answers[q.key] == q.right else "no"}"></i>' if q.key in player.answers else "<i></i>"
        for q in QUESTIONS
    )  # fmt: skip
    return f'<div class="progress" aria-hidden="true">{marks}</div>'


def _text(text: str) -> str:
    """Escaped, with `code` between backquotes."""
    parts = [f"<code>{escape(p)}</code>" if n % 2 else escape(p) for n, p in enumerate(text.split("`"))]
    return "".join(parts)


def _page(title: str, body: str, kind: str = "phone") -> str:
    return HEAD.format(title=escape(title), kind=kind) + body + FOOT
