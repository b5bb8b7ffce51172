# shellcheck shell=bash
# For tests in shell: each check is one line of TAP. Sourced; the number of checks is kept in `number`.
number=0

# check NAME COMMAND…: run it in a subshell; what it printed is shown, bounded, when it fails.
check() {
	local name=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		printf 'not ok %d - %s\n%s\n' "$number" "$name" "$output" | sed '2,$s/^/# /' | tail -n 41
	fi
}

# check_here NAME COMMAND…: the same in this shell, so that the command may set variables. WORK: a folder for its output.
check_here() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$WORK/output" 2>&1; then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		printf 'not ok %d - %s\n' "$number" "$name"
		sed 's/^/# /' "$WORK/output" | tail -n 40
	fi
}

# The plan, at the end.
end_checks() { printf '1..%d\n' "$number"; }
