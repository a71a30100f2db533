"""The distribution of the lab's Windows: what starts it, what keeps it, what ends it, and its address."""

from __future__ import annotations

import time

import dockers
from conftest import Lab, wait_for
from played_windows import (  # noqa: F401
    PORTPROXY,
    STARTUP,
    allow_mqtt,
    as_it_was,
    create_task,
    keepers,
    listen,
    now,
    proxy_to,
    put,
    raw,
    reached,
    write_task,
)

# Tasks and the logon


def test_a_task_runs_at_logon_and_keeps_the_distribution(own: Lab) -> None:
    write_task(own)
    assert create_task(own).stdout == 'SUCCESS: The scheduled task "Keep" has successfully been created.\r\n'
    assert not keepers(own)
    before = now(own)["address"]
    ran = own.ask("logon", machine="windows", restart=True)["ran"]
    assert [(r["by"], r["outcome"], r["hidden"]) for r in ran] == [("\\Keep", "running", True)]
    assert len(keepers(own)) == 1
    assert now(own)["address"] != before, "Windows restarted, and WSL with it"
    again = own.ask("logon", machine="windows")["ran"]
    assert again[0]["outcome"] == "running already"
    assert len(keepers(own)) == 1
    own.says("tequila", "schtasks.exe", "/Delete", "/TN", "\\keep", "/F")
    assert own.ask("logon", machine="windows")["ran"] == []


def test_a_task_can_be_run_and_read(own: Lab) -> None:
    write_task(own)
    create_task(own)
    shown = raw(own, "tequila", "schtasks.exe", "/Query", "/TN", "Keep", "/XML").decode("cp437")
    assert "<URI>\\Keep</URI>" in shown
    assert "<UserId>TEQUILA\\alice</UserId>" in shown
    assert shown.count("S-1-5-21-") == 1, "whom it runs as is shown by number"
    own.says("tequila", "schtasks.exe", "/Run", "/TN", "Keep")
    assert len(keepers(own)) == 1
    put(own, locale="es-ES")
    missing = own.run("tequila", "schtasks.exe", "/Query", "/TN", "Other", "/XML")
    assert missing.returncode == 1
    assert "no puede encontrar el archivo" in missing.stderr


def test_tasks_that_windows_does_not_take(own: Lab) -> None:
    assert "cannot find the file" in create_task(own).stderr
    write_task(own, user="")
    assert create_task(own).stderr == "ERROR: Access is denied.\r\n", "at anybody's logon"
    put(own, admin="elevated")
    assert create_task(own).returncode == 0
    write_task(own, to="UTF-8")
    assert "unable to switch the encoding" in create_task(own).stderr
    own.says("tequila", "sh", "-c", "printf '<Task/>' >/mnt/c/task.xml")
    assert "malformed" in create_task(own).stderr


def test_the_talks_script_runs_at_logon_without_a_window(own: Lab) -> None:
    talk = 'Set ws = CreateObject("Wscript.Shell")\r\nws.run "wsl -d Ubuntu", vbhide\r\n'
    own.says("tequila", "sh", "-c", f'cat >"{STARTUP}/wsl-init.vbs"', stdin=talk.encode())
    own.says("tequila", "sh", "-c", f'cat >"{STARTUP}/wsl-init.vbe"', stdin=talk.encode())
    ran = {r["by"]: r for r in own.ask("logon", machine="windows")["ran"]}
    assert ran["wsl-init.vbs"] == {
        "by": "wsl-init.vbs", "command": "wsl -d Ubuntu", "hidden": True, "outcome": "running",
    }  # fmt: skip
    assert "not established" in ran["wsl-init.vbe"]["outcome"]
    assert [line.split()[1] for line in keepers(own)] == ["bash"]
    own.ask("wsl", machine="windows", do="stop")
    wait_for("its shell to be gone", lambda: not now(own)["launched"])


# The distribution's own life


def test_a_restart_changes_the_address_and_the_port_proxy_leads_nowhere(own: Lab) -> None:
    listen(own)
    put(own, admin="elevated")
    before = now(own)["address"]
    proxy_to(own, before)
    allow_mqtt(own)
    assert reached(own)
    own.says("windows", "wsl.exe", "--shutdown")
    assert now(own)["state"] == "Stopped"
    assert own.machine("tequila")["stopped"]
    assert now(own)["state"] == "Stopped", "looking does not start it"
    listen(own)
    after = now(own)["address"]
    assert after != before
    assert own.says("tequila", "hostname", "-I").split()[0] == after
    assert own.machine("tequila")["addresses"] == {"wsl": f"{after}/20"}
    assert not reached(own)
    proxy_to(own, after)
    assert reached(own)
    assert own.says("tequila", "cat", "/srv/www/who") == "tequila", "files stay"
    phone = wait_for(
        "the tailnet", lambda: own.run("phone", "tailscale", "ping", "-c", "1", "tequila").stdout, 20
    )
    assert "pong from tequila" in phone


