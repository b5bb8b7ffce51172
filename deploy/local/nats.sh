# shellcheck shell=bash
# NATS with JetStream: the doorbell of the pipeline.

# The token lives in the configuration file, hence its mode; the server takes it from
# nowhere else but its command line.
write_nats_config() {
    write_if_changed "$RUN_DIR/data/nats/nats.conf" 0600 <<CONFIG || true
server_name: safelight-local
listen: "127.0.0.1:$PORT_NATS"
http: "127.0.0.1:$PORT_NATS_MONITOR"
max_payload: 1MB
write_deadline: "10s"
lame_duck_duration: "30s"
authorization {
    token: "$(read_secret nats_token)"
}
jetstream {
    store_dir: "$RUN_DIR/data/nats"
    max_memory_store: 64MB
    max_file_store: 2GB
}
CONFIG
}

is_nats_healthy() { http_ok "http://127.0.0.1:$PORT_NATS_MONITOR/healthz"; }

start_nats() {
    if ! is_running nats; then
        mkdir -p "$RUN_DIR/data/nats"
        write_nats_config
        start_daemon nats nats-server --config "$RUN_DIR/data/nats/nats.conf"
    fi
    wait_for_daemon nats "$STACK_DEADLINE" is_nats_healthy
}

stop_nats() { stop_daemon nats 10; }
