# shellcheck shell=bash
# Our own programs: the one-shot steps of safelightctl and the three daemons.

# shellcheck disable=SC2034 # stack.sh reads it
SERVICES=(ingest transcoder api)

# Every program must be built before anything of it is started.
check_binaries() {
    local name missing=()
    for name in safelightctl safelight-ingest safelight-transcoder safelight-decoder safelight-api; do
        [ -x "$BUILD_DIR/bin/$name" ] || missing+=("$name")
    done
    [ "${#missing[@]}" -eq 0 ] || die "missing in $BUILD_DIR/bin: ${missing[*]}. Build first: make build"
}

# What a running service was started from. When the binary or the configuration has
# changed since, `up` restarts it.
print_service_fingerprint() {
    stat -c '%i %Y %s' "$BUILD_DIR/bin/safelight-$1" "$BUILD_DIR/bin/safelight-decoder"
    cat "$RUN_DIR/safelight.conf" "$RUN_DIR"/secrets/* | sha256sum
}

is_service_current() {
    is_running "$1" && [ "$(print_service_fingerprint "$1")" = "$(cat "$RUN_DIR/pids/$1.from" 2>/dev/null)" ]
}

print_service_url() {
    case $1 in
    ingest) printf 'http://127.0.0.1:%s' "$PORT_INGEST" ;;
    transcoder) printf 'http://127.0.0.1:%s' "$PORT_TRANSCODER" ;;
    api) printf 'http://127.0.0.1:%s' "$PORT_API" ;;
    esac
}

is_service_healthy() { http_ok "$(print_service_url "$1")/healthz"; }
is_service_ready() { http_ok "$(print_service_url "$1")/readyz"; }

# Starts a service, or restarts an outdated one; does not wait for it.
launch_service() {
    local name=$1
    ! is_service_current "$name" || return 0
    stop_service "$name"
    print_service_fingerprint "$name" >"$RUN_DIR/pids/$name.from"
    start_daemon "$name" "$BUILD_DIR/bin/safelight-$name" --config "$RUN_DIR/safelight.conf"
}

await_service() { wait_for_daemon "$1" "$STACK_DEADLINE" is_service_ready "$1"; }

start_service() {
    launch_service "$1"
    await_service "$1"
}

# A service drains on SIGTERM: it finishes or gives back what it has in hand.
stop_service() { stop_daemon "$1" 30; }

# One-shot steps of the operator's tool, with a deadline and their output in a log.
run_safelightctl() {
    local status=0
    timeout --kill-after=5 120 "$BUILD_DIR/bin/safelightctl" --config "$RUN_DIR/safelight.conf" "$@" \
        >>"$(log_file safelightctl)" 2>&1 9>&- || status=$?
    [ "$status" -ne 0 ] || return 0
    warn "safelightctl $* failed (exit status $status)"
    print_log_tail safelightctl
    return 1
}

# Tables and buckets. Skipped when nothing has changed since they were last made.
prepare_services() {
    local digest done_digest=
    digest=$(cat "$BUILD_DIR/bin/safelightctl" "$REPO_DIR"/lib/db/migrations/*.sql "$RUN_DIR/safelight.conf" "$RUN_DIR"/secrets/* 2>/dev/null | sha256sum)
    { read -r done_digest <"$RUN_DIR/data/services_prepared"; } 2>/dev/null || true
    [ "$digest" != "$done_digest" ] || return 0
    run_safelightctl migrate
    run_safelightctl store init
    printf '%s\n' "$digest" >"$RUN_DIR/data/services_prepared"
}