def test_shutting_down_from_inside_ends_the_caller_as_well(own: Lab) -> None:
    assert own.run("tequila", "wsl.exe", "--terminate", "Ubuntu").returncode in (130, 137, 143)
    assert now(own)["state"] == "Stopped"
    assert own.says("tequila", "hostname") == "tequila", "a terminal starts it"
    assert now(own)["state"] == "Running"


def test_what_wsl_conf_says_holds_from_the_next_start(own: Lab) -> None:
    conf = b"[boot]\ncommand = date >/srv/booted\n[interop]\nappendWindowsPath=false\n"
    own.says("tequila", "sh", "-c", "cat >/etc/wsl.conf; rm -f /srv/booted", stdin=conf)
    assert own.run("tequila", "wslpath", "-w", "/").returncode == 0
    own.ask("wsl", machine="windows", do="restart")
    wait_for("the boot command", lambda: not own.run("tequila", "test", "-s", "/srv/booted").returncode)
    assert own.run("tequila", "netsh.exe").returncode == 127
    assert own.says("tequila", "/mnt/c/Windows/System32/netsh.exe", *PORTPROXY[1:], "show", "v4tov4") == ""
    own.says("tequila", "sh", "-c", "printf '[interop]\nenabled=false\n' >/etc/wsl.conf")
    own.ask("wsl", machine="windows", do="restart")
    off = own.run("tequila", "/mnt/c/Windows/System32/netsh.exe", *PORTPROXY[1:], "show", "v4tov4")
    assert (off.returncode, "Exec format error" in off.stderr) == (126, True)
    assert own.says("tequila", "printenv", "WSL_DISTRO_NAME") == "Ubuntu"
    own.says("tequila", "rm", "/etc/wsl.conf")
    own.ask("wsl", machine="windows", do="restart")
    assert own.says("tequila", "printenv", "WSL_INTEROP") == "/run/WSL/1_interop"


def test_mirrored_networking_is_not_for_windows_10_and_not_played(own: Lab) -> None:
    own.says(
        "tequila", "sh", "-c", "printf '[wsl2]\nnetworkingMode=mirrored\n' >/mnt/c/Users/alice/.wslconfig"
    )
    for build, words in ((19045, "Falling back to NAT"), (26100, "stand-in")):
        put(own, build=build)
        own.says("windows", "wsl.exe", "--shutdown")
        warned = own.run("windows", "wsl.exe", "-d", "Ubuntu", "-e", "true", env={"WSL_UTF8": "1"}).stderr
        assert words in warned
        assert own.says("tequila", "wslinfo", "--networking-mode") == "nat"


def test_an_idle_distribution_stops_unless_something_keeps_it(own: Lab) -> None:
    put(own, idle_ms=300)
    wait_for("it to stop", lambda: now(own)["state"] == "Stopped")
    own.says("tequila", "sh", "-c", "setsid sleep 4321 >/dev/null 2>&1 </dev/null &")
    wait_for("it to stop, for a daemon keeps nothing", lambda: now(own)["state"] == "Stopped")
    watched = own.background("windows", "wsl.exe", "-d", "Ubuntu", "-e", "sleep", "1.5")
    assert watched.end() == (0, ""), "a command that somebody waits for keeps it, and came to its end"
    wait_for("it to stop", lambda: now(own)["state"] == "Stopped")
    own.says(
        "tequila",
        "sh",
        "-c",
        "printf '[general]\ninstanceIdleTimeout=-1  # for ever\n' >/mnt/c/Users/alice/.wslconfig",
    )
    wait_for("it to stop: that setting holds from the next start", lambda: now(own)["state"] == "Stopped")
    own.says("tequila", "true")
    end = time.monotonic() + 1  # much longer than it had
    while time.monotonic() < end:
        assert now(own)["state"] == "Running"


def test_a_setting_that_is_none_is_let_be(own: Lab) -> None:
    own.says(
        "tequila", "sh", "-c", "printf '[general]\ninstanceIdleTimeout=ten\n' >/mnt/c/Users/alice/.wslconfig"
    )
    own.ask("wsl", machine="windows", do="restart")
    assert own.says("tequila", "echo", "here") == "here"
    own.says("tequila", "rm", "/mnt/c/Users/alice/.wslconfig")


def test_containers_come_back_with_the_engine(own: Lab) -> None:
    dockers.begin(own, "tequila")
    own.says("tequila", "docker", "run", "-d", "--restart", "unless-stopped", "-p", "8096:80", *dockers.PAGE)
    wait_for(
        "the page", lambda: own.run("windows", "curl", "-sf", f"http://{now(own)['address']}:8096/").stdout
    )
    before = now(own)["address"]
    own.ask("wsl", machine="windows", do="restart")
    assert own.machine("tequila")["docker"]
    page = wait_for("it again", lambda: own.run("tequila", "curl", "-sf", "http://127.0.0.1:8096/").stdout)
    assert page == "hello\n"
    assert own.run("windows", "curl", "-sf", f"http://{now(own)['address']}:8096/").stdout == "hello\n"
    assert own.run("windows", "curl", "-sf", "-m", "1", f"http://{before}:8096/").returncode
    own.says("tequila", "sh", "-c", "docker rm -f $(docker ps -aq) && service docker stop")
