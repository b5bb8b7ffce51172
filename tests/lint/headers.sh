#!/usr/bin/env bash
# Each header compiles alone, says #pragma once, and opens with a comment; each .c opens with a comment. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
flags=(-std=gnu11 -D_GNU_SOURCE -Ilib -I. -isystem /usr/include/nats -Wall -Wextra -fsyntax-only -x c)
mapfile -t extra < <(pkg-config --cflags-only-I vips libpq libxml-2.0 libcurl | tr ' ' '\n' | sed -n 's/^-I/-isystem\n/p')
offences=
while IFS= read -r header; do
	# nginx's own headers need nginx's build tree: the module's rule compiles those.
	case "$header" in cdn-config/module/*) continue ;; esac
	printf '#include "%s"\n' "${header#lib/}" | gcc "${flags[@]}" "${extra[@]}" - 2>/tmp/headers.$$ || offences+="$header: $(head -n 3 /tmp/headers.$$)"$'\n'
done < <(git ls-files -co --exclude-standard '*.h')
rm -f /tmp/headers.$$
if [ -z "$offences" ]; then printf 'ok 1 - each header compiles alone\n'; else printf 'not ok 1 - each header compiles alone\n%s\n' "$offences"; fi

offences=$(git ls-files -co --exclude-standard '*.h' | xargs grep -L '^#pragma once')
if [ -z "$offences" ]; then printf 'ok 2 - each header has #pragma once\n'; else printf 'not ok 2 - each header has #pragma once\n%s\n' "$offences"; fi

offences=$(git ls-files -co --exclude-standard '*.[ch]' | while IFS= read -r file; do head -n 1 "$file" | grep -qE '^(//|/[*])' || printf '%s\n' "$file"; done)
if [ -z "$offences" ]; then printf 'ok 3 - each file opens with a comment\n'; else printf 'not ok 3 - each file opens with a comment\n%s\n' "$offences"; fi
printf '1..3\n'
