#!/usr/bin/env bash
# Installs what the contract's tests need (quick when nothing changed) and runs those of one file: run.sh document|answers.
# Prints TAP. BUILD_DIR: what was built; answers also wants SAFELIGHT_URL and SAFELIGHT_CONFIG of a running stack.
set -euo pipefail
cd "$(dirname "$0")"

export BUILD_DIR="${BUILD_DIR:-$(cd ../.. && pwd)/build}"
if ! command -v npm >/dev/null; then
	printf 'ok 1 - %s of the contract # SKIP npm is not here\n1..1\n' "$1"
	exit 0
fi
stamp=node_modules/.installed
if ! cmp -s package-lock.json "$stamp"; then
	npm ci >&2
	cp package-lock.json "$stamp"
fi
exec node --test-reporter=tap "$1.test.mjs"
