#!/usr/bin/env bash
# Installs the reference library (quick when nothing changed) and runs verify.mjs. Exits 77 where there is no npm.
set -euo pipefail
cd "$(dirname "$0")"
command -v npm >/dev/null || exit 77
stamp=node_modules/.installed
if ! cmp -s package-lock.json "$stamp"; then
	npm ci >&2
	cp package-lock.json "$stamp"
fi
exec node verify.mjs
