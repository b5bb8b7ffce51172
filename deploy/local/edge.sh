# shellcheck shell=bash
# The edge: nginx as gateway and cache, configured by cdn-config/render.sh from the same
# safelight.conf that the services read.

EDGE_MODULE=$BUILD_DIR/lib/ngx_http_safelight_module.so

# Is nginx.conf as new as all that it is made of?
is_edge_rendered() {
    local source
    for source in "$RUN_DIR/safelight.conf" "$REPO_DIR/cdn-config/render.sh" "$REPO_DIR/cdn-config/nginx.conf.template" "$EDGE_MODULE"; do
        [ ! "$source" -nt "$RUN_DIR/edge/nginx.conf" ] || return 1
    done
    [ -s "$RUN_DIR/edge/nginx.conf" ]
}

render_edge() {
    local log
    log=$(log_file edge)
    mkdir -p "$RUN_DIR/edge"
    chmod 0711 "$RUN_DIR/edge"
    "$REPO_DIR/cdn-config/render.sh" --config "$RUN_DIR/safelight.conf" --out "$RUN_DIR/edge" \
        --module "$EDGE_MODULE" >>"$log" 2>&1 9>&- && return
    warn "the configuration of the edge could not be rendered"
    print_log_tail edge
    return 1
}

# Before a running edge is stopped for it.
test_edge() {
    nginx -p "$RUN_DIR/edge" -c nginx.conf -t >>"$(log_file edge)" 2>&1 9>&- && return
    warn "nginx does not like the configuration of the edge"
    print_log_tail edge
    return 1
}

check_edge_files() {
    [ -x "$REPO_DIR/cdn-config/render.sh" ] || die "cdn-config/render.sh is missing"
    [ -f "$EDGE_MODULE" ] || die "missing: $EDGE_MODULE. Build first: make build"
}

# What nginx was started from: its configuration, the module and the secrets.
print_edge_fingerprint() {
    stat -c '%i %Y %s' "$EDGE_MODULE"
    cat "$RUN_DIR/edge/nginx.conf" "$RUN_DIR"/secrets/* | sha256sum
}

is_edge_current() { is_running edge && [ "$(print_edge_fingerprint)" = "$(cat "$RUN_DIR/pids/edge.from" 2>/dev/null)" ]; }
is_edge_healthy() { http_ok "http://127.0.0.1:$PORT_EDGE/healthz"; }

start_edge() {
    check_edge_files
    is_edge_rendered || render_edge
    if ! is_edge_current; then
        test_edge
        stop_edge
        print_edge_fingerprint >"$RUN_DIR/pids/edge.from"
        start_daemon edge nginx -p "$RUN_DIR/edge" -c nginx.conf -g 'daemon off;'
    fi
    wait_for_daemon edge "$STACK_DEADLINE" is_edge_healthy
}

# SIGQUIT lets nginx finish the requests in hand.
stop_edge() { stop_daemon edge 10 QUIT; }
