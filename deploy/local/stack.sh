#!/bin/bash
# The local stack: Postgres, NATS, Ceph RGW, our services and the edge, all on loopback,
# all in one folder (RUN_DIR), all counted from one port (PORT_BASE). `make run` and the
# tests use it; two stacks with other RUN_DIR and PORT_BASE run side by side.
set -euo pipefail

print_usage() {
    cat <<'USAGE'
usage: deploy/local/stack.sh COMMAND
  up                start everything (starts only what does not run, restarts what was rebuilt)
  infra             start Postgres, NATS and Ceph RGW only
  services          start our services and the edge on a running infra
  down              stop everything, keep the data
  status            a line for each component: pid, port, health, version
  logs [NAME…]      follow the logs (FOLLOW=0: print the last lines)
  wait [NAME…]      wait until the named (all running) components are healthy
  restart NAME      stop and start a component
  kill NAME         kill -9 a component, for chaos tests
  reset             stop everything and delete the data (asks; FORCE=1 does not)
NAME: postgres nats rgw (= ceph-mon ceph-osd radosgw) ingest transcoder api edge
environment: RUN_DIR (default .run in the checkout), PORT_BASE (8080), BUILD_DIR (build),
  LOG_LEVEL (info), STACK_DEADLINE (seconds to wait for each component, 120)
USAGE
}

# Files are for our own user alone; a few folders are opened below, so that Postgres and
# nginx workers, which run as other users under root, can pass.
umask 077
# Settings of a developer's own Postgres, Ceph or AWS tools must not leak in.
unset "${!PG@}" "${!CEPH@}" "${!AWS_@}"
STACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO_DIR=$(cd "$STACK_DIR/../.." && pwd)
RUN_DIR=$(realpath -m "${RUN_DIR:-$REPO_DIR/.run}")
# A stack that is there remembers what it was built from, for `restart` and `status`.
case ${1:-} in
up | infra | services) ;;
*) BUILD_DIR=${BUILD_DIR:-$(cat "$RUN_DIR/build_dir" 2>/dev/null || true)} ;;
esac
BUILD_DIR=$(realpath -m "${BUILD_DIR:-$REPO_DIR/build}")
STACK_DEADLINE=${STACK_DEADLINE:-120}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export RUN_DIR PATH

# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/ports.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/secrets.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/postgres.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/nats.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/ceph.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/config.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/services.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/edge.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/status.sh"

INFRA=(postgres nats ceph-mon ceph-osd radosgw)
COMPONENTS=("${INFRA[@]}" "${SERVICES[@]}" edge)

is_anything_running() {
    local component
    for component in "${COMPONENTS[@]}"; do
        ! is_running "$component" || return 0
    done
    return 1
}

# One command at a time changes a stack; daemons do not inherit the lock (9>&-).
lock_stack() {
    exec 9>"$RUN_DIR/lock"
    flock --wait 300 9 || die "another stack.sh is at work in $RUN_DIR"
}

check_owner() {
    [ ! -e "$RUN_DIR" ] || [ "$(stat -c %u "$RUN_DIR")" = "$EUID" ] ||
        die "$RUN_DIR belongs to $(stat -c %U "$RUN_DIR"), you are $(id -un); choose another RUN_DIR"
}

check_programs() {
    local program missing=()
    for program in nats-server ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph nginx jq curl ss psql; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ "${#missing[@]}" -eq 0 ] || die "not installed: ${missing[*]}. Run deploy/packages/install.sh run"
}

prepare_run_dir() {
    check_programs
    (umask 022 && mkdir -p "$RUN_DIR")
    chmod 0711 "$RUN_DIR"
    lock_stack
    mkdir -p "$RUN_DIR"/{data,logs,pids,secrets}
    chmod 0700 "$RUN_DIR/secrets"
    chmod 0711 "$RUN_DIR/data"
    remember_ports
    printf '%s\n' "$BUILD_DIR" | write_if_changed "$RUN_DIR/build_dir" || true
    make_secrets
    write_config
    write_operator_files
}

# The three of them at once, since each mostly waits for itself.
start_infra() {
    local component failed=() jobs=()
    for component in postgres nats ceph; do
        (set -e; "start_$component") &
        jobs+=("$! $component")
    done
    for component in "${jobs[@]}"; do
        wait "${component% *}" || failed+=("${component#* }")
    done
    [ "${#failed[@]}" -eq 0 ] || die "could not start: ${failed[*]}"
}

start_services() {
    local service failed=()
    for service in postgres nats radosgw; do
        is_running "$service" || die "$service does not run; start it first: deploy/local/stack.sh infra"
    done
    prepare_services
    for service in "${SERVICES[@]}"; do launch_service "$service"; done
    for service in "${SERVICES[@]}"; do await_service "$service" || failed+=("$service"); done
    [ "${#failed[@]}" -eq 0 ] || die "could not start: ${failed[*]}"
    start_edge
}

