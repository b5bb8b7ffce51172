#!/usr/bin/env bash
# Every option stands in docs/configuration.md, which is printed from the option table, and nothing else does. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
binary="${BUILD:-build}/bin/safelightctl"
if [ ! -x "$binary" ]; then
	printf 'not ok 1 - docs/configuration.md is what --help-config prints (build first)\n1..1\n'
	exit 1
fi
offences=$(diff <(sed -n '/^```ini$/,/^```$/p' docs/configuration.md | sed '1d;$d') <("$binary" --help-config))
if [ -z "$offences" ]; then printf 'ok 1 - docs/configuration.md is what --help-config prints\n'; else printf 'not ok 1 - docs/configuration.md is what --help-config prints\n%s\n' "$offences"; fi
printf '1..1\n'
