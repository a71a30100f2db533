"""The quiz as its players meet it: over HTTP on the loopback, in a folder of the test's own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from homelab.apps.quiz import game as games
from homelab.apps.quiz.game import Game, Refused
from homelab.apps.quiz.questions import BY_KEY, QUESTIONS
from homelab.apps.quiz.server import Server

ALICE = {"Tailscale-User-Login": "alice@example.com", "Tailscale-User-Name": "Alice Liddell"}


class Browser:
    """Somebody with a phone: keeps the cookie, follows nothing."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, method: str, path: str, body: str | dict | None = None, **headers: str):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        sent = {"Cookie": self.cookie, **headers}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body), "application/json"
        elif body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).partition(";")[0]
        connection.close()
        return answer.status, text, answer

    def get(self, path: str, **headers: str) -> str:
        status, text, _ = self.ask("GET", path, None, **headers)
        assert status == 200, (path, status, text)
        return text

    def json(self, method: str, path: str, body: dict | None = None, **headers: str):
        status, text, _ = self.ask(method, path, body, **headers)
        return status, json.loads(text)


@pytest.fixture
def quiz(tmp_path):
    server = Server(("127.0.0.1", 0), Game(tmp_path / "state"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def phone(quiz) -> Browser:
    return Browser(quiz.server_address[1])


def test_the_questions_are_fair() -> None:
    assert len(QUESTIONS) >= 12
    assert len(BY_KEY) == len(QUESTIONS)
    for q in QUESTIONS:
        assert len(set(q.answers)) == len(q.answers) == 4
        assert q.why
        assert q.text.endswith(("?", "…", "…?"))
    places = {q.right for q in QUESTIONS}
    assert places == {0, 1, 2, 3}, "the right answer may be anywhere"


def test_an_evening(phone) -> None:
    assert "How closely did you listen?" in phone.get("/")
    status, _, answer = phone.ask("POST", "/join", "name=Javi")
    assert (status, answer.getheader("Location")) == (303, "./")
    for n, q in enumerate(QUESTIONS, 1):
        page = phone.get("/")
        assert f"Question {n} of {len(QUESTIONS)}" in page
        choice = q.right if n > 1 else (q.right + 1) % 4
        _, page, _ = phone.ask("POST", "/answer", f"question={q.key}&choice={choice}")
        assert ("That's right" if n > 1 else "Not quite") in page
    page = phone.get("/")
    assert f"{len(QUESTIONS) - 1} of {len(QUESTIONS)}" in page
    assert "Javi" in phone.get("/projector")


def test_the_same_by_json(phone) -> None:
    questions = phone.json("GET", "/api/questions")[1]["questions"]
    assert len(questions) == len(QUESTIONS)
    assert "why" not in json.dumps(questions), "the answers are not given away"
    _, me = phone.json("POST", "/api/join", {"name": "script"})
    q = BY_KEY["job"]
    status, said = phone.json(
        "POST", "/api/answer", {"player": me["player"], "question": "job", "choice": q.right}
    )
    assert (status, said["right"], said["score"], said["why"]) == (200, True, 1, q.why)
    _, score = phone.json("GET", "/api/score")
    assert score == {"players": [{"name": "script", "score": 1, "answered": 1}]}


def test_a_first_answer_counts(phone) -> None:
    _, me = phone.json("POST", "/api/join", {"name": "x"})
    q = QUESTIONS[0]
    wrong = {"player": me["player"], "question": q.key, "choice": (q.right + 1) % 4}
    assert phone.json("POST", "/api/answer", wrong)[1]["right"] is False
    assert phone.json("POST", "/api/answer", {**wrong, "choice": q.right})[1] == {
        "right": False, "answer": q.answers[q.right], "why": q.why, "score": 0,
    }  # fmt: skip


def test_the_tailnet_says_who_asks(phone) -> None:
    assert phone.json("GET", "/api/whoami", **ALICE)[1] == {
        "login": "alice@example.com",
        "name": "Alice Liddell",
    }
    assert phone.json("GET", "/api/whoami")[1] == {"login": "", "name": ""}
    page = phone.get("/", **ALICE)
    assert "Alice Liddell" in page
    assert "alice@example.com" in page
    assert phone.json("POST", "/api/join", {}, **ALICE)[1]["player"] == "login:alice@example.com"
    assert "Question 1" in phone.get("/", **ALICE)
    assert "Question 1" not in phone.get("/"), "without the header nobody is Alice"
    status, said = phone.json(
        "POST", "/api/answer", {"player": "login:alice@example.com", "question": "job", "choice": 0}
    )
    assert (status, said["error"]) == (400, "That player comes by the tailnet.")
    status, _, _ = phone.ask("GET", "/", Cookie="quiz=login:alice@example.com")
    assert "Question 1" not in phone.get("/", Cookie="quiz=login:alice@example.com")
    encoded = {**ALICE, "Tailscale-User-Name": "=?utf-8?q?J=C3=BCrgen?="}
    assert phone.json("GET", "/api/whoami", **encoded)[1]["name"] == "Jürgen"


def test_it_remembers_over_a_restart_and_a_power_cut(quiz, phone, tmp_path) -> None:
    _, me = phone.json("POST", "/api/join", {"name": "Ada"})
    phone.json(
        "POST", "/api/answer", {"player": me["player"], "question": "vram", "choice": BY_KEY["vram"].right}
    )
    file = tmp_path / "state/answers.jsonl"
    with file.open("a") as half:
        half.write('{"player": "' + me["player"] + '", "quest')
    again = Game(tmp_path / "state")
    assert [(p.name, p.score) for p in again.ranking()] == [("Ada", 1)]
    again.answer(me["player"], "job", BY_KEY["job"].right)
    assert [(p.name, p.score) for p in Game(tmp_path / "state").ranking()] == [("Ada", 2)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/../game.py", None, 404),
        ("POST", "/nowhere", "x=1", 404),
        ("POST", "/join", "name=", 400),
        ("POST", "/join", "name=%0a%00", 400),
        ("POST", "/answer", "question=job&choice=9", 400),
        ("POST", "/answer", "question=job&choice=x", 400),
        ("POST", "/answer", "question=job&choice=0", 400),
        ("POST", "/api/answer", {"player": "nobody", "question": "job", "choice": 0}, 400),
        ("POST", "/api/answer", {"choice": None}, 400),
        ("POST", "/join", "name=" + "x" * 5000, 400),
        ("PUT", "/", "x", 501),
    ],
)
def test_refused_with_a_word_and_not_a_crash(phone, method, path, body, status) -> None:
    found, text, _ = phone.ask(method, path, body)
    assert found == status, text
    assert "Traceback" not in text


def test_names_cannot_do_harm(phone) -> None:
    phone.ask("POST", "/join", "name=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    phone.ask("POST", "/answer", f"question=job&choice={BY_KEY['job'].right}")
    for page in (phone.get("/"), phone.get("/projector")):
        assert "<script" not in page
    assert "&lt;script&gt;" in phone.get("/projector")
    _, _, answer = phone.ask("GET", "/")
    assert "default-src 'none'" in answer.getheader("Content-Security-Policy")


def test_a_full_room_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(games, "MOST_PLAYERS", 1)
    game = Game(tmp_path)
    game.join("a", "Ada")
    with pytest.raises(Refused, match="full"):
        game.join("b", "Bob")
    assert game.join("a", "Ada L.").name == "Ada L."


def test_health_and_head(phone) -> None:
    assert phone.json("GET", "/health") == (200, {"status": "ok", "questions": len(QUESTIONS)})
    status, text, answer = phone.ask("HEAD", "/")
    assert (status, text) == (200, "")
    assert int(answer.getheader("Content-Length")) > 0


def test_a_kept_connection_does_not_wait_between_headers_and_body(quiz) -> None:
    """A proxy keeps its connection: the kernel's two politenesses (Nagle, delayed ACK) would cost 40 ms a page."""
    connection = HTTPConnection("127.0.0.1", quiz.server_address[1], timeout=5)
    took = []
    for _ in range(21):
        start = time.monotonic()
        connection.request("GET", "/")
        connection.getresponse().read()
        took.append(time.monotonic() - start)
    connection.close()
    assert sorted(took)[10] < 0.03


def test_it_runs_as_in_its_container(tmp_path) -> None:
    """By itself, under another name, without our package: only the standard library is there."""
    shutil.copytree(Path(games.__file__).parent, tmp_path / "quiz")
    command = [sys.executable, "-I", "-S", "-c", f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = ['--address', '127.0.0.1', '--port', '0', '--state', {str(tmp_path / 's')!r}]; runpy.run_module('quiz', run_name='__main__')"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = process.stdout.readline()
    port = re.search(r"port (\d+)", said)
    assert port, said
    assert "How closely" in Browser(int(port[1])).get("/")
    process.terminate()
    assert process.wait(5) == 0
    process.stdout.close()
