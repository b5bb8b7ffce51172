# shellcheck shell=bash
# $RUN_DIR/safelight.conf: what the services, safelightctl, the edge's renderer and the
# tests read. Secrets stand in files beside it, never in it.

# AVIF, beside what `ready` waits for: at the lowest priority, one at a time. Tests' stacks go
# without (SLOW_WORKERS=0), since each photo costs several seconds of a core, but for the test of it.
print_slow_pool() {
    [ "${SLOW_WORKERS:-1}" -gt 0 ] || return 0
    printf '\n[pool.slow]\nworkers = %d\nprefetch = 1\nnice = 19\n' "${SLOW_WORKERS:-1}"
}

print_config() {
    local secrets=$RUN_DIR/secrets
    cat <<CONFIG
# Written by deploy/local/stack.sh; changes are lost. Override single values with
# SAFELIGHT_<SECTION>_<KEY> in the environment.
[log]
level = ${LOG_LEVEL:-info}

[database]
host = 127.0.0.1
port = $PORT_POSTGRES
name = safelight

[store]
endpoint = http://127.0.0.1:$PORT_RGW
public_endpoint = http://127.0.0.1:$PORT_EDGE
region = default
originals_bucket = safelight-originals
media_bucket = safelight-media
cors_origins = http://127.0.0.1:$PORT_EDGE, http://localhost:$PORT_EDGE

[bus]
url = nats://127.0.0.1:$PORT_NATS
token_file = $secrets/nats_token

[http]
# Tests and benchmarks are many people from one address.
account_calls = 100000000
address_calls = 100000000

[auth]
jwt_key_file = $secrets/jwt_key

[ingest]
listen = 127.0.0.1:$PORT_INGEST
database_user = safelight_ingest
database_password_file = $secrets/db_ingest
presign_access_key = presign
presign_secret_key_file = $secrets/s3_presign
access_key = ingest
secret_key_file = $secrets/s3_ingest
hook_token_file = $secrets/hook_token
hook_url = http://127.0.0.1:$PORT_INGEST/hooks/s3

[transcoder]
listen = 127.0.0.1:$PORT_TRANSCODER
database_user = safelight_transcoder
database_password_file = $secrets/db_transcoder
access_key = transcoder
secret_key_file = $secrets/s3_transcoder
decoder = $BUILD_DIR/bin/safelight-decoder
resize_token_file = $secrets/resize_token

[pool.fast]
workers = 2

[pool.resize]
workers = 1
prefetch = 16

[pool.document]
workers = 1
prefetch = 1
$(print_slow_pool)

# Beside the default one, for tests of media with a preset of their own.
[preset.poster]
step.thumb = 200x100 contain background=ff8000
step.w320 = 320
encoding.jpeg = quality=95 required
on_demand.card = 300x300 contain background=ff8000
on_demand.slice = 100x400 cover

[api]
listen = 127.0.0.1:$PORT_API
database_user = safelight_api
database_password_file = $secrets/db_api
cursor_key_file = $secrets/cursor_key
refresh_key_file = $secrets/refresh_key

[webhook]
key_file = $secrets/webhook_key
# Receivers of tests stand on this machine.
allow_http = true
private_networks = 127.0.0.1

[cdn]
public_url = http://127.0.0.1:$PORT_EDGE
keys_file = $secrets/cdn_keys
purge_urls = http://127.0.0.1:$PORT_EDGE_ADMIN
purge_token_file = $secrets/purge_token
on_demand = true

[edge]
listen = 127.0.0.1:$PORT_EDGE
admin_listen = 127.0.0.1:$PORT_EDGE_ADMIN
access_key = edge
secret_key_file = $secrets/s3_edge

[admin]
database_user = safelight_admin
database_password_file = $secrets/db_admin
access_key = admin
secret_key_file = $secrets/s3_admin
CONFIG
}

write_config() { print_config | write_if_changed "$RUN_DIR/safelight.conf" || true; }

# For people: the same credentials in the forms that psql (PGPASSFILE) and the AWS tools
# (AWS_SHARED_CREDENTIALS_FILE) read.
write_operator_files() {
    local role
    {
        printf '127.0.0.1:%s:*:safelight_admin:%s\n' "$PORT_POSTGRES" "$(read_secret db_admin)"
        for role in ingest transcoder api; do
            printf '127.0.0.1:%s:safelight:safelight_%s:%s\n' "$PORT_POSTGRES" "$role" "$(read_secret "db_$role")"
        done
    } | write_if_changed "$RUN_DIR/secrets/pgpass" 0600 || true
    printf '[default]\naws_access_key_id = admin\naws_secret_access_key = %s\n' "$(read_secret s3_admin)" |
        write_if_changed "$RUN_DIR/secrets/aws_credentials" 0600 || true
}
