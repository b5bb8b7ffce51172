#!/usr/bin/env bash
# The growth path on real servers, against the running test stack: PgBouncer in transaction mode, a read replica. Prints TAP.
# SAFELIGHT_CONFIG, SAFELIGHT_STACK, BUILD_DIR, RUN_DIR and PORT_BASE name the stack, which is left as it was.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/tap.sh
: "${SAFELIGHT_CONFIG:?}" "${SAFELIGHT_STACK:?}" "${BUILD_DIR:?}" "${RUN_DIR:?}" "${PORT_BASE:?}"
POSTGRES_PORT=$((PORT_BASE + 7)) POOLER_PORT=$((PORT_BASE + 44)) REPLICA_PORT=$((PORT_BASE + 45))
WORK=$(mktemp -d /var/tmp/safelight-growth.XXXXXX)
chmod 0755 "$WORK"
POSTGRES_PROGRAMS=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
AS_POSTGRES=()
[ "$EUID" -ne 0 ] || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups --)
for port in "$POSTGRES_PORT" "$POOLER_PORT" "$REPLICA_PORT"; do
	for role in admin ingest transcoder api; do
		printf '127.0.0.1:%s:*:safelight_%s:%s\n' "$port" "$role" "$(cat "$RUN_DIR/secrets/db_$role")"
	done
done >"$WORK/pgpass"
chmod 0600 "$WORK/pgpass"
export PGPASSFILE=$WORK/pgpass

as_postgres() { (cd "$WORK" && "${AS_POSTGRES[@]}" env PATH="$POSTGRES_PROGRAMS:$PATH:/usr/sbin" "$@"); }

finish() {
	kill "$(cat "$WORK/pooler/pid" 2>/dev/null)" 2>/dev/null
	[ ! -d "$WORK/replica" ] || as_postgres pg_ctl --pgdata="$WORK/replica" --mode=immediate stop >/dev/null 2>&1
	rm -rf "$WORK"
}
trap finish EXIT

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

# ---- a read replica

# Streams from the stack's own Postgres.
start_replica() {
	local home socket
	home=$(cat "$RUN_DIR/postgres_home" 2>/dev/null || printf '%s' "$RUN_DIR/data/postgres")
	socket=$(cat "$RUN_DIR/postgres_socket" 2>/dev/null || printf '%s/socket' "$home")
	install -d "$WORK/replica.socket"
	[ "$EUID" -ne 0 ] || chown postgres:postgres "$WORK" "$WORK/replica.socket"
	as_postgres pg_basebackup --host="$socket" --port="$POSTGRES_PORT" --username=safelight_admin --pgdata="$WORK/replica" --wal-method=stream --checkpoint=fast --write-recovery-conf || return 1
	as_postgres pg_ctl --pgdata="$WORK/replica" --log="$WORK/replica.log" --timeout=60 --wait start \
		--options="-c config_file=$home/postgresql.conf -c data_directory=$WORK/replica -c port=$REPLICA_PORT -c unix_socket_directories=$WORK/replica.socket -c archive_mode=off" && return
	cat "$WORK/replica.log"
	return 1
}

with_replica() { SAFELIGHT_DATABASE_REPLICA_HOST=127.0.0.1 SAFELIGHT_DATABASE_REPLICA_PORT=$REPLICA_PORT "$@"; }

# call METHOD PATH [BODY]: status in STATUS, body in BODY, the position of the answer in POSITION (kept when it has none).
call() {
	local position
	STATUS=$(curl --silent --show-error --max-time 10 --noproxy '*' --output "$WORK/body" --dump-header "$WORK/head" --write-out '%{http_code}' -X "$1" \
		-H "Authorization: Bearer ${TOKEN-}" -H 'Content-Type: application/json' ${READ_AT:+-H "Safelight-Position: $READ_AT"} ${3:+-d "$3"} "http://127.0.0.1:$((PORT_BASE + 2))$2")
	BODY=$(cat "$WORK/body")
	position=$(tr -d '\r' <"$WORK/head" | sed -n 's/^Safelight-Position: //Ip')
	POSITION=${position:-${POSITION-}}
}

