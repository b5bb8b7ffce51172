#!/usr/bin/env bash
# Proves that the backup can be restored: brings the database back beside the running one, at a point in time, holds it against the buckets, and
# tells how long that took. Nothing that runs is touched.
#
#     drill.sh --pgbackrest FILE --postgres FILE --port PORT [--to TIME] [--sql TEXT] [--folder DIR] [--keep]
#
#   --pgbackrest FILE  pgBackRest's configuration with the stanza safelight
#   --postgres FILE    postgresql.conf of the cluster (the restored one runs with it, on another port and without archiving)
#   --port PORT        a free port for the restored database
#   --to TIME          the point to go back to, as Postgres writes it ("2026-11-24 10:00:00+00"); default: all that was archived
#   --sql TEXT         ask the restored database this, and print the answer
#   --folder DIR       where to restore; must not exist (default: a new one below /var/tmp)
#   --keep             leave it running afterwards: after a disaster this is the way back
#
# Runs as the cluster's user. SAFELIGHT_CONFIG and safelightctl on the PATH are needed for the check. Exit status: 0 the restored database is whole,
# 1 it is not or could not be brought back, 64 wrong usage.
set -euo pipefail

TO='' SQL='' KEEP='' FOLDER='' PGBACKREST='' POSTGRES='' PORT='' STARTED=''

die() {
    printf 'drill: %s\n' "$*" >&2
    exit "${STATUS:-1}"
}

while [ $# -gt 0 ]; do
    case $1 in
    --keep)
        KEEP=1
        shift
        continue
        ;;
    --pgbackrest | --postgres | --port | --to | --sql | --folder) [ $# -ge 2 ] || STATUS=64 die "$1 needs a value" ;;
    *) STATUS=64 die "unknown argument: $1" ;;
    esac
    case $1 in
    --pgbackrest) PGBACKREST=$2 ;;
    --postgres) POSTGRES=$2 ;;
    --port) PORT=$2 ;;
    --to) TO=$2 ;;
    --sql) SQL=$2 ;;
    --folder) FOLDER=$2 ;;
    esac
    shift 2
done
[ -r "$PGBACKREST" ] && [ -r "$POSTGRES" ] && [[ $PORT =~ ^[0-9]+$ ]] || STATUS=64 die "--pgbackrest, --postgres and --port are needed"
FOLDER=${FOLDER:-/var/tmp/safelight-drill.$$}
[ ! -e "$FOLDER" ] || die "$FOLDER is there already"

stop_it() {
    [ -z "$STARTED" ] || pg_ctl --pgdata="$FOLDER" --mode=immediate --wait stop >/dev/null 2>&1 || true
    rm -rf "$FOLDER" "$FOLDER.socket" "$FOLDER.log"
}
finish() {
    local status=$?
    if [ -n "$KEEP" ] && [ "$status" -eq 0 ]; then return; fi
    stop_it
}
trap finish EXIT

ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host="$FOLDER.socket" --port="$PORT" --username=safelight_admin --dbname="${DATABASE:-safelight}" --command="$1"; }

is_writable() { [ "$(DATABASE=postgres ask 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; }

milliseconds() { printf '%d' $((${EPOCHREALTIME/./} / 1000)); }

restore() {
    local target=()
    [ -z "$TO" ] || target=(--type=time "--target=$TO" --target-action=promote)
    mkdir -m 0700 "$FOLDER" "$FOLDER.socket"
    pgbackrest --config="$PGBACKREST" --stanza=safelight --pg1-path="$FOLDER" "${target[@]}" restore
}

start() {
    STARTED=1
    pg_ctl --pgdata="$FOLDER" --log="$FOLDER.log" --timeout=3600 --wait start \
        --options="-c config_file=$POSTGRES -c data_directory=$FOLDER -c port=$PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$FOLDER.socket -c archive_mode=off" >/dev/null ||
        { tail -n 20 "$FOLDER.log" >&2; die "the restored database does not start"; }
    # It answers reads before it has reached the point; it is back when it takes writes.
    local deadline=$((SECONDS + 3600))
    until is_writable; do
        [ "$SECONDS" -lt "$deadline" ] || die "recovery does not come to its end: $FOLDER.log"
        sleep 0.1
    done
}

begun=$(milliseconds)
restore || die "pgBackRest could not restore"
restored=$(milliseconds)
start
ended=$(milliseconds)
printf 'restored to          %s\n' "${TO:-the end of the archive}"
printf 'files restored in    %d ms\n' $((restored - begun))
printf 'recovered in         %d ms\n' $((ended - restored))
printf 'recovery time (RTO)  %d ms for %s\n' $((ended - begun)) "$(ask "SELECT pg_size_pretty(pg_database_size('safelight'))")"
printf 'last commit          %s\n' "$(ask 'SELECT max(created_at) FROM media')"
[ -z "$SQL" ] || printf 'answer               %s\n' "$(ask "$SQL")"
SAFELIGHT_DATABASE_HOST=127.0.0.1 SAFELIGHT_DATABASE_PORT=$PORT safelightctl reconcile --dry-run || die "the restored database and the buckets do not fit"
[ -z "$KEEP" ] || printf 'left running on port %s, in %s\n' "$PORT" "$FOLDER"
