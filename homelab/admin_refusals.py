"""What the admin API's refusals mean, and what to do: statuses in words, and the scope that a key lacks.

Sources: https://tailscale.com/docs/reference/trust-credentials (scopes), https://tailscale.com/api (errors).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from homelab.errors import AdminRefused

KEYS = "https://login.tailscale.com/admin/settings/keys"
CREDENTIALS = "https://login.tailscale.com/admin/settings/trust-credentials"
STATUS = "https://status.tailscale.com"

# Path below /api/v2/, and the scope that opens it; reading takes the scope with ":read" behind it.
SCOPES = (
    (r"tailnet/[^/]+/acl(/(validate|preview))?", "policy_file"),
    (r"tailnet/[^/]+/dns/.*", "dns"),
    (r"tailnet/[^/]+/keys(/.*)?", "auth_keys"),
    (r"tailnet/[^/]+/devices", "devices:core"),
    (r"device/[^/]+/routes", "devices:routes"),
    (r"device/[^/]+/attributes(/.*)?", "devices:posture_attributes"),
    (r"device/[^/]+/device-invites|device-invites/.*", "device_invites"),
    (r"device/.*", "devices:core"),
    (r"tailnet/[^/]+/users|users/.*", "users"),
    (r"tailnet/[^/]+/settings", "feature_settings"),
    (r"tailnet/[^/]+/logging/configuration", "logs:configuration"),
    (r"tailnet/[^/]+/logging/network", "logs:network"),
    (r"tailnet/[^/]+/(webhooks|contacts)|webhooks/.*", "webhooks"),
)
TRIED = ("acl/validate", "acl/preview")  # sent by POST, and yet they only read


def scope(method: str, path: str) -> str:
    """The scope that `method` on `path` (such as ``/api/v2/tailnet/-/acl``) takes; empty where none is known."""
    path = path.partition("?")[0].removeprefix("/api/v2/")
    reads = method in ("GET", "HEAD") or path.endswith(TRIED)
    name = next((s for pattern, s in SCOPES if re.fullmatch(pattern, path)), "")
    return f"{name}:read" if name and reads else name


def seconds(retry_after: str, now: datetime | None = None) -> float | None:
    """How long a ``Retry-After`` header asks to wait (s); None where it does not say.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - (now or datetime.now(UTC))).total_seconds())


def refusal(status: int, method: str, path: str, said: str, wait: float | None, where: str) -> AdminRefused:
    """The error for a request that was answered with `status`; `wait` is what it asked for, in seconds."""
    asked = f"{method} {path.partition('?')[0].removeprefix('/api/v2')}"
    said = f": {said}" if said else ""
    what, hint = f"the admin API refuses {asked} ({status}){said}", ""
    if status == 401:
        what = f"the admin API refuses the key (401){said}"
        hint = f"is it right, and not expired or revoked? Make a new one: {KEYS}"
    elif status == 403:
        needed = scope(method, path)
        lacking = f"the key lacks the scope {needed}: give it one that has it ({CREDENTIALS}), or use" if needed else "use"  # fmt: skip
        hint = f"{lacking} an API access token of an Owner, Admin or Network admin; some features need another billing plan"
    elif status == 404:
        hint = "was it removed meanwhile? Make the plan again"
    elif status == 412:
        what, hint = f"{asked}: it was changed in between (412){said}", "make the plan again: nothing was overwritten"  # fmt: skip
    elif status == 429:
        asks = f", and asks to wait {wait:.0f} s" if wait else ""
        what, hint = f"the admin API has had too many requests (429){asks}", "run the same again after that"
    elif status >= 500:
        what = f"the admin API has trouble of its own with {asked} ({status}){said}"
        hint = f"nothing of yours is wrong: see {STATUS}, and run the same again later"
    return AdminRefused(status, what, where, hint)


def no_answer_of_its(kind: str, where: str) -> AdminRefused:
    """The error for an answer that is not JSON of the admin API; `kind` is its content type."""
    hint = "does a proxy, or the sign-in page of this network, answer in its place?"
    return AdminRefused(0, f"what answers is not the admin API: it sent {kind or 'something'}, not its JSON", where, hint)  # fmt: skip
