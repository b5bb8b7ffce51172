# shellcheck shell=bash
# What the benchmarks of search and of migrations share: DATABASE, a database of their own in the Postgres of SAFELIGHT_CONFIG's
# stack (without that, of a stack of their own at BENCH_PORT), and its end: it is dropped, unless KEEP or FILL_ONLY is set.
ITEMS="${ITEMS:-1000000}"
BUILD="${BUILD:-build}"
# shellcheck disable=SC2034 # of those who source this
OWNER=00000000-0000-7000-8000-000000000001
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"

work=$(mktemp -d)
STACK_DIR=
clean_up() {
	if [ -n "$STACK_DIR" ]; then
		FORCE=1 RUN_DIR=$STACK_DIR deploy/local/stack.sh reset >/dev/null 2>&1 || true
	elif [ -z "${KEEP:-}${FILL_ONLY:-}" ]; then
		run_sql -d postgres -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)"
	fi
	rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ -z "${SAFELIGHT_CONFIG:-}" ]; then
	STACK_DIR=$work/stack
	RUN_DIR=$STACK_DIR PORT_BASE=${BENCH_PORT:-25650} BUILD_DIR=$(realpath "$BUILD") deploy/local/stack.sh infra
	export SAFELIGHT_CONFIG=$STACK_DIR/safelight.conf
fi

read_setting() {
	sed -n "/^\[$1\]/,/^\[/s/^$2 *= *//p" "$SAFELIGHT_CONFIG" | head -n 1
}
PGPASSWORD=$(cat "$(read_setting admin database_password_file)")
PGHOST=$(read_setting database host) PGPORT=$(read_setting database port) PGUSER=safelight_admin
export PGPASSWORD PGHOST PGPORT PGUSER
run_sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }
# An empty database, with the schema of the migrations in SAFELIGHT_MIGRATIONS, or of all.
make_database() {
	run_sql -d postgres -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)" -c "CREATE DATABASE $DATABASE"
	SAFELIGHT_DATABASE_NAME=$DATABASE "$BUILD/bin/safelightctl" migrate
}
