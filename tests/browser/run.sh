#!/bin/bash
# Installs what the browser tests need (quick when nothing changed) and runs them. SAFELIGHT_URL names the running stack.
#
#     SAFELIGHT_URL=http://127.0.0.1:8080 tests/browser/run.sh [test file …]
set -euo pipefail
cd "$(dirname "$0")"

: "${SAFELIGHT_URL:?has to name the running stack, e.g. http://127.0.0.1:8080}"
major=$(node -p 'process.versions.node.split(".")[0]')
if ((major < 18)); then
	echo "tests/browser: node $major is too old, 18 or newer is needed" >&2
	exit 1
fi
stamp=node_modules/.installed
if ! cmp -s package-lock.json "$stamp"; then
	npm ci
	cp package-lock.json "$stamp"
fi
if (($# == 0)); then
	set -- *.test.mjs
fi
exec node --test "$@"
