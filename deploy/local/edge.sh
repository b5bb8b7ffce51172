# shellcheck shell=bash
# The edge: nginx as gateway and cache, configured by cdn-config/render.sh from the same
# safelight.conf that the services read.

render_edge() {
    local log
    log=$(log_file edge)
    mkdir -p "$RUN_DIR/edge"
    chmod 0711 "$RUN_DIR/edge"
    "$REPO_DIR/cdn-config/render.sh" --config "$RUN_DIR/safelight.conf" --out "$RUN_DIR/edge" >>"$log" 2>&1 9>&- &&
        nginx -p "$RUN_DIR/edge" -c nginx.conf -t >>"$log" 2>&1 9>&- && return
    warn "the configuration of the edge is not good"
    print_log_tail edge
    return 1
}

check_edge_files() {
    [ -x "$REPO_DIR/cdn-config/render.sh" ] || die "cdn-config/render.sh is missing"
    [ -f "$BUILD_DIR/lib/ngx_http_safelight_module.so" ] ||
        die "missing: $BUILD_DIR/lib/ngx_http_safelight_module.so. Build first: make build"
}

# What nginx was started from: rendered files and module.
print_edge_fingerprint() {
    { find "$RUN_DIR/edge" -maxdepth 2 -type f -name '*.conf' -print0 | sort -z | xargs -0 -r cat; } | sha256sum
    stat -c '%i %Y %s' "$BUILD_DIR/lib/ngx_http_safelight_module.so"
    sha256sum <"$RUN_DIR/secrets/cdn_keys"
}

is_edge_current() { is_running edge && [ "$(print_edge_fingerprint)" = "$(cat "$RUN_DIR/pids/edge.from" 2>/dev/null)" ]; }
is_edge_healthy() { http_ok "http://127.0.0.1:$PORT_EDGE/healthz"; }

start_edge() {
    check_edge_files
    if ! is_running edge || ! is_service_current api || [ "$RUN_DIR/safelight.conf" -nt "$RUN_DIR/pids/edge.from" ]; then
        render_edge
    fi
    if ! is_edge_current; then
        stop_edge
        print_edge_fingerprint >"$RUN_DIR/pids/edge.from"
        start_daemon edge nginx -p "$RUN_DIR/edge" -c nginx.conf -g 'daemon off;'
    fi
    wait_for_daemon edge "$STACK_DEADLINE" is_edge_healthy
}

# SIGQUIT lets nginx finish the requests in hand.
stop_edge() { stop_daemon edge 10 QUIT; }
