#!/bin/sh
# The part of the official image's entry point that compose files rely on: a first start makes the
# database of POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and runs /docker-entrypoint-initdb.d.
set -eu

from_file() { # NAME: take NAME's value from the file that NAME_FILE names
    eval "file=\${$1_FILE:-}"
    [ -z "$file" ] || export "$1=$(cat "$file")"
}

as_postgres() { # from here on as postgres, unless we are nobody special already
    if [ "$(id -u)" != 0 ]; then
        exec "$@"
    fi
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    exec su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$@"
}

initialize() {
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER
    from_file POSTGRES_DB
    user=${POSTGRES_USER:-postgres}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        echo '       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
        exit 1
    fi
    umask 077
    secret=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-unused}" >"$secret"
    # It is one file system's first minute: what a crash loses now is made again.
    # shellcheck disable=SC2086 # arguments, as the official image has it
    initdb --username="$user" --pwfile="$secret" --no-sync --auth-local=trust --auth-host="$method" \
        ${POSTGRES_INITDB_ARGS:-}
    rm "$secret"
    printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    sed -i "s/^#*listen_addresses = .*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"

    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c fsync=off" -w start
    database=${POSTGRES_DB:-$user}
    if [ "$database" != postgres ]; then
        psql -v ON_ERROR_STOP=1 -q -U "$user" -d postgres -v name="$database" <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) . "$file" ;;
        *.sql) psql -v ON_ERROR_STOP=1 -q -U "$user" -d "$database" -f "$file" ;;
        *.sql.gz) gunzip -c "$file" | psql -v ON_ERROR_STOP=1 -q -U "$user" -d "$database" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    sync
    echo 'PostgreSQL init process complete; ready for start up.'
}

case "${1:-postgres}" in
-*) set -- postgres "$@" ;;
esac
if [ "$1" = postgres ]; then
    [ "$(id -u)" != 0 ] || as_postgres "$0" "$@"
    [ -s "$PGDATA/PG_VERSION" ] || initialize
fi
exec "$@"
