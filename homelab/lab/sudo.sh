#!/bin/sh
# sudo in a machine of the lab: its person is root already, so this only runs the command as asked.
# Others who are in the group sudo become root first, without a password, as in a cloud's image.
# The real one needs a setuid file that belongs to root, which an unpacked package cannot be.
if [ "$(id -u)" != 0 ]; then
    case " $(id -nG) " in
    *" sudo "*) exec /usr/local/lib/homelab/become --reuid=0 --regid=0 --init-groups -- env SUDO_USER="$(id -un)" SUDO_UID="$(id -u)" SUDO_GID="$(id -g)" HOME=/root USER=root LOGNAME=root "$0" "$@" ;;
    esac
    echo "sudo: $(id -un) is not in the group sudo" >&2
    exit 1
fi
user=root home=
while [ $# -gt 0 ]; do
    case $1 in
    -u) user=$2; shift 2 ;;
    -u*) user=${1#-u}; shift ;;
    --user=*) user=${1#--user=}; shift ;;
    -i | -s | --login | --shell) home=1; shift ;;
    -g | -p | -C | -h) shift 2 ;;
    -v | -k | -K | -l) exit 0 ;;
    --) shift; break ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { [ -n "$home" ] && set -- bash; }
[ $# -gt 0 ] || { echo "usage: sudo [-u USER] COMMAND…" >&2; exit 1; }
SUDO_USER=${SUDO_USER:-root} SUDO_UID=${SUDO_UID:-0} SUDO_GID=${SUDO_GID:-0}
export SUDO_USER SUDO_UID SUDO_GID
[ "$user" = root ] && exec "$@"
exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --reset-env -- "$@"
