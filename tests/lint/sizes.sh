#!/usr/bin/env bash
# Files and functions stay small: prints the distribution, fails on the maxima (file 500, header 200, function 60 lines). Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' '*.h' | sort)

summary() {
	sort -n | awk -v what="$1" '{ v[NR] = $1 } END { if (NR) printf "# %s: %d, median %d, p90 %d, max %d lines\n", what, NR, v[int((NR + 1) / 2)], v[int(NR * 0.9) + (NR < 2)], v[NR] }'
}
lines() { printf '%s\n' "${sources[@]}" | grep "$1" | xargs wc -l | awk '$2 != "total" { print $1 }'; }

# A function is what lies between a "{" and a "}" in the first column (tabs and Linux braces make that exact enough).
functions() {
	awk 'FNR == 1 { open = 0 }
	/^\{/ { open = FNR; name = previous }
	/^\}/ { if (open && $0 !~ /;/) print FNR - open + 1, FILENAME ":" open, name; open = 0 }
	/^[A-Za-z].*\(/ { previous = $0; sub(/\(.*/, "", previous) }' "$@"
}

lines '\.c$' | summary 'source files'
lines '\.h$' | summary 'headers'
functions "${sources[@]}" | awk '{ print $1 }' | summary 'functions'

offences=$(wc -l "${sources[@]}" | awk '$2 != "total" && ($1 > 500 || ($1 > 200 && $2 ~ /\.h$/)) { print $1, $2 }')
if [ -z "$offences" ]; then printf 'ok 1 - files stay small\n'; else printf 'not ok 1 - files stay small\n%s\n' "$offences"; fi
offences=$(functions "${sources[@]}" | awk '$1 > 60 { print }')
if [ -z "$offences" ]; then printf 'ok 2 - functions stay small\n'; else printf 'not ok 2 - functions stay small\n%s\n' "$offences"; fi
printf '1..2\n'
