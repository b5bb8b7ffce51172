#!/usr/bin/env bash
# One layout: clang-format for C, shellcheck for shell, nothing of this machine or of a registry in any file. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
offences=$(git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | head -n 20)
if [ -z "$offences" ]; then printf 'ok 1 - clang-format\n'; else printf 'not ok 1 - clang-format\n%s\n' "$offences"; fi
offences=$(git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck -x -S warning 2>&1 | head -n 40)
if [ -z "$offences" ]; then printf 'ok 2 - shellcheck\n'; else printf 'not ok 2 - shellcheck\n%s\n' "$offences"; fi
offences=$(git grep -nIE '(^|[^A-Za-z0-9_./-])/(work|farm)/|deb\.debian\.org|registry\.npmjs' -- . ':!tests/lint/format.sh')
if [ -z "$offences" ]; then printf 'ok 3 - no registry and no path of a machine\n'; else printf 'not ok 3 - no registry and no path of a machine\n%s\n' "$offences"; fi
printf '1..3\n'
