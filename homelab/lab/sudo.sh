#!/bin/sh
# sudo in a machine of the lab: its person is root already, so this only runs the command as asked.
# The real one needs a setuid file that belongs to root, which an unpacked package cannot be.
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
if [ "$(id -u)" != 0 ]; then
    echo "sudo: only root can use it in a machine of the lab" >&2
    exit 1
fi
SUDO_USER=root SUDO_UID=0 SUDO_GID=0
export SUDO_USER SUDO_UID SUDO_GID
[ "$user" = root ] && exec "$@"
exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --reset-env -- "$@"
