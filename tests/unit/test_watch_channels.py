"""Webhook, ntfy and e-mail against real servers: what arrives, what is tried again, and what is never said."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ears import Post, Web, certificate, mail, web

from homelab.errors import HomelabError
from homelab.watch import channels, settings
from homelab.watch.message import Message

WORDS = "home: 1 change waits\n\nNew:\n- turn it on (on tequila)\n"
SAID = Message("home: 1 change waits", WORDS, {"world": "home", "new": []}, well=False)


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        yield made


def send(notify: dict, pauses: list[float] | None = None, message: Message = SAID) -> None:
    ways = channels.ways(settings.Notify.model_validate(notify))
    (way,) = ways.values()
    seen = [] if pauses is None else pauses
    channels.patiently(lambda: way(message), seen.append)


def test_a_webhook_gets_json_that_slack_and_discord_read(server: Web) -> None:
    send({"webhook": {"url": f"{server.url}/hook/T0/secret"}})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/hook/T0/secret")
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body) == {"world": "home", "new": [], "text": SAID.text, "content": SAID.text}


def test_ntfy_gets_title_priority_and_the_token_by_reference(
    server: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTFY_TOKEN", "tk_sesame1234")
    send({"ntfy": {"topic": f"{server.url}/my-home", "token": "env:NTFY_TOKEN"}})
    (asked,) = server.asked
    assert (asked.path, asked.body) == ("/my-home", SAID.text)
    assert asked.headers["Title"] == "home: 1 change waits"
    assert asked.headers["Priority"] == "4"
    assert asked.headers["Authorization"] == "Bearer tk_sesame1234"


def test_an_address_may_be_a_reference(server: Web, tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"{server.url}/secret-path\n")
    (tmp_path / "hook").chmod(0o600)
    send({"webhook": {"url": f"file:{tmp_path}/hook"}})
    assert server.asked[0].path == "/secret-path"
    (tmp_path / "hook").write_text("sesame-but-no-address")
    with pytest.raises(HomelabError) as wrong:
        send({"webhook": {"url": f"file:{tmp_path}/hook"}})
    assert "no http(s) address" in str(wrong.value)
    assert "sesame" not in str(wrong.value)


def test_what_may_pass_is_tried_three_times(server: Web) -> None:
    pauses: list[float] = []
    server.answers[:] = [503, 429]
    send({"webhook": {"url": server.url}}, pauses)
    assert (len(server.asked), pauses) == (3, [2.0, 8.0])
    server.answers[:] = [500, 500, 500]
    with pytest.raises(HomelabError, match="it answers 500"):
        send({"webhook": {"url": server.url}}, pauses)
    assert len(server.asked) == 6


def test_what_is_refused_is_not_tried_again_and_the_address_stays_secret(server: Web) -> None:
    server.answers[:] = [404]
    with pytest.raises(HomelabError) as refused:
        send({"webhook": {"url": f"{server.url}/hook/sesame"}})
    assert len(server.asked) == 1
    assert "webhook at 127.0.0.1: it answers 404" in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_a_message_is_not_carried_elsewhere(server: Web) -> None:
    server.answers[:] = [302]
    with pytest.raises(HomelabError, match="it answers 302"):
        send({"webhook": {"url": server.url}})
    assert [a.path for a in server.asked] == ["/"]


def test_nobody_there_is_said_and_tried_again() -> None:
    pauses: list[float] = []
    with pytest.raises(HomelabError, match=r"it does not answer: .*refused"):
        send({"ntfy": {"topic": "http://127.0.0.1:9/topic"}}, pauses)
    assert pauses == [2.0, 8.0]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("ca"))


def letter(port: int, **more: object) -> dict:
    told = {
        "host": "localhost",
        "port": port,
        "from": "home@example.com",
        "to": ["ana@example.com", "bo@example.com"],
    }
    return {"mail": told | more}


def read(post: Post) -> email.message.EmailMessage:
    (raw,) = post.letters
    made = email.message_from_string(raw, policy=email.policy.default)
    assert isinstance(made, email.message.EmailMessage)
    return made


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_letter_goes_over_tls_with_the_password_by_reference(
    security: str, pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair))
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    with mail(pair, tls_at_once=security == "tls") as post:
        send(letter(post.port, security=security, user="ana", password="env:MAIL_PASSWORD"))
        assert post.logins == ["ana:right-password"]
        assert post.encrypted == [True]
        made = read(post)
    assert (made["To"], made["From"]) == ("ana@example.com, bo@example.com", "home@example.com")
    assert made["Subject"] == "home: 1 change waits"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Date"]
    assert made["Message-ID"].endswith("@example.com>")
    assert made.get_content().replace("\r\n", "\n").startswith(WORDS.rstrip("."))


def test_a_server_without_tls_or_with_anothers_certificate_gets_no_password(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "right-password")
    with mail(pair) as post:
        words = letter(post.port, user="ana", password="env:MAIL_PASSWORD")
        with pytest.raises(HomelabError, match="certificate is not trusted"):
            send(words)
        post.offers_tls = False
        with pytest.raises(HomelabError):
            send(words)
        assert (post.logins, post.letters) == ([], [])


def test_a_wrong_password_is_said_without_it(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair))
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-password")
    with mail(pair) as post, pytest.raises(HomelabError) as refused:
        send(letter(post.port, user="ana", password="env:MAIL_PASSWORD"))
    assert "it answers 535" in str(refused.value)
    assert "wrong-password" not in str(refused.value)
    assert len(post.logins) == 1  # no second try, which some providers punish


def test_a_letter_that_is_put_off_is_tried_again() -> None:
    with mail() as post:
        post.refuse[:] = ["451 4.7.1 greylisted, come again"]
        pauses: list[float] = []
        send(letter(post.port, security="none"), pauses)
        assert (len(post.letters), pauses) == (1, [2.0])
        post.refuse[:] = ["554 5.7.1 spam"]
        with pytest.raises(HomelabError, match=r"554 5\.7\.1 spam"):
            send(letter(post.port, security="none"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"webhook": {"url": "example.com/x"}}, "must be an address"),
        ({"ntfy": {"topic": "ftp://x"}}, "must be an address"),
        ({"mail": {"host": "h", "from": "a@b", "to": []}}, "at least 1"),
        ({"mail": {"host": "h", "from": "a@b", "to": ["c@d"], "user": "x"}}, "go together"),
        ({"mail": {"host": "h", "from": "a@b", "to": ["c@d"], "security": "none"}}, "on this machine only"),
        ({"mail": {"host": "h", "from": "a@b\nBcc: x@y", "to": ["c@d"]}}, "e-mail address"),
        ({"pigeon": {}}, "pigeon"),
    ],
)
def test_wrong_settings_are_refused(words: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings.Notify.model_validate(words)
