# shellcheck shell=bash
# What every part of the local stack leans on: messages, bounded waits, and daemons
# that are started, recognised and stopped by pid files in $RUN_DIR/pids.
#
# A pid file alone proves nothing (the kernel hands pids out again), so beside
# NAME.pid lies NAME.mark with the start time of that process and the boot it belongs
# to: together they name one process for ever. Nothing is signalled unless they agree.

say() { printf '%s\n' "$*"; }
warn() { printf 'stack: %s\n' "$*" >&2; }
die() {
    warn "$*"
    exit 1
}

# Where the log and the pid file of a component live.
log_file() { printf '%s/logs/%s.log' "$RUN_DIR" "$1"; }
pid_file() { printf '%s/pids/%s.pid' "$RUN_DIR" "$1"; }
mark_file() { printf '%s/pids/%s.mark' "$RUN_DIR" "$1"; }

# Prints the last lines of a component's log on stderr, indented, for a failure report.
print_log_tail() {
    local log
    log=$(log_file "$1")
    [ -s "$log" ] || return 0
    warn "last lines of $log:"
    tail -n "${2:-15}" "$log" | sed 's/^/    /' >&2
}

# Keeps one older log when the present one has grown beyond 32 MiB.
limit_log() {
    local log size
    log=$(log_file "$1")
    size=$(stat -c %s "$log" 2>/dev/null || echo 0)
    [ "$size" -le 33554432 ] || mv -f "$log" "$log.old"
}

# wait_until SECONDS COMMAND…: runs COMMAND again and again until it succeeds; 1 when
# the time is over. COMMAND must itself be bounded.
wait_until() {
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# wait_for_daemon NAME SECONDS COMMAND…: like wait_until, but gives up at once when the
# daemon has died, and says why with the end of its log.
wait_for_daemon() {
    local name=$1 seconds=$2
    local deadline=$((${EPOCHREALTIME/./} + seconds * 1000000))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$name"; then
            warn "$name stopped while starting"
            print_log_tail "$name"
            return 1
        fi
        if [ "${EPOCHREALTIME/./}" -ge "$deadline" ]; then
            warn "$name gave no healthy answer within $seconds s"
            print_log_tail "$name"
            return 1
        fi
        sleep 0.05
    done
}

# http_ok URL: one bounded GET on loopback that must answer 2xx.
http_ok() { curl --silent --fail --max-time 2 --noproxy '*' --output /dev/null "$1"; }

# write_if_changed FILE [MODE]: puts standard input into FILE atomically, and only when
# it differs. Succeeds when the file was changed, 1 when it was already so.
write_if_changed() {
    local file=$1 mode=${2:-0644} fresh
    fresh=$(mktemp "$file.XXXXXX")
    cat >"$fresh"
    chmod "$mode" "$fresh"
    if cmp -s "$fresh" "$file" 2>/dev/null; then
        rm -f "$fresh"
        return 1
    fi
    mv -f "$fresh" "$file"
}

# Prints "STATE START BOOT" of a process: its state letter, its start time in clock ticks
# and the boot it lives in; 1 when it is not there.
print_process() {
    local stat boot
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r boot </proc/sys/kernel/random/boot_id
    # Field 2 is the name in parentheses and may hold blanks: count behind it.
    stat=${stat##*) }
    # shellcheck disable=SC2086 # split on purpose: the fields of stat
    set -- $stat
    printf '%s %s %s\n' "$1" "${20}" "$boot"
}

# The identity of a living process. One that has ended but was not yet collected by its
# parent (state Z) is not living.
print_mark() {
    local process
    process=$(print_process "$1") || return 1
    [[ $process != Z* ]] || return 1
    printf '%s\n' "${process#* }"
}

read_pid() {
    local pid
    { read -r pid <"$(pid_file "$1")"; } 2>/dev/null || return 1
    printf '%s' "$pid"
}

# is_running NAME: true when the process of the pid file lives and is the one we started.
is_running() {
    local pid mark
    { read -r pid <"$RUN_DIR/pids/$1.pid" && read -r mark <"$RUN_DIR/pids/$1.mark"; } 2>/dev/null || return 1
    [ "$(print_mark "$pid")" = "$mark" ]
}

# Kills what an earlier, already dead leader left in its session (nginx workers whose
# master was killed, decoders), so that it holds no port. While a session has members its
# number is not given to a new process, so those of the same boot are ours; the names are
# looked at all the same.
kill_leftovers() {
    local name=$1 pid mark process
    { read -r pid <"$(pid_file "$name")" && read -r mark <"$(mark_file "$name")"; } 2>/dev/null || return 0
    [ "${mark#* }" = "$(</proc/sys/kernel/random/boot_id)" ] || return 0
    # Somebody else has the number now, or the leader lives.
    if process=$(print_process "$pid") && [ "$process" != "Z $mark" ]; then return 0; fi
    pkill -KILL -s "$pid" '^(nginx|safelight-)' 2>/dev/null || return 0
    wait_until 5 is_session_empty "$pid" || warn "$name left processes that cannot be killed"
}

is_session_empty() { ! pgrep --session "$1" --runstates D,R,S,T; }

# start_daemon NAME COMMAND…: runs COMMAND in a session of its own, its output appended
# to the log. The pid file is written by the process itself before it becomes COMMAND,
# so there is no moment with a daemon but without its pid.
start_daemon() {
    local name=$1
    shift
    kill_leftovers "$name"
    rm -f "$(pid_file "$name")" "$(mark_file "$name")"
    limit_log "$name"
    # shellcheck disable=SC2016 # expanded by the inner shell
    setsid bash -c '
        set -eu
        source "$1/lib.sh"
        print_mark "$$" >"$(mark_file "$2")"
        printf "%s\n" "$$" >"$(pid_file "$2")"
        shift 2
        exec "$@"
    ' start_daemon "$STACK_DIR" "$name" "$@" </dev/null >>"$(log_file "$name")" 2>&1 9>&- &
    disown
    wait_until 10 is_recorded "$name" || die "$name could not be started; see $(log_file "$name")"
}

is_recorded() { [ -s "$(pid_file "$1")" ]; }
is_stopped() { ! is_running "$1"; }

# signal_daemon NAME SIGNAL: to the process alone, after making sure that it is ours.
signal_daemon() {
    is_running "$1" || return 0
    kill -s "$2" "$(read_pid "$1")" 2>/dev/null || true
}

# stop_daemon NAME SECONDS [SIGNAL]: asks, waits, then kills its whole session.
stop_daemon() {
    local name=$1 seconds=$2 signal=${3:-TERM} pid
    if is_running "$name"; then
        pid=$(read_pid "$name")
        signal_daemon "$name" "$signal"
        if ! wait_until "$seconds" is_stopped "$name"; then
            warn "$name did not stop within $seconds s: killed"
            pkill -KILL -s "$pid" 2>/dev/null || true
            signal_daemon "$name" KILL
            wait_until 10 is_stopped "$name" || die "$name (pid $pid) cannot be killed"
        fi
    fi
    kill_leftovers "$name"
    rm -f "$(pid_file "$name")" "$(mark_file "$name")"
}
