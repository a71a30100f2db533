"""Shells by Tailscale SSH: who gets in as whom, who does not, and whether it was recorded."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from homelab.check import Answer, check
from homelab.checks.panel import devices
from homelab.errors import HomelabError
from homelab.machine import Machine, Result
from homelab.policy import policyfile, ssh_policy
from homelab.resources import policy, prefs
from homelab.resources.tailscale_status import ask, peers, short_name, status
from homelab.shell import recordings
from homelab.shell import session as ssh_session
from homelab.shell.recordings import Recording
from homelab.shell.session import Click
from homelab.wait import until

if TYPE_CHECKING:
    from tailscale.models import AuditLog

    from homelab.tailnet import Tailnet

DENIED = "tailnet policy does not permit you to SSH"
UNRECORDED = "wants it recorded, and no recorder answers"  # the lab's words; the real service has its own
LOGS = "https://login.tailscale.com/admin/logs"
SCP = ["scp", "-q", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
NETMAP = ["tailscale", "debug", "netmap"]


@check
def switched_on(machine: Machine) -> Answer:
    """Does the node's own SSH server take connections from the tailnet?"""
    on = prefs.read(machine).ssh
    hint = "sudo tailscale set --ssh"
    return Answer(
        "takes SSH by Tailscale", machine.name, _word(on), f"tailscale's SSH is {'on' if on else 'off'}", hint
    )


@check
def goes_by(machine: Machine, *wanted: Mapping[str, Any], seconds: float = 10.0) -> Answer:
    """Has the news of the rules `wanted` (as in the policy) come to the node? Waits up to `seconds`."""
    keys = {_meant(rule) for rule in wanted}
    until(
        lambda: [_told(rule) for rule in _rules_of(machine)],
        lambda seen: keys <= set(seen),
        "the policy's ssh rules to arrive",
        seconds,
        hint="`tailscale debug netmap` on that machine shows what it knows",
        where=machine.name,
    )
    evidence = "; ".join(f"{r['action']} as {', '.join(r['users'])}" for r in wanted)
    return Answer("goes by the policy", machine.name, "ok", evidence)


@check
def offers_shell(machine: Machine, host: str, seconds: float = 10.0) -> Answer:
    """Does the machine know the host keys of the node `host`, told by the control plane? Waits up to `seconds`."""
    keys = until(
        lambda: next((p.get("sshHostKeys") for p in peers(status(machine)) if short_name(p) == host), None),
        bool,
        f"{host} to offer SSH",
        seconds,
        hint=f"sudo tailscale set --ssh, on {host}",
        where=machine.name,
    )
    kinds = ", ".join(str(k).split()[0] for k in keys or [])
    return Answer(f"knows {host}'s host keys", machine.name, "ok", f"nobody was asked to trust them: {kinds}")


@check
def lets_in(machine: Machine, user: str, host: str) -> Answer:
    """Is a person at `machine` let in as `user` on `host`, without a question?"""
    done = _asked(machine, user, host)
    good = _is(done, user) and "additional check" not in done.err
    return Answer(f"gets in as {user} on {host}", machine.name, _word(good), _said(done))


@check
def denied(machine: Machine, user: str, host: str) -> Answer:
    """Is `user` on `host` refused by the policy, in its own words?"""
    done = _asked(machine, user, host)
    return Answer(
        f"is denied {user} on {host}", machine.name, _word(not done and DENIED in done.err), _said(done)
    )


@check
def in_after_check(machine: Machine, user: str, host: str, click: Click | None = None) -> Answer:
    """Does check mode name a page first, and let `user` in on `host` once the person has opened it?"""
    done = _asked(machine, user, host, click)
    good = _is(done, user) and "additional check" in done.err
    return Answer(f"is asked, then gets in as {user} on {host}", machine.name, _word(good), _said(done))


