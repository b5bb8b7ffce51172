#!/usr/bin/env bash
# The growth path on real servers, against the running test stack: PgBouncer in transaction mode. Prints TAP.
# SAFELIGHT_CONFIG, SAFELIGHT_STACK, BUILD_DIR, RUN_DIR and PORT_BASE name the stack, which is left as it was.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
: "${SAFELIGHT_CONFIG:?}" "${SAFELIGHT_STACK:?}" "${BUILD_DIR:?}" "${RUN_DIR:?}" "${PORT_BASE:?}"
POSTGRES_PORT=$((PORT_BASE + 7)) POOLER_PORT=$((PORT_BASE + 44))
WORK=$(mktemp -d /var/tmp/safelight-growth.XXXXXX)
chmod 0755 "$WORK"
POSTGRES_PROGRAMS=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
AS_POSTGRES=()
[ "$EUID" -ne 0 ] || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups --)
for port in "$POSTGRES_PORT" "$POOLER_PORT"; do
	for role in admin ingest transcoder api; do
		printf '127.0.0.1:%s:*:safelight_%s:%s\n' "$port" "$role" "$(cat "$RUN_DIR/secrets/db_$role")"
	done
done >"$WORK/pgpass"
chmod 0600 "$WORK/pgpass"
export PGPASSFILE=$WORK/pgpass
number=0

as_postgres() { (cd "$WORK" && "${AS_POSTGRES[@]}" env PATH="$POSTGRES_PROGRAMS:$PATH:/usr/sbin" "$@"); }

finish() {
	kill "$(cat "$WORK/pooler/pid" 2>/dev/null)" 2>/dev/null
	rm -rf "$WORK"
}
trap finish EXIT

# check NAME COMMAND…: one test; what the command printed is shown when it fails.
check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$WORK/output" 2>&1; then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		printf 'not ok %d - %s\n' "$number" "$name"
		sed 's/^/# /' "$WORK/output" | tail -n 40
	fi
}

restart_services() {
	local service
	for service in ingest transcoder api; do "$SAFELIGHT_STACK" restart "$service" || return 1; done
}

ask() { psql --no-psqlrc --quiet --tuples-only --no-align --host=127.0.0.1 --port="$1" --username=safelight_admin --dbname="$2" --command="$3"; }

# ---- PgBouncer

start_pooler() {
	local role
	install -d "$WORK/pooler"
	for role in admin ingest transcoder api; do
		printf '"safelight_%s" "%s"\n' "$role" "$(cat "$RUN_DIR/secrets/db_$role")"
	done >"$WORK/pooler/users"
	chmod 0600 "$WORK/pooler/users"
	sed -e "s|@{POSTGRES_HOST}|127.0.0.1|; s|@{POSTGRES_PORT}|$POSTGRES_PORT|; s|@{PORT}|$POOLER_PORT|; s|@{USERS}|$WORK/pooler/users|; s|@{LOG}|$WORK/pooler/log|; s|@{PID}|$WORK/pooler/pid|" \
		deploy/growth/pgbouncer.ini.example >"$WORK/pooler/pgbouncer.ini"
	[ "$EUID" -ne 0 ] || chown -R postgres:postgres "$WORK/pooler"
	as_postgres pgbouncer --quiet --daemon "$WORK/pooler/pgbouncer.ini"
	for _ in {1..50}; do
		[ "$(ask "$POOLER_PORT" safelight 'SELECT 1' 2>/dev/null)" = 1 ] && return
		sleep 0.1
	done
	cat "$WORK/pooler/log"
	return 1
}

through_pooler() {
	SAFELIGHT_DATABASE_HOST=127.0.0.1 SAFELIGHT_DATABASE_PORT=$POOLER_PORT SAFELIGHT_DATABASE_POOLED=true \
		SAFELIGHT_DATABASE_LISTEN_HOST=127.0.0.1 SAFELIGHT_DATABASE_LISTEN_PORT=$POSTGRES_PORT "$@"
}

# run_tests PROGRAM…: integration tests as they are, with the services as they run now.
run_tests() {
	local program
	for program in "$@"; do
		timeout 300 "$BUILD_DIR/tests/integration/$program" || return 1
	done
}

# Transactions of all our roles went through it, and it is what it is called.
pooler_was_used() {
	local pools
	pools=$(ask "$POOLER_PORT" pgbouncer 'SHOW POOLS') || return 1
	printf '%s\n' "$pools"
	grep -q '^safelight|safelight_api|.*|transaction$' <<<"$pools" && grep -q '^safelight|safelight_ingest|.*|transaction$' <<<"$pools" &&
		grep -q '^safelight|safelight_transcoder|.*|transaction$' <<<"$pools" &&
		[ "$(ask "$POSTGRES_PORT" safelight "SELECT count(*) FROM pg_prepared_statements")" = 0 ]
}

check 'PgBouncer starts from the documented configuration' start_pooler
check 'the services run through it' through_pooler restart_services
check 'a photo goes all the way' through_pooler "$BUILD_DIR/bin/safelightctl" upload samples/photos/tide.jpg
check 'uploads, items and delta sync as without it' through_pooler run_tests test_ingest_complete test_api_items test_api_changes
check 'it was used by all, in transaction mode' pooler_was_used
check 'and without it again' restart_services
printf '1..%d\n' "$number"
