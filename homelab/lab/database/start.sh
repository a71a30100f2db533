#!/bin/sh
# PostgreSQL, the distribution's own, as the database of a machine of the lab: made at its first start.
# Whoever reaches it may read it without a password: what guards it here is the network that it is in.
set -eu
data=/var/lib/postgresql/data
home=$(find /usr/lib/postgresql -maxdepth 1 -name '[0-9]*' | sort -V | tail -n 1)
PATH=$home/bin:$PATH
cd /
if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --init-groups sh "$0"
fi
if [ ! -s $data/PG_VERSION ]; then
    initdb -D $data --no-sync --no-instructions --locale=C.UTF-8 --encoding=UTF8 --auth=trust >/dev/null
    printf 'local all postgres peer\nhost films reader 0.0.0.0/0 trust\nhost films reader ::/0 trust\n' >$data/pg_hba.conf
    echo 'CREATE DATABASE films;' | postgres --single -D $data postgres >/dev/null
    postgres --single -j -D $data films <"${0%.sh}.sql" >/dev/null
fi
# It lives as long as its lab: nothing of it has to survive a power cut.
exec postgres -D $data -c listen_addresses='*' -c fsync=off -c log_connections=on
