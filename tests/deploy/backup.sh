#!/usr/bin/env bash
# Backup and point-in-time recovery on a stack of its own: pgBackRest into the object store, a disaster, the way back to the second before it, and
# the promises held against the buckets. Prints TAP. BUILD: the folder that is built; RUN_DIR and PORT_BASE: of the test stack, neighbours are used.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/tap.sh
BUILD_DIR=$(cd "${BUILD:-build}" && pwd)
RUN_DIR=${RUN_DIR:-$PWD/.run-check}-backup
PORT_BASE=$((${PORT_BASE:-18080} + 50))
POSTGRES_PROGRAMS=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
export BUILD_DIR RUN_DIR PORT_BASE SAFELIGHT_CONFIG=$RUN_DIR/safelight.conf
TLS_PORT=$((PORT_BASE + 40)) DRILL_PORT=$((PORT_BASE + 41))
WORK=$(mktemp -d /var/tmp/safelight-backup.XXXXXX)
AS_POSTGRES=()
[ "$EUID" -ne 0 ] || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups --)
MOMENT=''
BEFORE=''

finish() {
	kill "$(cat "$WORK/nginx.pid" 2>/dev/null)" 2>/dev/null
	FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1
	rm -rf "$WORK"
}
trap finish EXIT

# The database's user may not be able to reach the tree: what it runs is lent to it in WORK.
as_postgres() { (cd "$WORK" && "${AS_POSTGRES[@]}" env PATH="$WORK/bin:$POSTGRES_PROGRAMS:$PATH" "$@"); }
ask() { as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host="$SOCKET" --port=$((PORT_BASE + 7)) --username=safelight_admin --dbname=safelight --command="$1"; }
backrest() { as_postgres pgbackrest --config="$WORK/pgbackrest.conf" --stanza=safelight "$@"; }

# What was true, in one line.
DIGEST="SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (SELECT 'media ' || id || state || coalesce(alt, '') || generation FROM media UNION ALL SELECT 'variant ' || object_key || encode(sha256, 'hex') FROM variants WHERE state = 'ready' UNION ALL SELECT 'user ' || id FROM users UNION ALL SELECT 'outbox ' || id FROM outbox) AS truth (line)"

stack_with_photos() {
	FORCE=1 deploy/local/stack.sh reset
	deploy/local/stack.sh up && deploy/local/demo.sh || return 1
	CLUSTER_HOME=$(cat "$RUN_DIR/postgres_home" 2>/dev/null || printf '%s' "$RUN_DIR/data/postgres")
	SOCKET=$(cat "$RUN_DIR/postgres_socket" 2>/dev/null || printf '%s/socket' "$CLUSTER_HOME")
}

# pgBackRest speaks TLS only; the stack's store does not.
tls_front() {
	chmod 0755 "$WORK"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$WORK/key.pem" -out "$WORK/ca.pem" || return 1
	cat >"$WORK/nginx.conf" <<-CONF
		pid $WORK/nginx.pid;
		error_log $WORK/nginx.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $WORK/body;
			proxy_temp_path $WORK/proxy;
			fastcgi_temp_path $WORK/f; uwsgi_temp_path $WORK/u; scgi_temp_path $WORK/s;
			server {
				listen 127.0.0.1:$TLS_PORT ssl;
				ssl_certificate $WORK/ca.pem;
				ssl_certificate_key $WORK/key.pem;
				client_max_body_size 0;
				location / {
					proxy_pass http://127.0.0.1:$((PORT_BASE + 4));
					proxy_set_header Host \$http_host;
				}
			}
		}
	CONF
	nginx -c "$WORK/nginx.conf"
}

make_bucket() {
	printf 'user = "backup:%s"\n' "$(cat "$RUN_DIR/secrets/s3_backup")" | curl --config - --silent --show-error --fail --max-time 10 --noproxy '*' --cacert "$WORK/ca.pem" \
		--aws-sigv4 aws:amz:default:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X PUT "https://localhost:$TLS_PORT/safelight-backup"
}

configure() {
	local state=$WORK/state
	install -d "$state" "$state/lock" "$state/log" "$state/spool"
	touch "$WORK/pgbackrest.conf"
	chmod 0600 "$WORK/pgbackrest.conf"
	sed -e "s|@{BUCKET}|safelight-backup|; s|@{HOST}|localhost|; s|@{PORT}|$TLS_PORT|; s|@{CA_FILE}|$WORK/ca.pem|; s|@{REGION}|default|; s|@{ACCESS_KEY}|backup|; s|@{STATE}|$state|" \
		-e "s|@{CLUSTER}|$CLUSTER_HOME/cluster|; s|@{POSTGRES_PORT}|$((PORT_BASE + 7))|; s|@{SOCKET}|$SOCKET|; s|@{SUPERUSER}|safelight_admin|; s|@{PASSPHRASE}|correct-horse|" \
		-f <(printf 's|@{SECRET_KEY}|%s|\n' "$(cat "$RUN_DIR/secrets/s3_backup")") deploy/backup/pgbackrest.conf.example >"$WORK/pgbackrest.conf"
	[ "$EUID" -ne 0 ] || chown -R postgres:postgres "$state" "$WORK/pgbackrest.conf"
	! grep -n '@{' "$WORK/pgbackrest.conf"
	ask "ALTER SYSTEM SET archive_command = 'pgbackrest --config=$WORK/pgbackrest.conf --stanza=safelight archive-push %p'" &&
		ask "ALTER SYSTEM SET archive_timeout = '60s'" && ask 'SELECT pg_reload_conf()'
}