# Clients first, then what they lean on.
stop_everything() {
    local component jobs=()
    stop_edge
    for component in "${SERVICES[@]}"; do
        stop_service "$component" &
        jobs+=("$!")
    done
    wait "${jobs[@]}"
    jobs=()
    for component in postgres nats ceph; do
        "stop_$component" &
        jobs+=("$!")
    done
    wait "${jobs[@]}"
}

# Turns a NAME of the command line into components.
list_components() {
    case $1 in
    rgw | ceph) echo ceph-mon ceph-osd radosgw ;;
    postgres | nats | ceph-mon | ceph-osd | radosgw | ingest | transcoder | api | edge) echo "$1" ;;
    *) die "no component \"$1\"; there are: postgres nats rgw ceph-mon ceph-osd radosgw ingest transcoder api edge" ;;
    esac
}

start_component() {
    case $1 in
    postgres) start_postgres ;;
    nats) start_nats ;;
    ceph-mon) start_mon ;;
    ceph-osd) start_osd ;;
    radosgw) start_rgw ;;
    edge) start_edge ;;
    *) start_service "$1" ;;
    esac
}

stop_component() {
    case $1 in
    postgres) stop_postgres ;;
    nats) stop_nats ;;
    ceph-* | radosgw) stop_daemon "$1" 5 ;;
    edge) stop_edge ;;
    *) stop_service "$1" ;;
    esac
}

restart_components() {
    local component i names list
    names=$(list_components "$1")
    read -ra list <<<"$names"
    case $names in
    ingest | transcoder | api) check_binaries ;;
    edge) check_edge_files ;;
    esac
    for ((i = ${#list[@]} - 1; i >= 0; i--)); do stop_component "${list[i]}"; done
    check_ports "${list[@]}"
    for component in "${list[@]}"; do start_component "$component"; done
}

# nginx workers outlive their master and would keep serving: they go with it.
kill_components() {
    local component pid names
    names=$(list_components "$1")
    for component in $names; do
        is_running "$component" || die "$component does not run"
        pid=$(read_pid "$component")
        signal_daemon "$component" KILL
        [ "$component" != edge ] || pkill -KILL -s "$pid" || true
        wait_until 10 is_stopped "$component" || die "$component (pid $pid) cannot be killed"
    done
}

confirm_reset() {
    [ "${FORCE:-}" != 1 ] || return 0
    [ -t 0 ] || die "reset deletes all data in $RUN_DIR; without a terminal it needs FORCE=1"
    local answer
    read -r -p "Delete all data in $RUN_DIR? [y/N] " answer
    [[ $answer =~ ^[Yy]([Ee][Ss])?$ ]] || die "nothing was deleted"
}

# Only a folder that this script made is ever deleted.
reset_stack() {
    [ -e "$RUN_DIR" ] || return 0
    [ -f "$RUN_DIR/port_base" ] || die "$RUN_DIR is not the folder of a local stack; nothing was deleted"
    confirm_reset
    lock_stack
    stop_everything
    remove_postgres_folders
    rm -rf "$RUN_DIR"
}

print_seconds_since() { printf '%d.%d' "$(((${EPOCHREALTIME/./} - $1) / 1000000))" "$(((${EPOCHREALTIME/./} - $1) / 100000 % 10))"; }

# What a start needs is looked at before anything is started.
start_stack() {
    local part=$1 wanted=()
    [ "$part" = infra ] || { check_binaries && check_edge_files; }
    [ "$part" = services ] || wanted+=("${INFRA[@]}")
    [ "$part" = infra ] || wanted+=("${SERVICES[@]}" edge)
    prepare_run_dir
    check_ports "${wanted[@]}"
    [ "$part" = services ] || start_infra
    [ "$part" = infra ] || start_services
}

main() {
    local command=${1:-} begun=${EPOCHREALTIME/./}
    [ $# -eq 0 ] || shift
    case $command in
    up | infra | services)
        check_owner
        set_ports
        start_stack "$command"
        say "stack: $command ready in $(print_seconds_since "$begun") s (RUN_DIR=$RUN_DIR PORT_BASE=$PORT_BASE)"
        ;;
    down | status | logs | wait | restart | kill | reset)
        check_owner
        use_remembered_ports
        case $command in
        reset) reset_stack ;;
        *)
            if [ ! -f "$RUN_DIR/port_base" ]; then
                [ "$command" != down ] || exit 0
                die "there is no stack in $RUN_DIR"
            fi
            set_ceph_home
            case $command in
            down) lock_stack && stop_everything ;;
            status) print_status ;;
            logs) show_logs "$@" ;;
            wait) wait_for_components "$@" ;;
            restart) lock_stack && restart_components "${1:?NAME is missing}" ;;
            kill) kill_components "${1:?NAME is missing}" ;;
            esac
            ;;
        esac
        ;;
    help | -h | --help) print_usage ;;
    *)
        print_usage >&2
        exit 2
        ;;
    esac
}

main "$@"
