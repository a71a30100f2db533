"""The chapter on SSH as a whole in a fresh lab: done, done again, broken in every way, and taken back."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from exercises import is_solved

from homelab.checks import panel, ssh
from homelab.demonstration import for_a_moment
from homelab.errors import CheckFailed, ParamsError
from homelab.panels import ssh_replay
from homelab.pictures.replay import replay
from homelab.resources import account, login, policy, recorder
from homelab.shell import recordings
from homelab.stages import audited_ssh
from homelab.wait import until

WISH = audited_ssh.Params()
SECRET = "correct horse battery"
HOST = "demoserver"


def standing(world):
    """What the chapter changes, without the nodes that it needs."""
    server = world[HOST]
    return (
        policy.read(world.tailnet),
        recorder.read(world["recorder"]),
        login.read(world["recorder"]).address,
        account.read(server, "ubuntu"),
        "recorder" in panel.devices(world.tailnet),
    )


@pytest.fixture(scope="module")
def fresh(world):
    """How it stood before anything was done."""
    return standing(world)


@pytest.fixture(scope="module")
def done(world, fresh):
    """The chapter's plan, applied."""
    plan = audited_ssh.plan(world, WISH)
    assert len(plan) == 10
    assert world.apply(plan)
    wait = [ssh.goes_by(world[HOST], *audited_ssh.rules(world, WISH)), ssh.offers_shell(world["phone"], HOST)]
    wait.append(ssh.takes_recordings(world["phone"]))
    assert [a for a in wait if a.status != "ok"] == []
    return plan


def test_without_the_chapter_its_checks_fail(world, fresh) -> None:
    answers = [
        ssh.goes_by(world[HOST], *audited_ssh.rules(world, WISH), seconds=0.1),
        ssh.offers_shell(world["phone"], HOST, seconds=0.1),
        ssh.takes_recordings(world["phone"], seconds=0.1),
        ssh.lets_in(world["phone"], "ubuntu", HOST),
        ssh.denied(world["phone"], "daemon", HOST),
    ]
    assert {a.status for a in answers} == {"fail"}
    assert "last seen: nothing" in answers[0].evidence


def test_strangers_are_refused_before_anything(world, fresh) -> None:
    for sources, said in (
        (["mallory@example.com"], "no user of this tailnet"),
        (["tag:recorder"], "no tag that"),
    ):
        with pytest.raises(ParamsError) as caught:
            audited_ssh.plan(world, audited_ssh.Params(sources=sources))
        assert said in str(caught.value)
    assert standing(world) == fresh


def test_a_machine_without_a_daemon_is_not_waited_for(world, fresh) -> None:
    start = time.monotonic()
    assert login.read(world["recorder"]).node == "tailscaled is not running"
    assert time.monotonic() - start < 1.5, "the client alone would look for two seconds"


def test_a_second_time_there_is_nothing_to_do(world, done) -> None:
    assert str(audited_ssh.plan(world, WISH)) == "No changes."


def test_who_is_let_in_and_who_is_not(world, done) -> None:
    phone = world["phone"]
    answers = [
        ssh.switched_on(world[HOST]),
        ssh.lets_in(phone, "ubuntu", HOST),
        ssh.denied(phone, "daemon", HOST),
        ssh.denied(world["recorder"], "ubuntu", HOST),
        ssh.out_after_check(phone, "root", HOST, world.person.deny),
        ssh.in_after_check(phone, "root", HOST),
        ssh.audited(world.tailnet),
    ]
    assert [a for a in answers if a.status != "ok"] == []
    wrong = [
        ssh.lets_in(phone, "daemon", HOST),
        ssh.lets_in(phone, "root", HOST),
        ssh.denied(phone, "ubuntu", HOST),
        ssh.refused_unrecorded(phone, "ubuntu", HOST),
        ssh.was_recorded(phone, "daemon", "id -un", seconds=0.1),
    ]
    assert {a.status for a in wrong} == {"fail"}, "each question can be answered no"


def test_a_shell_is_recorded_and_its_password_is_not(world, done) -> None:
    phone = world["phone"]
    typed = audited_ssh.at_the_keyboard(world, WISH, SECRET)
    assert typed.rc == 0
    assert ssh.was_recorded(phone, "ubuntu").status == "ok"
    whole = recordings.fetched(phone, recordings.listed(phone)[-1])
    assert ssh.shows(phone, whole, f"{len(SECRET)} letters").status == "ok"
    assert ssh.hides(phone, whole, SECRET).status == "ok"
    assert ssh.hides(phone, whole, "letters").status == "fail"
    text = str(replay(whole))
    assert "ubuntu@demoserver:~$ hostname; id -un" in text
    assert SECRET not in text
    assert (whole.person, whole.node, whole.host, whole.user) == ("alice@example.com", "phone", HOST, "ubuntu")  # fmt: skip
    held = recordings.in_folder(world["recorder"], "/var/lib/recorder")
    assert [(r.name, r.connection, r.seconds) for r in held] == [
        (r.name, r.connection, r.seconds) for r in recordings.listed(phone)
    ], "over the tailnet and from the recorder's own disk"
    assert held[-1] == whole


