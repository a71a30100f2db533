"""The ways to tell: webhook, ntfy, e-mail. Each is tried a few times; what went wrong is said without a secret.

Sources: https://docs.ntfy.sh/publish/ (a POST to the topic; title, priority and tags as headers; a token as Bearer),
https://api.slack.com/messaging/webhooks and https://docs.mattermost.com (``text``),
https://discord.com/developers/docs/resources/webhook (``content``, at most 2000 letters).
"""

from __future__ import annotations

import json
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from http.client import HTTPException
from urllib.parse import urlsplit

from homelab import __version__
from homelab.errors import HomelabError
from homelab.secret import mask
from homelab.watch import settings
from homelab.watch.message import Message

AGENT = f"homelab-runbook/{__version__}"
TIMEOUT = 20.0  # seconds for one try
PAUSES = (2.0, 8.0)  # seconds between the tries
DISCORD = 2000
PORTS = {"starttls": 587, "tls": 465, "none": 25}

Send = Callable[[Message], None]
Pause = Callable[[float], None]


class _Temporary(HomelabError):
    """It may go well in a moment."""


def ways(notify: settings.Notify | None) -> dict[str, Send]:
    """The ways that are named, by their names."""
    found: dict[str, Send] = {}
    if notify and (hook := notify.webhook):
        found["webhook"] = lambda message: _webhook(hook, message)
    if notify and (topic := notify.ntfy):
        found["ntfy"] = lambda message: _ntfy(topic, message)
    if notify and (mail := notify.mail):
        found["mail"] = lambda message: _mail(mail, message)
    return found


def patiently(send: Callable[[], None], pause: Pause = time.sleep) -> None:
    """`send`, again after a pause where that may help.

    Raises:
        HomelabError: it was refused, or did not go through three times.
    """
    for seconds in PAUSES:
        try:
            return send()
        except _Temporary:
            pause(seconds)
    return send()


def _webhook(hook: settings.Webhook, message: Message) -> None:
    body = {**message.data, "text": message.text, "content": message.text[:DISCORD]}
    request(
        "webhook", settings.url(hook.url), json.dumps(body).encode(), {"Content-Type": "application/json"}
    )


def _ntfy(topic: settings.Ntfy, message: Message) -> None:
    headers = {
        "Title": message.title,
        "Priority": "3" if message.well else "4",
        "Tags": "white_check_mark" if message.well else "warning",
        "Content-Type": "text/plain; charset=utf-8",
    }
    if topic.token:
        headers["Authorization"] = f"Bearer {topic.token.reveal()}"
    request("ntfy", settings.url(topic.topic), message.text.encode(), headers)


class _Here(urllib.request.HTTPRedirectHandler):
    """A message, and the token with it, goes where it was addressed to, and nowhere else."""

    def redirect_request(self, *args: object) -> None:
        return None


_DIRECT = urllib.request.build_opener(_Here)


def request(what: str, address: str, body: bytes | None, headers: dict[str, str]) -> None:
    """A POST of `body`, or a GET where there is none; any 2xx is good.

    Raises:
        HomelabError: it was refused, or nobody answers. The address is not repeated but for its host: whoever
            knows it may write there.
    """
    where = f"{what} at {urlsplit(address).hostname}"
    asked = urllib.request.Request(address, body, {"User-Agent": AGENT, **headers})
    try:
        with _DIRECT.open(asked, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code in (408, 425, 429) or error.code >= 500
        kind = _Temporary if again else HomelabError
        hint = {401: "is the token right?", 403: "is the token right?", 404: "is the address right?"}
        raise kind(f"it answers {error.code} {error.reason}", where, hint.get(error.code, "")) from None
    except (OSError, HTTPException) as error:
        said = getattr(error, "reason", None) or error
        raise _Temporary(
            mask(f"it does not answer: {said}"), where, "is the network up, and the service?"
        ) from None


def letter(mail: settings.Mail, message: Message) -> EmailMessage:
    """`message` as e-mail."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = mail.sender, ", ".join(mail.to), message.title
    made["Date"] = localtime()
    made["Message-ID"] = make_msgid(domain=mail.sender.partition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    made.set_content(message.text)
    return made


def _mail(mail: settings.Mail, message: Message) -> None:
    port = mail.port or PORTS[mail.security]
    where = f"e-mail by {mail.host}:{port}"
    made = letter(mail, message)
    try:
        with _connected(mail, port) as server:
            if mail.user and mail.password:
                server.login(mail.user, mail.password.reveal())
            server.send_message(made)
    except smtplib.SMTPResponseException as error:
        said = (
            error.smtp_error.decode(errors="replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        kind = _Temporary if 400 <= error.smtp_code < 500 else HomelabError
        raise kind(mask(f"it answers {error.smtp_code} {said}"), where, _hint(error.smtp_code)) from None
    except smtplib.SMTPRecipientsRefused as error:
        refused = ", ".join(f"{who}: {code}" for who, (code, _) in error.recipients.items())
        raise HomelabError(f"it takes no mail for {refused}", where) from None
    except ssl.SSLCertVerificationError as error:
        raise HomelabError(f"its certificate is not trusted: {error.verify_message}", where) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _Temporary(
            f"it does not answer: {error}", where, "is the network up, and the service?"
        ) from None


def _connected(mail: settings.Mail, port: int) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, port, timeout=TIMEOUT, context=context)
    server = smtplib.SMTP(mail.host, port, timeout=TIMEOUT)
    if mail.security == "starttls":
        server.starttls(context=context)  # refused by the server: an error, never a letter in the clear
    return server


def _hint(code: int) -> str:
    return (
        "are user and password right? many providers want an app password" if code in (530, 534, 535) else ""
    )
