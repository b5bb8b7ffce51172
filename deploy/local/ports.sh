# shellcheck shell=bash
# The ports of the stack, all counted from PORT_BASE, and the check that they are free
# before anything is started.

# Names every port. PORT_BASE of the environment counts when a stack is started, else
# where it was the last time.
set_ports() {
    PORT_BASE=${PORT_BASE:-$(read_remembered_port_base)}
    PORT_BASE=${PORT_BASE:-8080}
    if ! [[ $PORT_BASE =~ ^[1-9][0-9]{0,4}$ ]] || [ "$PORT_BASE" -gt 65500 ]; then
        die "PORT_BASE must be a number from 1 to 65500, not \"$PORT_BASE\""
    fi
    PORT_EDGE=$PORT_BASE
    PORT_INGEST=$((PORT_BASE + 1))
    PORT_API=$((PORT_BASE + 2))
    PORT_TRANSCODER=$((PORT_BASE + 3))
    PORT_RGW=$((PORT_BASE + 4))
    PORT_NATS=$((PORT_BASE + 5))
    PORT_NATS_MONITOR=$((PORT_BASE + 6))
    PORT_POSTGRES=$((PORT_BASE + 7))
    PORT_MON=$((PORT_BASE + 8))
    PORT_EDGE_ADMIN=$((PORT_BASE + 9))
    # The OSD takes any four of these.
    PORT_OSD_FIRST=$((PORT_BASE + 10))
    PORT_OSD_LAST=$((PORT_BASE + 29))
}

read_remembered_port_base() { cat "$RUN_DIR/port_base" 2>/dev/null || true; }

# For commands on a stack that is there: its own ports, whatever the environment says.
use_remembered_ports() {
    local remembered
    remembered=$(read_remembered_port_base)
    [ -z "$remembered" ] || PORT_BASE=$remembered
    set_ports
}

# Refuses to start or restart parts on other ports than the running parts use.
remember_ports() {
    local remembered
    remembered=$(read_remembered_port_base)
    if [ -n "$remembered" ] && [ "$remembered" != "$PORT_BASE" ] && is_anything_running; then
        die "this stack runs with PORT_BASE=$remembered. To move it to $PORT_BASE: RUN_DIR=$RUN_DIR deploy/local/stack.sh down, then again."
    fi
    printf '%s\n' "$PORT_BASE" | write_if_changed "$RUN_DIR/port_base" || true
}

# "component port" for each port that a component listens on.
list_component_ports() {
    local component
    for component in "$@"; do
        case $component in
        postgres) echo "postgres $PORT_POSTGRES" ;;
        nats) printf 'nats %s\nnats %s\n' "$PORT_NATS" "$PORT_NATS_MONITOR" ;;
        ceph-mon) echo "ceph-mon $PORT_MON" ;;
        radosgw) echo "radosgw $PORT_RGW" ;;
        ingest) echo "ingest $PORT_INGEST" ;;
        api) echo "api $PORT_API" ;;
        transcoder) echo "transcoder $PORT_TRANSCODER" ;;
        edge) printf 'edge %s\nedge %s\n' "$PORT_EDGE" "$PORT_EDGE_ADMIN" ;;
        esac
    done
}

# check_ports COMPONENT…: dies with one message naming every taken port of those
# components that do not run yet.
check_ports() {
    local component port listening owner taken=() wanted=()
    for component in "$@"; do
        is_running "$component" && continue
        # Orphans of a killed leader (nginx workers) would hold the port.
        kill_leftovers "$component"
        wanted+=("$component")
    done
    [ "${#wanted[@]}" -gt 0 ] || return 0
    listening=$(ss -H -ltnp 2>/dev/null) || listening=
    while read -r component port; do
        owner=$(find_port_owner "$port" <<<"$listening") || continue
        taken+=("  port $port, wanted by $component, is taken by ${owner:-a process of another user}")
    done < <(list_component_ports "${wanted[@]}")
    if [[ " ${wanted[*]} " == *" ceph-osd "* ]] && [ "$(count_free_osd_ports <<<"$listening")" -lt 4 ]; then
        taken+=("  ports $PORT_OSD_FIRST to $PORT_OSD_LAST, of which ceph-osd wants four, are taken")
    fi
    [ "${#taken[@]}" -gt 0 ] || return 0
    warn "nothing was started:"
    printf '%s\n' "${taken[@]}" >&2
    die "stop it, or choose other ports: PORT_BASE=18200 make run (uses 18200 to 18229)"
}

# find_port_owner PORT: reads `ss -ltnp` and prints "NAME (pid N)" of the listener; 1
# when nobody listens there.
find_port_owner() {
    awk -v port="$1" '
        $4 ~ ":" port "$" {
            found = 1
            if (match($0, /\(\("[^"]*",pid=[0-9]+/)) {
                split(substr($0, RSTART + 3, RLENGTH - 3), part, /",pid=/)
                print part[1] " (pid " part[2] ")"
            }
            exit
        }
        END { exit !found }'
}

count_free_osd_ports() {
    awk -v first="$PORT_OSD_FIRST" -v last="$PORT_OSD_LAST" '
        { port = $4; sub(/.*:/, "", port); if (port >= first && port <= last) taken[port] = 1 }
        END { print last - first + 1 - length(taken) }'
}
