#!/usr/bin/env bash
# Runs the tests and counts them: tests/run.sh [lint] [unit] [contracts] [packages] [integration] [deploy] [browser]…; the last line is "N passed, N failed, N skipped".
# Unit tests need nothing; the others get a stack of their own (RUN_DIR, PORT_BASE), torn down at the end. ONLY=<pattern> picks binaries.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

BUILD="${BUILD:-build}"
RUN_DIR="${RUN_DIR:-$PWD/.run-check}"
PORT_BASE="${PORT_BASE:-18080}"
ONLY="${ONLY:-}"
KEEP_STACK="${KEEP_STACK:-}"
TEST_SECONDS="${TEST_SECONDS:-420}"
LOGS="$BUILD/test-logs"
export BUILD RUN_DIR PORT_BASE
BUILD_DIR="$(mkdir -p "$BUILD" && cd "$BUILD" && pwd)"
export BUILD_DIR
passed=0 failed=0 skipped=0
failures=() # what failed, said once more at the end: whoever sees only the log's tail shall know it

# Keeps each failed test's line and what stands right below it; of a program that died, hung or ran no test, its last line.
note_failures() {
	local name="$1" log="$2" line
	while IFS= read -r line; do
		failures+=("$name: $line")
	done < <(grep -v '# SKIP' "$log" | grep -E -A 3 '^ *not ok ' | grep -vE '^ok |^--$' || tail -n 1 "$log")
}

# Adds one program's result to the sums. Its log is TAP; a program that dies, hangs or runs no test is one failure.
count_tap() {
	local name="$1" status="$2" log="$3" ok bad skip
	# cmocka says "not ok … # SKIP" of a test that was left out.
	skip=$(grep -cE '^(not )?ok .*# SKIP' "$log")
	ok=$(grep -E '^ok ' "$log" | grep -vc '# SKIP')
	bad=$(grep -E '^not ok ' "$log" | grep -vc '# SKIP')
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		printf '  %s ended with status %s\n' "$name" "$status"
	fi
	if [ $((ok + bad + skip)) -eq 0 ]; then
		bad=1
		printf '  %s ran no test\n' "$name"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '  %-28s %3d passed %3d failed %3d skipped\n' "$name" "$ok" "$bad" "$skip"
	if [ "$bad" -gt 0 ]; then
		note_failures "$name" "$log"
		sed 's/^/    | /' "$log" | tail -n 60
	fi
	if [ "$skip" -gt 0 ]; then grep -E '# SKIP|SKIPPED' "$log" | sed 's/^/    | /'; fi
}

run_program() {
	local program="$1" name log status
	shift
	name=$(basename "$program")
	log="$LOGS/$name.log"
	CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=10 "$TEST_SECONDS" "$program" "$@" >"$log" 2>&1
	status=$?
	count_tap "$name" "$status" "$log"
}

run_programs() {
	local folder="$1" program
	for program in "$BUILD/tests/$folder"/test_*; do
		[ -x "$program" ] && [ -f "$program" ] || continue
		case "$program" in *.d | *.o) continue ;; esac
		[ -f "tests/$folder/$(basename "$program").c" ] || continue
		[ -z "$ONLY" ] || [[ "$(basename "$program")" =~ $ONLY ]] || continue
		run_program "$program"
	done
}

# Lint scripts are tests too: each prints TAP.
run_lint() {
	local script
	for script in tests/lint/*.sh; do
		run_program "$script"
	done
}

# The fuzz targets' seeds and every file that once broke something.
run_fuzz_replays() {
	local program name
	for program in "$BUILD/tests/fuzz"/fuzz_*; do
		[ -x "$program" ] && [ -f "$program" ] || continue
		name=$(basename "$program")
		[ -z "$ONLY" ] || [[ "$name" =~ $ONLY ]] || continue
		run_program "$program" "tests/fuzz/corpus/${name#fuzz_}"
	done
}

run_browser() {
	local log="$LOGS/browser.log" status ok bad skip
	SAFELIGHT_URL="http://127.0.0.1:$PORT_BASE" SCREENSHOT_DIR="$LOGS" timeout --kill-after=10 "$TEST_SECONDS" \
		tests/browser/run.sh >"$log" 2>&1
	status=$?
	ok=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
	bad=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
	skip=$(sed -n 's/^# skipped \([0-9]*\)$/\1/p' "$log" | tail -n 1)
	ok=${ok:-0} bad=${bad:-0} skip=${skip:-0}
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ $((ok + bad + skip)) -eq 0 ]; then bad=$((bad + 1)); fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '  %-28s %3d passed %3d failed %3d skipped\n' browser "$ok" "$bad" "$skip"
	if [ "$bad" -gt 0 ]; then
		note_failures browser "$log"
		sed 's/^/    | /' "$log" | tail -n 80
	fi
}

start_stack() {
	export SAFELIGHT_CONFIG="$RUN_DIR/safelight.conf" SAFELIGHT_STACK="$PWD/deploy/local/stack.sh"
	export SLOW_WORKERS=0 # see deploy/local/config.sh
	printf 'starting the test stack (%s, ports from %s)\n' "$RUN_DIR" "$PORT_BASE"
	FORCE=1 deploy/local/stack.sh reset >"$LOGS/stack.log" 2>&1
	if ! deploy/local/stack.sh up >>"$LOGS/stack.log" 2>&1; then
		sed 's/^/    | /' "$LOGS/stack.log" | tail -n 60
		failed=$((failed + 1))
		return 1
	fi
}

stop_stack() {
	[ -z "$KEEP_STACK" ] || return 0
	if [ "$failed" -gt 0 ]; then
		rm -rf "$LOGS/stack-logs"
		cp -r "$RUN_DIR/logs" "$LOGS/stack-logs" 2>/dev/null && printf 'the stack'"'"'s logs are in %s\n' "$LOGS/stack-logs"
	fi
	FORCE=1 deploy/local/stack.sh reset >>"$LOGS/stack.log" 2>&1
}

mkdir -p "$LOGS"
stack_wanted=
for part in "$@"; do
	case "$part" in
	integration | deploy | browser) stack_wanted=1 ;;
	esac
done
for part in "$@"; do
	case "$part" in
	lint) printf 'lint\n' && run_lint ;;
	unit) printf 'unit tests\n' && run_programs unit && run_fuzz_replays ;;
	contracts) printf 'contracts\n' && run_program tests/cloudfront/test.sh && run_program tests/openapi/document.sh ;;
	packages) printf 'packages and backup\n' && run_program tests/docker/test.sh && run_program tests/deploy/packages.sh && run_program tests/deploy/backup.sh ;;
	integration | deploy | browser) ;;
	*) printf 'unknown part: %s\n' "$part" >&2 && exit 64 ;;
	esac
done
if [ -n "$stack_wanted" ]; then
	trap stop_stack EXIT
	trap 'exit 130' INT TERM
	if start_stack; then
		for part in "$@"; do
			case "$part" in
			integration) printf 'integration tests\n' && run_programs integration ;;
			deploy) printf 'deployment tests\n' && run_program tests/deploy/observe.sh && run_program tests/deploy/growth.sh && run_program tests/deploy/blue_green.sh ;;
			browser) printf 'browser tests\n' && run_browser && run_program tests/openapi/answers.sh ;;
			esac
		done
	fi
	trap - EXIT
	stop_stack
fi
if [ "${#failures[@]}" -gt 0 ]; then
	printf 'what failed:\n'
	printf '  %s\n' "${failures[@]}" | cut -c 1-300 | tail -n 60
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
