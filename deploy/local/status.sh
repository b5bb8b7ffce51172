# shellcheck shell=bash
# Looking at the stack without changing it: status, logs, waiting for health.

# One bounded look at a component.
is_component_healthy() {
    case $1 in
    postgres) find_postgres_programs && is_postgres_healthy ;;
    nats) is_nats_healthy ;;
    ceph-mon) is_mon_healthy ;;
    ceph-osd) is_osd_healthy ;;
    radosgw) is_rgw_healthy ;;
    edge) is_edge_healthy ;;
    *) is_service_ready "$1" ;;
    esac >/dev/null 2>&1
}

print_component_version() {
    case $1 in
    postgres) find_postgres_programs && postgres --version | awk '{ print $3 }' ;;
    nats) nats-server --version | sed 's/.*v//' ;;
    ceph-mon | ceph-osd | radosgw) "$1" --version | awk '{ print $3 }' ;;
    edge) nginx -v 2>&1 | sed 's,.*/,,' ;;
    *) print_service_version "$1" ;;
    esac
}

# Of what runs, even when its file has been built anew since (root alone can look there,
# since the services hide their memory from debuggers).
print_service_version() {
    local binary=$BUILD_DIR/bin/safelight-$1 running
    running=/proc/$(read_pid "$1" || echo none)/exe
    [ ! -x "$running" ] || ! is_running "$1" || binary=$running
    { timeout 5 "$binary" --version 2>/dev/null || echo -; } | awk '{ print $NF }'
}

print_component_port() {
    case $1 in
    ceph-osd) printf '%s-%s' "$PORT_OSD_FIRST" "$PORT_OSD_LAST" ;;
    *) list_component_ports "$1" | awk '{ printf "%s%s", (NR > 1 ? "," : ""), $2 }' ;;
    esac
}

# Exit status 0 only when all of it runs and is healthy.
print_status() {
    local component pid health all=0
    printf '%-11s %-8s %-12s %-8s %s\n' COMPONENT PID PORT HEALTH VERSION
    for component in "${COMPONENTS[@]}"; do
        pid=- health=stopped
        if is_running "$component"; then
            pid=$(read_pid "$component")
            if is_component_healthy "$component"; then health=healthy; else health=SICK; fi
        elif [ -s "$(pid_file "$component")" ]; then
            health=DIED
        fi
        [ "$health" = healthy ] || all=3
        printf '%-11s %-8s %-12s %-8s %s\n' "$component" "$pid" "$(print_component_port "$component")" \
            "$health" "$(print_component_version "$component")"
    done
    return "$all"
}

show_logs() {
    local name names component files=()
    [ $# -gt 0 ] || set -- "${COMPONENTS[@]}"
    for name in "$@"; do
        names=$(list_components "$name")
        for component in $names; do
            [ ! -e "$(log_file "$component")" ] || files+=("$(log_file "$component")")
        done
    done
    [ "${#files[@]}" -gt 0 ] || die "there are no logs yet in $RUN_DIR/logs"
    if [ "${FOLLOW:-1}" = 1 ]; then
        exec tail -n 20 -F "${files[@]}"
    fi
    tail -n 50 "${files[@]}"
}

wait_for_components() {
    local name names component wanted=()
    for name in "$@"; do
        names=$(list_components "$name")
        # shellcheck disable=SC2206 # names without blanks
        wanted+=($names)
    done
    if [ $# -eq 0 ]; then
        for component in "${COMPONENTS[@]}"; do
            ! is_running "$component" || wanted+=("$component")
        done
    fi
    for component in "${wanted[@]}"; do
        is_running "$component" || die "$component does not run"
        wait_for_daemon "$component" "$STACK_DEADLINE" is_component_healthy "$component"
    done
}