@check
def asked_again(machine: Machine, user: str, host: str, seconds: float = 90.0) -> Answer:
    """Is a passed check over after its time? Opens sessions, each second, until one is asked about."""
    start = time.monotonic()
    done = until(
        lambda: _asked(machine, user, host),
        lambda done: "additional check" in done.err,
        "a session to be asked about again",
        seconds,
        where=machine.name,
        every=1.0,
    )
    evidence = f"no question for {time.monotonic() - start:.0f} s, and then one"
    return Answer(f"is asked again as {user} on {host}", machine.name, _word(_is(done, user)), evidence)


@check
def out_after_check(machine: Machine, user: str, host: str, click: Click) -> Answer:
    """Is `user` on `host` refused when the person says no on the page (by `click`)?"""
    done = _asked(machine, user, host, click)
    good = not done and "check refused" in done.err
    return Answer(f"is asked, and stays out as {user} on {host}", machine.name, _word(good), _said(done))


@check
def refused_unrecorded(machine: Machine, user: str, host: str) -> Answer:
    """With no recorder, is there no session either, and is it said why?"""
    done = _asked(machine, user, host)
    good = not done and done.out.strip() != user and UNRECORDED in done.out + done.err
    return Answer(f"without a recorder, no {user} on {host}", machine.name, _word(good), _said(done))


@check
def goes_on_unrecorded(machine: Machine, user: str, host: str) -> Answer:
    """Fails open, as it must where nothing is enforced: a session without a recorder. The answer is a warning."""
    done = _asked(machine, user, host)
    hint = "enforceRecorder: true in the rule"
    evidence = f"{_said(done)}, and nobody recorded it"
    return Answer(
        f"without a recorder, {user} on {host} all the same",
        machine.name,
        "warn" if _is(done, user) else "fail",
        evidence,
        hint,
    )


@check
def takes_recordings(machine: Machine, recorder: str = "recorder", seconds: float = 10.0) -> Answer:
    """Does the node `recorder` show its recordings to `machine`? Waits up to `seconds`."""
    found = until(
        lambda: _list(machine, recorder),
        lambda seen: seen is not None,
        f"{recorder} to answer",
        seconds,
        hint=f"does its program run? ./runbook lab start {recorder} recorder",
        where=machine.name,
    )
    return Answer(
        f"{recorder} answers", machine.name, "ok", f"http://{recorder}:{recordings.PORT}, {len(found or [])} recordings"
    )  # fmt: skip


@check
def was_recorded(
    machine: Machine, user: str, command: str = "", recorder: str = "recorder", seconds: float = 5.0
) -> Answer:
    """Is there a whole recording of the session as `user` with `command` (empty: a shell)? Waits up to `seconds`."""
    seen = until(
        lambda: [r for r in recordings.listed(machine, recorder) if (r.user, r.command) == (user, command)],
        lambda found: bool(found) and found[-1].state == "whole",
        f"a recording of {command or 'a shell'} as {user}",
        seconds,
        where=machine.name,
    )
    last = seen[-1]
    return Answer("was recorded", machine.name, "ok", f"{last.title}, {last.seconds:.1f} s: {last.name}")


@check
def copies_seen(machine: Machine, user: str, host: str, recorder: str = "recorder") -> Answer:
    """Does a file that is copied by ``scp`` leave a recording? A warning where it does not: scp speaks SFTP today."""
    before = len(recordings.listed(machine, recorder))
    machine.run([*SCP, "/etc/hostname", f"{user}@{host}:copied"]).ok()
    after = len(recordings.listed(machine, recorder))
    evidence = f"scp /etc/hostname {user}@{host}: done; {before} recordings before, {after} after"
    hint = "sftp and forwarded ports are not recorded: take them away where that matters"
    return Answer(
        "a copied file is recorded", machine.name, "ok" if after > before else "warn", evidence, hint
    )


@check
def shows(machine: Machine, recording: Recording, text: str) -> Answer:
    """Does `recording` hold `text`, which the terminal showed?"""
    good = text in recording.text
    evidence = f"{recording.name} {'holds' if good else 'does not hold'} {text!r}"
    return Answer("the recording holds what was shown", machine.name, _word(good), evidence)


