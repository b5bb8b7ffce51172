# shellcheck shell=bash
# The secrets of the local stack: files in $RUN_DIR/secrets, readable by the owner only,
# made once with random content. No secret is ever given to a program as an argument.

# Prints N random bytes (default 32) as hexadecimal digits.
print_random_hex() { od -An -v -tx1 -N"${1:-32}" /dev/urandom | tr -d ' \n'; }

# make_secret NAME [BYTES [PREFIX]]: creates secrets/NAME unless it is there.
make_secret() {
    local file=$RUN_DIR/secrets/$1 fresh
    [ ! -s "$file" ] || return 0
    fresh=$(mktemp "$file.XXXXXX")
    printf '%s%s' "${3:-}" "$(print_random_hex "${2:-32}")" >"$fresh"
    mv -f "$fresh" "$file"
}

read_secret() { cat "$RUN_DIR/secrets/$1"; }

make_secrets() {
    local name
    for name in db_admin db_ingest db_transcoder db_api nats_token hook_token purge_token resize_token \
        jwt_key cursor_key refresh_key webhook_key; do
        make_secret "$name"
    done
    make_secret demo_password 12
    # Delivery keys carry an id, so that they can be rotated.
    make_secret cdn_keys 32 k1:
    for name in "${S3_USERS[@]}"; do
        make_secret "s3_$name" 20
    done
}
