#!/bin/bash
# Runs the edge: renders nginx.conf from safelight.conf, and changes a running nginx without dropping a request.
#
#     safelight-edge render                     write nginx.conf and have nginx check it
#     safelight-edge run                        the same, then become nginx (what the unit starts)
#     safelight-edge reload                     the same, then let the running nginx take it over
#     safelight-edge upstream SERVICE           where calls of ingest or api go
#     safelight-edge upstream SERVICE ADDRESS…  from now on there; reloads; put back when nginx does not like it
#     safelight-edge drained                    exit status 0: no worker of an earlier configuration is left
#
# Environment: SAFELIGHT_CONFIG (/etc/safelight/safelight.conf), SAFELIGHT_EDGE_DIR (/var/lib/safelight-edge),
# SAFELIGHT_EDGE_MODULE. Exit status: 0, 1 failed, 64 wrong usage, 78 wrong configuration.
set -euo pipefail

HERE=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")" && pwd)
CONFIG=${SAFELIGHT_CONFIG:-/etc/safelight/safelight.conf}
DIR=${SAFELIGHT_EDGE_DIR:-/var/lib/safelight-edge}
MODULE=${SAFELIGHT_EDGE_MODULE:-/usr/lib/nginx/modules/ngx_http_safelight_module.so}
PATH=$PATH:/usr/sbin

die() {
    printf 'safelight-edge: %s\n' "$*" >&2
    exit 1
}

usage() {
    sed -n '4,9s/^# \{0,4\}//p' "${BASH_SOURCE[0]}"
}

# What `upstream` has set, as render.sh's arguments.
read_upstreams() {
    local service
    UPSTREAMS=()
    for service in ingest api; do
        [ ! -s "$DIR/upstream.$service" ] || UPSTREAMS+=("--$service" "$(cat "$DIR/upstream.$service")")
    done
}

render() {
    read_upstreams
    # Chained: callers ask for the outcome, and then set -e does not hold in here.
    "$HERE/render.sh" --config "$CONFIG" --out "$DIR" --module "$MODULE" "${UPSTREAMS[@]}" &&
        nginx -q -p "$DIR" -c nginx.conf -t
}

master_pid() {
    local pid
    { read -r pid <"$DIR/nginx.pid"; } 2>/dev/null || die "no edge is running in $DIR"
    kill -0 "$pid" 2>/dev/null || die "no edge is running in $DIR"
    printf '%s' "$pid"
}

# nginx takes a configuration over by starting workers with it and letting the old ones finish.
reload() {
    local pid
    pid=$(master_pid) && render && kill -HUP "$pid"
}

is_drained() {
    local pid
    pid=$(master_pid)
    ! pgrep --parent "$pid" --full 'worker process is shutting down' >/dev/null
}

# Addresses are checked by render.sh; the present ones stay when it, or nginx, refuses.
set_upstream() {
    local service=$1 file=$DIR/upstream.$1 addresses previous=
    shift
    addresses=$(IFS=, && printf '%s' "$*")
    [ ! -e "$file" ] || previous=$(cat "$file")
    printf '%s\n' "$addresses" >"$file.new"
    mv -f "$file.new" "$file"
    if reload; then return; fi
    if [ -n "$previous" ]; then printf '%s\n' "$previous" >"$file"; else rm -f "$file"; fi
    render || true
    die "$service stays where it was"
}

case ${1-} in
render) render ;;
run)
    render
    exec nginx -p "$DIR" -c nginx.conf -g 'daemon off;'
    ;;
reload) reload ;;
drained) is_drained ;;
upstream)
    case ${2-} in ingest | api) ;; *) usage >&2 && exit 64 ;; esac
    if [ $# -gt 2 ]; then
        set_upstream "${@:2}"
    else
        cat "$DIR/upstream.$2" 2>/dev/null || sed -n "/upstream safelight_$2 {/,/}/s/.*server \([^ ;]*\).*/\1/p" "$DIR/nginx.conf" | paste -sd,
    fi
    ;;
--help) usage ;;
*) usage >&2 && exit 64 ;;
esac