# count_reads WHERE: reads that went there so far.
count_reads() { curl --silent --noproxy '*' "http://127.0.0.1:$((PORT_BASE + 2))/metrics" | sed -n "s/^safelight_replica_reads_total{to=\"$1\"} //p"; }

sign_up() {
	call POST /v1/auth/signup "{\"email\":\"replica-$RANDOM$RANDOM@example.org\",\"password\":\"correct horse battery staple\"}"
	TOKEN=$(jq -er .access_token <<<"$BODY") && [[ $POSITION =~ ^[0-9A-F]+/[0-9A-F]+$ ]]
}

ask_replica() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --host="$WORK/replica.socket" --port="$REPLICA_PORT" --username=safelight_admin --dbname=safelight --command="$1"; }

# Fifty times: what was written is read at once, wherever it is read.
reads_its_writes() {
	local turn id
	for turn in {1..50}; do
		READ_AT='' call POST /v1/items "{\"title\":\"turn $turn\"}"
		[ "$STATUS" = 201 ] || { echo "write $turn: $STATUS $BODY"; return 1; }
		id=$(jq -r .id <<<"$BODY")
		READ_AT=$POSITION call GET "/v1/items/$id"
		[ "$STATUS" = 200 ] || { echo "read $turn at $POSITION: $STATUS $BODY"; return 1; }
	done
	sleep 1
	local before
	before=$(count_reads replica)
	READ_AT=$POSITION call GET /v1/items
	[ "$(jq '.items | length' <<<"$BODY")" -eq 50 ] && [ "$(count_reads replica)" -eq $((before + 1)) ]
}

# A replica that stands still is used for what it has, and for nothing else.
is_used_only_when_caught_up() {
	local old=$POSITION id
	ask_replica 'SELECT pg_wal_replay_pause()'
	call POST /v1/items '{"title":"behind"}'
	id=$(jq -r .id <<<"$BODY")
	READ_AT=$POSITION call GET "/v1/items/$id"
	[ "$STATUS" = 200 ] || { echo "at the new position: $STATUS"; return 1; }
	READ_AT='' call GET "/v1/items/$id"
	[ "$STATUS" = 200 ] || { echo "without a position: $STATUS"; return 1; }
	READ_AT=$old call GET "/v1/items/$id"
	[ "$STATUS" = 404 ] || { echo "at the old position the replica should not have it yet: $STATUS"; return 1; }
	ask_replica 'SELECT pg_wal_replay_resume()'
	for _ in {1..100}; do
		READ_AT=$old call GET "/v1/items/$id"
		[ "$STATUS" != 200 ] || return 0
		sleep 0.1
	done
	return 1
}

survives_its_loss() {
	as_postgres pg_ctl --pgdata="$WORK/replica" --mode=immediate --wait stop || return 1
	sleep 1.5
	for _ in {1..20}; do
		READ_AT=$POSITION call GET /v1/items
		[ "$STATUS" = 200 ] || { echo "$STATUS $BODY"; return 1; }
	done
}

check_here 'PgBouncer starts from the documented configuration' start_pooler
check_here 'the services run through it' through_pooler restart_services
check_here 'a photo goes all the way' through_pooler "$BUILD_DIR/bin/safelightctl" upload samples/photos/tide.jpg
check_here 'uploads, items and delta sync as without it' through_pooler run_tests test_ingest_complete test_api_items test_api_changes
check_here 'it was used by all, in transaction mode' pooler_was_used
check_here 'a replica streams from the primary' start_replica
check_here 'metadata-api takes it' with_replica "$SAFELIGHT_STACK" restart api
check_here 'an answer to a write tells its position' sign_up
check_here 'what was written is read at once, fifty times; then from the replica' reads_its_writes
check_here 'a replica is used only as far as it has caught up' is_used_only_when_caught_up
check_here 'the loss of the replica costs no read' survives_its_loss
check_here 'and without them again' restart_services
end_checks
