# shellcheck shell=bash
# Postgres: the truth of the pipeline. One cluster with checksums, on loopback and on a
# unix socket, durable as in production (fsync and synchronous_commit stay on).
#
# Postgres refuses to run as root, so under root it runs as the user `postgres` of the
# Debian package. That user must be able to reach its data: when RUN_DIR lies below a
# folder that is closed to others, the cluster goes to /var/tmp instead and RUN_DIR
# remembers where (postgres_home); `reset` removes it with the rest.

# How to become the user that owns the cluster; empty when we are it.
AS_POSTGRES=()
[ "$EUID" -ne 0 ] || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups --)

as_postgres() { "${AS_POSTGRES[@]}" "$@"; }

find_postgres_programs() {
    local folder
    folder=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "$folder/postgres" ] || die "Postgres is not installed; run deploy/packages/install.sh run"
    PATH=$folder:$PATH
}

# A name for folders outside RUN_DIR that only this stack of this user has.
print_stack_name() {
    local hash
    hash=$(printf '%s' "$RUN_DIR" | sha256sum)
    printf 'safelight-%s-%s' "$EUID" "${hash:0:12}"
}

# make_postgres_folder PATH: owned by the user that Postgres runs as. A folder that is
# already there and belongs to anybody else (both places are world-writable) is refused.
make_postgres_folder() {
    local folder=$1 owner=$EUID
    [ "$EUID" -ne 0 ] || owner=$(id -u postgres) || die "there is no user postgres; run deploy/packages/install.sh run"
    if mkdir -m 0711 "$folder" 2>/dev/null; then
        chmod 0711 "$folder"
        [ "$EUID" -ne 0 ] || chown postgres:postgres "$folder"
    fi
    if [ -L "$folder" ] || [ "$(stat -c %u "$folder")" != "$owner" ]; then
        die "$folder exists but belongs to somebody else; remove it"
    fi
}

# Sets PG_HOME (cluster, configuration) and PG_SOCKET (folder of the unix socket).
choose_postgres_home() {
    PG_HOME=$RUN_DIR/data/postgres
    if [ -s "$RUN_DIR/postgres_home" ]; then
        read -r PG_HOME <"$RUN_DIR/postgres_home"
    elif ! as_postgres test -x "$RUN_DIR/data"; then
        PG_HOME=/var/tmp/$(print_stack_name)
        printf '%s\n' "$PG_HOME" >"$RUN_DIR/postgres_home"
    fi
    make_postgres_folder "$PG_HOME"
    PG_SOCKET=$PG_HOME/socket
    # The kernel takes socket paths of at most 107 bytes.
    if [ "$(printf '%s/.s.PGSQL.65535' "$PG_SOCKET" | wc -c)" -gt 107 ]; then
        PG_SOCKET=/tmp/$(print_stack_name)
        printf '%s\n' "$PG_SOCKET" | write_if_changed "$RUN_DIR/postgres_socket" || true
    fi
    make_postgres_folder "$PG_SOCKET"
}

# Makes the cluster in one step: a half-made one of an interrupted start is thrown away.
make_cluster() {
    [ ! -d "$PG_HOME/cluster" ] || return 0
    as_postgres rm -rf "$PG_HOME/cluster.new"
    if ! as_postgres initdb --pgdata="$PG_HOME/cluster.new" --username=safelight_admin --data-checksums \
        --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 \
        >>"$(log_file postgres)" 2>&1; then
        warn "initdb failed"
        print_log_tail postgres
        return 1
    fi
    as_postgres mv "$PG_HOME/cluster.new" "$PG_HOME/cluster"
}

# Written beside the cluster at each start, since ports and places may have changed.
# Archiving is on, to nowhere, so that a backup tool can be given the WAL without a restart.
# The owner of the cluster is let in as the superuser through the socket (peer): so this
# script needs no password, and lost secret files can be made anew.
write_postgres_config() {
    write_if_changed "$PG_HOME/postgresql.conf" <<CONFIG || true
data_directory = '$PG_HOME/cluster'
hba_file = '$PG_HOME/pg_hba.conf'
ident_file = '$PG_HOME/pg_ident.conf'
listen_addresses = '127.0.0.1'
port = $PORT_POSTGRES
unix_socket_directories = '$PG_SOCKET'
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = 128MB
max_wal_size = 512MB
archive_mode = on
archive_command = '/bin/true'
wal_compression = on
fsync = on
synchronous_commit = on
full_page_writes = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
log_lock_waits = on
log_min_duration_statement = 500ms
idle_in_transaction_session_timeout = 60s
CONFIG
    write_if_changed "$PG_HOME/pg_hba.conf" <<CONFIG || true
local all,replication safelight_admin   peer map=owner
local all all                           scram-sha-256
host  all all             127.0.0.1/32  scram-sha-256
CONFIG
    write_if_changed "$PG_HOME/pg_ident.conf" <<CONFIG || true
owner $(as_postgres id -un) safelight_admin
CONFIG
}

