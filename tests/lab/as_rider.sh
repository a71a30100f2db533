#!/bin/sh
# Runs `python -m homelab.lab` commands as an ordinary user who exists only here: in a mount namespace of
# its own with copies of passwd, group, subuid, subgid and a twin of /dev/net/tun that everybody may use.
# as_rider.sh CHECKOUT CACHE PYTHON SITE_PACKAGES SCRIPT   (as root, inside `unshare --mount`)
# COVER: a folder to mount something on. LACKING: newuidmap, subuid, tun or userns.
set -eu
lacking=${LACKING:-}
checkout=$1 cache=$2 python=$3 site=$4 script=$5
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -p /home/own /home/rider/checkout /home/rider/site /home/rider/.cache/homelab-runbook
for name in passwd group subuid subgid; do
    cp /etc/$name /home/own/$name 2>/dev/null || : >/home/own/$name
    case $name in
    passwd) echo "rider:x:4242:4242::/home/rider:/bin/bash" ;;
    group) echo "rider:x:4242:" ;;
    *) [ "$lacking" = subuid ] || echo "rider:300000:65536" ;;
    esac >>/home/own/$name
    [ -e /etc/$name ] || continue
    mount --bind /home/own/$name /etc/$name
done
case $lacking in
userns) echo 0 >/proc/sys/user/max_user_namespaces ;; # of the user namespace that we are in, see rider.py
tun) mknod -m 600 /home/own/tun c 10 200 && mount --bind /home/own/tun /dev/net/tun ;;
*) mknod -m 666 /home/own/tun c 10 200 && mount --bind /home/own/tun /dev/net/tun ;;
esac
[ "$lacking" != newuidmap ] || mount --bind /home/own/passwd /usr/bin/newuidmap # a file that is no program
mount --bind "$checkout" /home/rider/checkout
mount --bind "$site" /home/rider/site
own=/home/rider/.cache/homelab-runbook
mkdir $own/pkg
cp -r "$cache/pkg/$PKG" $own/pkg
cp -r "$cache/ca" "$cache/tailscale" $own # the rider's own, as if the rider had built them
chown -R 4242:4242 /home/rider/.cache
chown 4242:4242 /home/rider
for name in cloud repo; do
    mkdir $own/$name
    mount --bind "$cache/$name" $own/$name
done
if [ -n "${COVER:-}" ]; then mount -t tmpfs tmpfs "$COVER"; fi # as WSL has mounts below /usr/lib
cd /home/rider/checkout
exec setpriv --reuid=4242 --regid=4242 --clear-groups env -i HOME=/home/rider USER=rider LANG=C.UTF-8 \
    PATH=/usr/local/bin:/usr/bin:/bin PYTHONPATH=/home/rider/site PYTHONDONTWRITEBYTECODE=1 PY="$python" sh -c "$script"