def test_the_recorded_shell_is_played_and_turned_back(world, done) -> None:
    phone, told = world["phone"], []
    player = ssh_replay.Player(phone, recordings.listed(phone), "recorder", told.append)
    assert "ubuntu@demoserver:~$ hostname; id -un" in str(told[-1])
    for _ in range(player.play.max):  # as the browser's button does
        player.play.value += player.play.step
    assert f"{len(SECRET)} letters" in player.shown.value
    assert "logout" in player.shown.value
    player.time.value = 0.0
    assert "letters" not in player.shown.value
    player.session.value = next(r for r in recordings.listed(phone) if r.command)  # another one
    assert "hostname; id -un" not in str(told[-1])


def test_what_recordings_do_not_hold(world, done) -> None:
    assert ssh.copies_seen(world["phone"], "ubuntu", HOST).status == "warn", "scp is not recorded today"


def test_no_recorder_no_session(world, done) -> None:
    phone, since = world["phone"], datetime.now(UTC).replace(microsecond=0)
    away = audited_ssh.recorder_away(world, WISH)
    lax = audited_ssh.changed(world, WISH, enforce=False)
    with for_a_moment(world, away):
        assert ssh.refused_unrecorded(phone, "ubuntu", HOST).status == "ok"
        assert ssh.refused_unrecorded(phone, "root", HOST).status == "ok", "also after a check"
        assert ssh.logged(world.tailnet, "SSH_RECORDING_REJECTED", HOST, since).status == "ok"
        with for_a_moment(world, lax):
            loose = audited_ssh.rules(world, WISH.model_copy(update={"enforce": False}))
            assert ssh.goes_by(world[HOST], *loose).status == "ok"
            warned = ssh.audited(world.tailnet)
            assert (warned.status, warned.evidence.count("fails open")) == ("warn", 2)
            assert ssh.goes_on_unrecorded(phone, "ubuntu", HOST).status == "warn"
    assert ssh.goes_by(world[HOST], *audited_ssh.rules(world, WISH)).status == "ok"
    assert ssh.takes_recordings(phone).status == "ok"


def test_what_fails_in_a_demonstration_leaves_nothing_of_it_behind(world, done) -> None:
    before = standing(world)
    plans = audited_ssh.recorder_away(world, WISH), audited_ssh.changed(world, WISH, enforce=False)

    def lesson() -> None:
        with for_a_moment(world, *plans):
            assert standing(world) != before
            raise CheckFailed("got in", "phone", "a shell")

    with pytest.raises(CheckFailed, match="got in"):
        lesson()
    assert standing(world) == before
    assert str(audited_ssh.plan(world, WISH)) == "No changes."


def test_killed_in_the_middle(world, done) -> None:
    ended = audited_ssh.cut_in_the_middle(world, WISH)
    assert ended.rc == 255
    assert "Session terminated" in ended.err
    assert str(audited_ssh.plan(world, WISH)) == "No changes.", (
        "the recorder runs again, and undo knows of none of it"
    )
    assert ssh.takes_recordings(world["phone"]).status == "ok"
    last = recordings.listed(world["phone"])[-1]
    assert last.state == "cut"
    assert "tick" in recordings.fetched(world["phone"], last).text


def test_an_exercise_is_done_when_its_worked_answer_was_typed(world, done) -> None:
    is_solved(world, "08.1")


def test_the_shown_commands_do_the_same(world, done, typed) -> None:
    server = world[HOST]
    gone, there = account.State("guest", False), account.State("guest", True)
    for before, after in ((gone, there), (there, gone)):
        account.do(server, before, after)
        assert account.read(server, "guest") == after
        account.do(server, after, before)
        typed(HOST, account.command(before, after))
        assert account.read(server, "guest") == after
        typed(HOST, account.command(after, before))
        account.do(server, before, after)


def test_taken_back(world, fresh, done) -> None:
    processes = ["pgrep", "-u", "ubuntu"]  # a shell whose client has gone ends when it next says something
    until(lambda: world[HOST].run(processes), lambda found: not found, "ubuntu's last shell to end")
    world.apply(done.inverse().part(without="phone"))
    assert standing(world) == fresh
    assert login.read(world[HOST]).node == "not installed"