full_backup() { backrest stanza-create && backrest check && backrest --type=full backup; }

# More is uploaded after the backup: only the archive has it. Then the moment, then the disaster.
disaster() {
	local photos
	photos=$(ask 'SELECT count(*) FROM media')
	"$BUILD_DIR/bin/safelightctl" upload --keep samples/photos/tide.jpg samples/photos/iris.png || return 1
	[ "$(ask 'SELECT count(*) FROM media')" -eq $((photos + 2)) ] || return 1
	BEFORE=$(ask "$DIGEST")
	MOMENT=$(ask 'SELECT clock_timestamp()')
	sleep 1.1
	ask "UPDATE media SET alt = 'ruined'; DELETE FROM variants;"
	[ "$(ask "$DIGEST")" != "$BEFORE" ]
}

# How long until a finished piece of WAL is safe in the store.
archive_in_time() {
	local segment begun deadline=$((SECONDS + 30))
	begun=${EPOCHREALTIME/./}
	segment=$(ask 'SELECT pg_walfile_name(pg_switch_wal())')
	until [[ ! "$(ask 'SELECT coalesce(last_archived_wal, $$$$) FROM pg_stat_archiver')" < $segment ]]; do
		[ "$SECONDS" -lt "$deadline" ] || { ask 'SELECT * FROM pg_stat_archiver'; return 1; }
		sleep 0.1
	done
	printf '# a finished WAL segment was archived in %d ms\n' $(((${EPOCHREALTIME/./} - begun) / 1000)) >"$WORK/figure"
}

drill() { as_postgres env SAFELIGHT_CONFIG="$WORK/safelight.conf" "$WORK/bin/drill.sh" --pgbackrest "$WORK/pgbackrest.conf" --postgres "$CLUSTER_HOME/postgresql.conf" --port "$DRILL_PORT" "$@"; }

# Configuration and operator's secrets that the database's user may read.
lend_configuration() {
	install -D -t "$WORK/bin" "$BUILD_DIR/bin/safelightctl" deploy/backup/drill.sh
	install -m 0600 "$SAFELIGHT_CONFIG" "$WORK/safelight.conf"
	install -d "$WORK/secrets"
	install -m 0600 "$RUN_DIR"/secrets/* "$WORK/secrets"
	sed -i "s|$RUN_DIR/secrets|$WORK/secrets|" "$WORK/safelight.conf"
	[ "$EUID" -ne 0 ] || chown -R postgres:postgres "$WORK/safelight.conf" "$WORK/secrets"
}

goes_back() {
	lend_configuration
	drill --to "$MOMENT" --sql "$DIGEST" >"$WORK/drill" 2>&1 || { cat "$WORK/drill"; return 1; }
	cat "$WORK/drill"
	grep -q "^answer  *$BEFORE\$" "$WORK/drill" && [ -z "$(ls -d /var/tmp/safelight-drill.* 2>/dev/null)" ]
}

# The end of the archive is the disaster itself: the check must not be content with a database that lost its variants.
finds_damage() {
	if drill >"$WORK/drill.bad" 2>&1; then return 1; fi
	cat "$WORK/drill.bad"
	grep -q 'broken promises' "$WORK/drill.bad" && grep -Eq 'ready_without_variants +[1-9]' "$WORK/drill.bad"
}

refuses_impossible() {
	! drill --to '2001-01-01 00:00:00+00'
}

check_here 'a stack with photos' stack_with_photos
check_here 'a TLS front for the store' tls_front
check_here 'a bucket of its own' make_bucket
check_here 'the documented configuration' configure
check_here 'a full backup' full_backup
check_here 'photos after the backup, then a disaster' disaster
check_here 'the archive keeps up' archive_in_time
cat "$WORK/figure" 2>/dev/null
check_here 'back to the second before, whole, beside the running database' goes_back
grep -E 'restored in|recovered in|RTO' "$WORK/drill" 2>/dev/null | sed 's/^/# /'
check_here 'a drill finds damage' finds_damage
check_here 'a point before the first backup is refused' refuses_impossible
end_checks
