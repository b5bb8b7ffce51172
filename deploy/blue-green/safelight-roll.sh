#!/bin/bash
# Replaces a running ingest or metadata API by a new one without a failed request, and goes back by itself when the new one is not well.
#
#     safelight-roll SERVICE [--ports A,B] [--gate SECONDS] [--watch SECONDS]
#
# Two colours of SERVICE (ingest or api) share a host, one port each. The idle one is started, has to answer /readyz, gets all calls
# (safelight-edge upstream), is watched, and only then the other one is stopped. Nothing has changed when the new one never gets ready; when it
# fails while it is watched (not ready, or more than one answer in a hundred is a 5xx), calls go back to the old one and it is stopped.
#
#   --ports A,B       the colours' ports; default 8081,8091 for ingest and 8082,8092 for api
#   --gate SECONDS    by when the new one must be ready (30)
#   --watch SECONDS   how long it is watched before the old one is stopped (10)
#
# Instances are systemd's safelight-SERVICE@PORT units, or what SAFELIGHT_ROLL_DRIVER does: a program called with start|stop SERVICE PORT.
# Exit status: 0 rolled, 1 the old one serves as before, 64 wrong usage.
set -euo pipefail

GATE=30 WATCH=10 PORTS=
EDGE=${SAFELIGHT_EDGE:-safelight-edge}
DRAIN_SECONDS=40 # nginx gives old workers 30 s

say() { printf 'safelight-roll: %s\n' "$*"; }
die() {
    printf 'safelight-roll: %s\n' "$*" >&2
    exit "${STATUS:-1}"
}
usage() {
    sed -n '4s/^# *//p;10,12s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 64
}

drive_systemd() {
    local unit=safelight-$2@$3
    case $1 in
    start) systemctl enable --now --quiet "$unit.socket" "$unit.service" ;;
    stop) systemctl disable --now --quiet "$unit.socket" "$unit.service" ;;
    esac
}

drive() {
    if [ -n "${SAFELIGHT_ROLL_DRIVER-}" ]; then
        "$SAFELIGHT_ROLL_DRIVER" "$@"
    else
        drive_systemd "$@"
    fi
}

get() { curl --silent --fail --max-time 2 --noproxy '*' "http://127.0.0.1:$1$2"; }

# Three in a row: one answer may be luck.
await_ready() {
    local port=$1 streak=0 deadline=$((SECONDS + GATE))
    while [ "$streak" -lt 3 ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        if get "$port" /readyz >/dev/null; then streak=$((streak + 1)); else streak=0; fi
        sleep 0.1
    done
}

# count_answers PORT: "ALL FAILED" since its start.
count_answers() {
    get "$1" /metrics | awk '
        /^safelight_http_requests_total\{/ { all += $NF; if ($0 ~ /status="5xx"/) failed += $NF }
        END { printf "%d %d\n", all, failed }'
}

is_well() {
    local all failed
    get "$1" /readyz >/dev/null || return 1
    read -r all failed < <(count_answers "$1") || return 1
    [ "$failed" -le 5 ] || [ $((failed * 100)) -le "$all" ]
}

watch() {
    local deadline=$((SECONDS + WATCH)) unwell=0
    while [ "$SECONDS" -lt "$deadline" ]; do
        if is_well "$1"; then unwell=0; else unwell=$((unwell + 1)); fi
        [ "$unwell" -lt 3 ] || return 1
        sleep 0.3
    done
}

# Old nginx workers still send what they have in hand to the old colour.
await_drained_edge() {
    local deadline=$((SECONDS + DRAIN_SECONDS))
    sleep 0.2 # the signal has to arrive
    until "$EDGE" drained || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.1; done
}

SERVICE=${1-}
case $SERVICE in
ingest) PORTS=8081,8091 ;;
api) PORTS=8082,8092 ;;
*) usage ;;
esac
shift
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
    --ports) PORTS=$2 ;;
    --gate) GATE=$2 ;;
    --watch) WATCH=$2 ;;
    *) usage ;;
    esac
    shift 2
done
[[ $PORTS =~ ^[0-9]+,[0-9]+$ && $GATE =~ ^[0-9]+$ && $WATCH =~ ^[0-9]+$ ]] || usage

present=$("$EDGE" upstream "$SERVICE") || die "the edge does not tell where $SERVICE is"
old=${present##*:}
case $old in
"${PORTS%,*}") new=${PORTS#*,} ;;
"${PORTS#*,}") new=${PORTS%,*} ;;
*) STATUS=64 die "$SERVICE is at $present, which is none of the ports $PORTS" ;;
esac

say "$SERVICE: starting $new beside $old"
drive start "$SERVICE" "$new" || { drive stop "$SERVICE" "$new" || true; die "$new does not start; $old serves as before"; }
if ! await_ready "$new"; then
    drive stop "$SERVICE" "$new" || true
    die "$new was not ready within $GATE s; $old serves as before"
fi
"$EDGE" upstream "$SERVICE" "127.0.0.1:$new" || { drive stop "$SERVICE" "$new" || true; die "the edge did not switch; $old serves as before"; }
say "$SERVICE: calls go to $new"
if ! watch "$new"; then
    "$EDGE" upstream "$SERVICE" "127.0.0.1:$old" || die "$new is not well, and the edge cannot go back to $old: both are running"
    await_drained_edge
    drive stop "$SERVICE" "$new" || true
    die "$new is not well; calls go to $old again"
fi
await_drained_edge
drive stop "$SERVICE" "$old" || die "$new serves, but $old could not be stopped"
say "$SERVICE: $new serves, $old is stopped"