# Runs SQL of standard input as the superuser, through the socket.
run_admin_sql() {
    PGCONNECT_TIMEOUT=5 as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 \
        --host="$PG_SOCKET" --port="$PORT_POSTGRES" --username=safelight_admin --dbname=postgres
}

# Creates the database and the login roles. What a role may do is granted by the
# migrations. Repeated only when a secret has changed.
prepare_database() {
    local role digest done_digest=
    digest=$(cat "$RUN_DIR"/secrets/db_* | sha256sum)
    { read -r done_digest <"$RUN_DIR/data/postgres_prepared"; } 2>/dev/null || true
    [ "$digest" != "$done_digest" ] || return 0
    {
        # Passwords must not reach the server's log, not even with an error.
        echo "SET log_min_error_statement = panic; SET log_min_duration_statement = -1; SET log_statement = none;"
        echo "ALTER ROLE safelight_admin PASSWORD '$(read_secret db_admin)';"
        for role in ingest transcoder api; do
            echo "SELECT 'CREATE ROLE safelight_$role' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'safelight_$role') \\gexec"
            echo "ALTER ROLE safelight_$role LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '$(read_secret "db_$role")';"
        done
        echo "SELECT 'CREATE DATABASE safelight' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'safelight') \\gexec"
        echo "REVOKE ALL ON DATABASE safelight FROM PUBLIC;"
        echo "GRANT CONNECT ON DATABASE safelight TO safelight_ingest, safelight_transcoder, safelight_api;"
    } | run_admin_sql >>"$(log_file postgres)" 2>&1 || {
        warn "the database could not be prepared"
        print_log_tail postgres
        return 1
    }
    printf '%s\n' "$digest" >"$RUN_DIR/data/postgres_prepared"
}

is_postgres_healthy() { pg_isready --quiet --timeout=2 --host=127.0.0.1 --port="$PORT_POSTGRES"; }

# The backends of a killed postmaster, which take a moment to notice: all processes that
# stand in its cluster. A new postmaster refuses to start beside them.
has_no_stray_backend() {
    local cwd
    for cwd in /proc/[0-9]*/cwd; do
        [ "$(readlink "$cwd" 2>/dev/null)" != "$PG_HOME/cluster" ] || return 1
    done
}

kill_stray_backends() {
    local cwd pid
    for cwd in /proc/[0-9]*/cwd; do
        [ "$(readlink "$cwd" 2>/dev/null)" = "$PG_HOME/cluster" ] || continue
        pid=${cwd#/proc/}
        kill -KILL "${pid%/cwd}" 2>/dev/null || true
    done
}

# A postmaster refuses to start while the pid in the lock file of its cluster exists,
# be it only as a zombie that its parent has not collected yet.
is_lock_file_free() {
    local pid
    { read -r pid <"$PG_HOME/cluster/postmaster.pid"; } 2>/dev/null || return 0
    [ ! -d "/proc/$pid" ]
}

# Clears what a killed postmaster leaves.
clear_killed_postmaster() {
    wait_until 5 has_no_stray_backend || kill_stray_backends
    wait_until 5 is_lock_file_free || rm -f "$PG_HOME/cluster/postmaster.pid"
}

start_postgres() {
    find_postgres_programs
    choose_postgres_home
    if ! is_running postgres; then
        make_cluster
        write_postgres_config
        clear_killed_postmaster
        start_daemon postgres "${AS_POSTGRES[@]}" postgres -c "config_file=$PG_HOME/postgresql.conf"
    fi
    wait_for_daemon postgres "$STACK_DEADLINE" is_postgres_healthy
    prepare_database
}

# SIGINT is Postgres' fast shutdown: it ends open sessions, and loses nothing.
stop_postgres() { stop_daemon postgres 30 INT; }

# What lies outside RUN_DIR.
remove_postgres_folders() {
    local file folder
    for file in "$RUN_DIR/postgres_home" "$RUN_DIR/postgres_socket"; do
        { read -r folder <"$file"; } 2>/dev/null || continue
        case $folder in /var/tmp/safelight-"$EUID"-* | /tmp/safelight-"$EUID"-*) rm -rf "$folder" ;; esac
    done
}