@check
def hides(machine: Machine, recording: Recording, secret: str) -> Answer:
    """Is `secret`, which was typed without being shown, absent from `recording`?"""
    good = bool(recording.output) and secret not in recording.text
    evidence = f"{len(recording.text)} characters, and what was typed unseen is {'not ' if good else ''}among them"  # fmt: skip
    return Answer("the recording holds no keystrokes", machine.name, _word(good), evidence)


@check
def logged(tailnet: Tailnet, event: str, host: str, since: datetime, seconds: float = 5.0) -> Answer:
    """Has the panel's log noted `event` about `host` since then? Waits up to `seconds`."""

    def look() -> list[AuditLog]:
        until_now = datetime.now(UTC) + timedelta(minutes=1)
        found = tailnet.call(lambda ts: ts.configuration_audit_logs(start=since, end=until_now))
        return [log for log in found if log.action == event and str(log.target.name).split(".")[0] == host]

    seen = until(look, bool, f"{event} in the log", seconds, where=tailnet.name, hint=f"look at {LOGS}")
    last = seen[-1]
    return Answer(
        "the log tells it", tailnet.name, "ok", f"{event}: {last.actor.login_name} to {last.target.name}"
    )


@check
def audited(tailnet: Tailnet) -> Answer:
    """Does every ssh rule of the policy see to it that sessions are recorded, or do not happen? Else it warns."""
    found = policyfile.data(policy.read(tailnet).text)
    tags = {tag for d in devices(tailnet).values() for tag in d.tags}
    holes = ssh_policy.holes(found, tags)
    count = len(ssh_policy.rules(found))
    evidence = "\n".join(str(h) for h in holes) or f"{count} ssh rules, and each is recorded or refused"
    hint = "give the rule a recorder that exists, and enforceRecorder: true"
    return Answer("no shell goes unseen", tailnet.name, "warn" if holes else "ok", evidence, hint)


def _list(machine: Machine, recorder: str) -> list[Recording] | None:
    try:
        return recordings.listed(machine, recorder)
    except HomelabError:
        return None


def _rules_of(machine: Machine) -> Collection[Mapping[str, Any]]:
    told = (ask(machine, NETMAP).get("SSHPolicy") or {}).get("rules") or []
    return [rule for rule in told if isinstance(rule, Mapping)]


def _told(rule: Mapping[str, Any]) -> str:
    """A rule as the node has it, in the words of `_meant`."""
    action = rule.get("action") or {}
    users = {name for name, to in (rule.get("sshUsers") or {}).items() if to}
    if action.get("holdAndDelegate"):
        return _words("check", users)  # what follows a check is told only then
    failure = action.get("onRecordingFailure") or {}
    return _words(
        "accept", users, bool(action.get("recorders")), bool(failure.get("RejectSessionWithMessage"))
    )


def _meant(rule: Mapping[str, Any]) -> str:
    """A rule of the policy, by what a node is told of it: ``accept as ubuntu, recorded or refused``."""
    users = {"*" if u == "autogroup:nonroot" else str(u) for u in rule["users"]}
    if rule["action"] == "check":
        return _words("check", users)
    recorded = bool(rule.get("recorder"))
    return _words("accept", users, recorded, recorded and bool(rule.get("enforceRecorder")))


def _words(action: str, users: Collection[str], recorded: bool = False, enforced: bool = False) -> str:
    how = ", recorded or refused" if recorded and enforced else ", recorded" if recorded else ""
    return f"{action} as {' and '.join(sorted(users))}{how}"


def _asked(machine: Machine, user: str, host: str, click: Click | None = None) -> Result:
    return ssh_session.run(machine, user, host, "id -un", click=click)


def _is(done: Result, user: str) -> bool:
    return bool(done) and done.out.strip() == user


def _said(done: Result) -> str:
    lines = [
        line.strip()
        for line in (done.out + done.err).splitlines()
        if line.strip() and not line.startswith(("Connection closed", "# To authenticate", "# Tailscale SSH"))
    ]
    asked = "asked first; then " if "additional check" in done.err else ""
    return f"{asked}{' | '.join(lines[-2:]) or 'nothing was said'} (status {done.rc})"


def _word(good: bool) -> str:
    return "ok" if good else "fail"
