"""What a params file says of watching: ``notify:``, ``heartbeat:``, ``keep:``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from homelab.errors import ParamsError, Problem
from homelab.secret import KINDS, Secret

URL = re.compile(r"^https?://[^\s/@]+(/\S*)?\Z")
SUCH_AS = "must be an address such as https://example.com/hook, or a reference to one (env:NAME, file:PATH, cmd:COMMAND)"


class Strict(BaseModel):
    """Refuses keys it does not know, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(value: object) -> Secret | str:
    if isinstance(value, Secret):
        return value
    text = str(value).strip()
    if text.partition(":")[0] in KINDS:
        return Secret.parse(text)
    if not URL.match(text):
        raise ValueError(SUCH_AS)
    return text


# Who knows such an address may write there: so it may be a reference as well.
WebAddress = Annotated[Secret | str, PlainValidator(_address)]


def url(address: Secret | str) -> str:
    """The address itself, revealed now.

    Raises:
        PrerequisiteMissing: what it refers to is not there.
        ParamsError: what it refers to is no address (which is not repeated).
    """
    text = address.reveal() if isinstance(address, Secret) else address
    if not URL.match(text):
        raise ParamsError([Problem(str(address), "what it names is no http(s) address")])
    return text


def _mailbox(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", text):
        raise ValueError("must be an e-mail address such as ana@example.com")
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Webhook(Strict):
    """JSON by POST: what Slack, Mattermost, Discord, Home Assistant and one's own programs take."""

    url: WebAddress


class Ntfy(Strict):
    """A topic of ntfy: ``https://ntfy.sh/a-name-that-nobody-guesses``, or a server of one's own with a token."""

    topic: WebAddress
    token: Secret | None = None


class Mail(Strict):
    """A letter by SMTP; `security`: starttls (port 587), tls (port 465), none (port 25, this machine only)."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    sender: Annotated[Mailbox, Field(alias="from")]
    to: Annotated[list[Mailbox], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Mail:
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password go together")
        if self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("security: none is for a mail server on this machine only")
        return self


class Notify(Strict):
    """Who is told when something has changed; each way that is named is used."""

    webhook: Webhook | None = None
    ntfy: Ntfy | None = None
    mail: Mail | None = None


class Keep(Strict):
    """How long runs are kept: a run goes when it is neither among the `last` ones nor younger than `days`."""

    last: Annotated[int, Field(ge=1, le=100_000)] = 30
    days: Annotated[float, Field(ge=0, le=36_500)] = 90
