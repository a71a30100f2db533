"""What stands above the steps of ``plan.sh``: what it is, its few functions, and what every step on another machine begins with.

It is for bash: a POSIX shell does not notice when the first command of a pipe fails (``curl … | sh`` without a network
ends well), and ``pipefail`` has come to Debian's ``sh`` only after version 12. Bash is on every Debian, Ubuntu and macOS.
"""

from __future__ import annotations

import shlex

from homelab.no_sudo import STAND_IN

HEAD = """#!/usr/bin/env bash
# {title}
# Planned on {made} by run {run}, from {params}; not applied.
#
# Read it first: it is typed as it stands here, and nothing checks again what has changed since then.
# What does check is: ./runbook run --params {params} --apply --from {folder}
# It stops at the first command that fails, in a pipe too, and says how to go on from there: START=N bash {script}
# What was done by then stays done.
# shellcheck disable=SC2016,SC2317 # what is quoted is for the shell there; after `stop` nothing is reached
# shellcheck disable=SC1091,SC2029,SC2034,SC2046,SC2059,SC2086,SC2164 # the commands are typed as the plan shows them
[ -n "${{BASH_VERSION-}}" ] || exec bash "$0" "$@"
set -euo pipefail
START=${{START:-1}} of={of} at='' missing='' lost='|'
case $0 in */*) me=$(cd "$(dirname "$0")" && pwd)/${{0##*/}} ;; *) me=$0 ;; esac
cd {checkout}
say() {{ printf '%s\\n' "$*"; }}
stop() {{ printf 'Stopped: %s\\n' "$*" >&2; exit 1; }}
case $START in '' | *[!0-9]*) stop "START is the number of a step, 1 to $of" ;; esac
ended() {{ # exit status
    [ "$1" -ne 0 ] || return 0
    if [ -z "$at" ]; then printf 'Nothing was done.\\n' >&2; return 0; fi
    printf '\\nIt ended at step %s of %s (%s). The steps before it are done, those after it are not.\\n' "$at" "$of" "$what" >&2
    printf 'Go on with this step again:      START=%s bash %s\\n' "$at" "$me" >&2
    printf 'or, where it is done after all:  START=%s bash %s\\n' "$((at + 1))" "$me" >&2
}}
trap 'ended $?' EXIT
step() {{ # its number, what it does
    [ "$1" -ge "$START" ] || return 1
    at=$1 what=$2
    say "$1/$of $2"
}}
sure() {{ # what is lost
    case $lost in *"|$1|"*) return 0 ;; esac
    printf 'This cannot be taken back: %s\\nType yes to go on: ' "$1"
    read -r answer || answer=no
    [ "$answer" = yes ] || stop "not wanted"
    lost="$lost$1|"
}}
"""
NEED = """\
need() { # env or file, its name, what for, the last step that wants it
    [ "$4" -ge "$START" ] || return 0
    if [ "$1" = env ]; then
        [ -n "${!2-}" ] || missing="$missing
  $2 is not set: $3. Set it: export $2=…"
    elif ! [ -s "$2" ]; then
        missing="$missing
  $2 is not there, or empty: $3"
    fi
}
needed() { [ -z "$missing" ] || stop "this is missing:$missing"; }
"""
ASK = """\
ask() { # the variable, what it is
    [ -z "${!1-}" ] || return 0
    printf '%s: ' "$2"
    read -r "$1" || stop "nobody has said what to use for $1"
    case ${!1} in '' | *[!A-Za-z0-9._:/-]*) stop "$1 cannot be '${!1}'" ;; esac
}
"""
MAKE = """\
made() { # a file for a password: made here where it is not there
    [ ! -s "$1" ] || return 0
    (umask 077 && mkdir -p "$(dirname "$1")" && head -c 12 /dev/urandom | base64 | tr '+/' '-_' >"$1")
    say "made up a password: $1"
}
"""
_THERE = f"""set -eu
if (set -o pipefail) 2>/dev/null; then set -o pipefail
else echo "The shell there does not notice when the first part of a pipe fails: read what it prints." >&2; fi
{STAND_IN}"""
THERE = f"# What a step on another machine begins with.\nthere={shlex.quote(_THERE)}\n"
HERE = f"# Root may have no sudo.\n{STAND_IN}"
