"""Every command that the portrait asks a machine. They only read, need no root and no program that may be missing.

The question of Tailscale's client are those of `homelab.resources.tailscale_status`, and one more here;
those of WSL are in `homelab.wsl`. Formats: ``docker inspect``, ``tailscale status --json``, ``ss``, ``df -P``
(POSIX, with GNU's and busybox's type of file system), ``lsblk --json``, ``nvidia-smi --query-gpu``.
"""

from __future__ import annotations

from homelab.engine import HAS_ENGINE

PATIENCE = 20.0  # seconds for one answer; what takes longer is not known, which is a fact as well

SYSTEM = r"""
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/wsl/lib"
echo "name=$(uname -n)"
echo "kernel=$(uname -r)"
echo "architecture=$(uname -m)"
echo "user=$(id -un)"
echo "groups=$(id -nG)"
echo "home=$HOME"
echo "init=$(cat /proc/1/comm 2>/dev/null)"
echo "uptime=$(cut -d. -f1 /proc/uptime 2>/dev/null)"
echo "cores=$(nproc 2>/dev/null)"
echo "cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)"
sed -n -e 's/^MemTotal: *\([0-9]*\).*/memory=\1/p' -e 's/^MemAvailable: *\([0-9]*\).*/available=\1/p' /proc/meminfo 2>/dev/null
sed -n -e 's/^PRETTY_NAME=/distribution=/p' -e 's/^ID=/id=/p' -e 's/^VERSION_ID=/version=/p' /etc/os-release 2>/dev/null
[ -e /run/reboot-required ] && echo reboot=yes
for program in tailscale tailscaled docker nvidia-smi restic borg kopia sshd systemctl ss; do
    command -v "$program" >/dev/null && echo "program=$program"
done
true
"""

# Images are asked for by the containers that run from them: the digest that a registry knows, and the day they were made.
DOCKER = (
    r"""
command -v docker >/dev/null || exit 127
docker version --format '{{json .}}' || {
    engine=$("""
    + HAS_ENGINE
    + r""")
    [ -n "$engine" ] || echo 'no engine' >&2
    exit 1
}
docker context show 2>/dev/null || echo
ids=$(docker ps -aq --no-trunc) || exit
docker volume ls -q | wc -l
[ -n "$ids" ] || exit 0
docker inspect $ids
docker image inspect $(docker inspect --format '{{.Image}}' $ids | sort -u) 2>/dev/null || true
"""
)

GPU = r"""
PATH="$PATH:/usr/lib/wsl/lib"
command -v nvidia-smi >/dev/null || exit 127
nvidia-smi --query-gpu=name,memory.total,memory.used,driver_version --format=csv,noheader,nounits
"""

# What looks like a repository of restic or Borg where this user may look; its newest snapshot tells when it was used.
# Windows' drives under /mnt/c and so on are left out: each folder there takes its time.
BACKUPS = r"""
tops=""
for top in /mnt /media /srv /backup /backups /var/backups "$HOME"; do [ -d "$top" ] && tops="$tops $top"; done
newest() { stat -c %Y "$1/$(ls -t "$1" 2>/dev/null | head -n 1)" 2>/dev/null; }
find $tops -maxdepth 4 \( -path '/mnt/[a-z]' -o -name node_modules -o -name proc \) -prune -o \
    -type d -name snapshots -print -o -type f -name README -path '*/README' -print 2>/dev/null |
while read -r found; do
    at=${found%/*}
    case $found in
        */snapshots) [ -f "$at/config" ] && [ -d "$at/keys" ] && [ -d "$at/data" ] && echo "restic $(newest "$found") $at" ;;
        *) grep -q 'Borg Backup repository' "$found" 2>/dev/null && echo "borg $(newest "$at") $at" ;;
    esac
done
true
"""

# Names only: a schedule may have a password in it.
SCHEDULES = r"""
{ systemctl list-timers --all --no-legend --no-pager 2>/dev/null | grep -Eio '[a-z0-9@_.-]*(restic|borg|kopia|backup|snapshot|homelab)[a-z0-9@_.-]*\.timer'
  crontab -l 2>/dev/null | grep -v '^ *#' | grep -Eo '(restic|borgmatic|borg|kopia|rsnapshot|duplicity)' | sed 's/^/crontab: /'
  ls /etc/cron.d /etc/cron.daily /etc/cron.weekly 2>/dev/null | grep -Ei '(restic|borg|kopia|rsnapshot|duplicity)' | sed 's/^/cron: /'
} | sort -u
true
"""

QUESTIONS: dict[str, tuple[str, ...]] = {
    "system": ("sh", "-c", SYSTEM),
    "docker": ("sh", "-c", DOCKER),
    "gpu": ("sh", "-c", GPU),
    "mounts": ("df", "-P", "-T", "-k"),
    "disks": ("lsblk", "-J", "-b", "-d", "-o", "NAME,TYPE,SIZE,ROTA,MODEL"),
    "listeners": ("ss", "-Hltnp"),
    "backups": ("sh", "-c", BACKUPS),
    "schedules": ("sh", "-c", SCHEDULES),
}
SERVED = ("tailscale", "serve", "status", "--json")
