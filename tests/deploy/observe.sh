#!/usr/bin/env bash
# Metrics, rules, dashboards and runbooks against the running stack: whatever is named exists, whatever exists follows Prometheus' conventions and stays
# small. Prints TAP. SAFELIGHT_CONFIG and PORT_BASE name the stack.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/tap.sh
: "${PORT_BASE:?}"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
SERVICES=(ingest:1 api:2 transcoder:3 edge:9)
SERIES_MOST=200 # of one name in one process, a histogram's buckets aside

scrape() { curl --silent --show-error --fail --max-time 5 --noproxy '*' "http://127.0.0.1:$((PORT_BASE + ${1#*:}))/metrics" >"$WORK/${1%:*}"; }

follows_conventions() { promtool check metrics <"$WORK/$1" && grep -q '^process_\|^safelight_edge' "$WORK/$1"; }

# No label may hold what clients make: ids, paths, addresses.
is_bounded() {
	! grep -nE '[0-9a-f]{8}-[0-9a-f]{4}-|="[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+' "$WORK/$1" || return 1
	grep -v '^#\|_bucket{' "$WORK/$1" | sed 's/[{ ].*//' | sort | uniq -c | awk -v most="$SERIES_MOST" -v name="$1" '$1 > most && $2 !~ /^safelight_http_request/ { print name ": " $2 " has " $1 " series"; bad = 1 } END { exit bad }'
}

# Names of metrics in a file, without what histograms append.
print_names() { grep -oE '\b(safelight|process)_[a-z0-9_]+' "$@" | sed 's/_bucket$//; s/_sum$//; s/_count$//' | sort -u; }

# Redis (its copies of shares, too), a replica and traces have metrics only where they are configured: those must stand in the source.
print_optional_names() { grep -rhoE '"safelight_(redis|replica|trace|api_share_copies)_[a-z0-9_]+"' --include='*.c' lib ingest metadata-api | tr -d '"'; }

names_exist() {
	local missing
	missing=$(comm -23 <(print_names -h "$@" | grep -v '^safelight_[a-z]*$') <({ sed -n 's/^# TYPE \([a-z0-9_]*\) .*/\1/p' "$WORK"/{ingest,api,transcoder,edge}; print_optional_names; } | sort -u))
	[ -z "$missing" ] || { printf 'no process has: %s\n' "$missing"; return 1; }
	[ "$(print_names -h "$@" | wc -l)" -gt 5 ]
}

records_exist() {
	local missing
	missing=$(comm -23 <(grep -ohE 'safelight:[a-z_]+:ratio_[0-9a-z]+' deploy/prometheus/alerts.yml deploy/grafana/safelight.json | sort -u) <(sed -n 's/^ *- record: //p' deploy/prometheus/recording.yml | sort -u))
	[ -z "$missing" ] || { printf 'not recorded: %s\n' "$missing"; return 1; }
}

pages_exist() {
	local alert
	while read -r alert; do
		[ -s "docs/runbooks/$alert.md" ] || { echo "no page for $alert"; return 1; }
		grep -q "runbook: docs/runbooks/$alert.md" deploy/prometheus/alerts.yml || { echo "$alert names no page"; return 1; }
		grep -q "name: $alert\$" deploy/prometheus/alerts_test.yml || { echo "$alert has no test"; return 1; }
	done < <(sed -n 's/^ *- alert: //p' deploy/prometheus/alerts.yml)
	[ "$(find docs/runbooks -name '*.md' | wc -l)" -eq "$(grep -c -- '- alert:' deploy/prometheus/alerts.yml)" ]
}

# Every query of the dashboard is one that Prometheus can parse.
queries_parse() {
	{
		printf 'groups:\n  - name: dashboard\n    rules:\n'
		jq -r '.panels[].targets[]?.expr' deploy/grafana/safelight.json | sed 's/\$__rate_interval/1m/g' | awk '{ printf "      - record: panel:%d\n        expr: |\n          %s\n", NR, $0 }'
	} >"$WORK/dashboard.yml"
	promtool check rules "$WORK/dashboard.yml" && [ "$(jq '[.panels[] | select(.type == "timeseries")] | length' deploy/grafana/safelight.json)" -ge 15 ]
}

for service in "${SERVICES[@]}"; do
	name=${service%:*}
	check "$name is scraped" scrape "$service"
	check "$name follows the conventions" follows_conventions "$name"
	check "$name's labels are bounded" is_bounded "$name"
done
check 'prometheus.yml and its rules' promtool check config deploy/prometheus/prometheus.yml
check 'every alert fires when it should, none on a quiet day' promtool test rules deploy/prometheus/alerts_test.yml
check 'rules name metrics that exist' names_exist deploy/prometheus/recording.yml deploy/prometheus/alerts.yml
check 'the dashboard names metrics that exist' names_exist deploy/grafana/safelight.json
sed 's/safelight_http_requests_per_second//' deploy/scaling/*.yaml >"$WORK/scaling"
check 'the scaling examples name metrics that exist' names_exist "$WORK/scaling"
check 'the operating guide names metrics that exist' names_exist docs/operating.md docs/runbooks/*.md
check 'alerts and dashboard use what is recorded' records_exist
check "the dashboard's queries parse" queries_parse
check 'every alert has its page and its test' pages_exist
end_checks
