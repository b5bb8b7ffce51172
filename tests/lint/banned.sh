#!/usr/bin/env bash
# Calls that are never needed here, because they cannot be used safely or hide what happens. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
banned='strcpy|strcat|strncat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|system|popen|tmpnam|mktemp|rand|srand|alloca|localtime|gmtime|ctime|asctime|setjmp|longjmp|MHD_create_post_processor'
# libjpeg's errors must not return, and C has one way only; it stays in one file that does nothing else.
offences=$(git ls-files -co --exclude-standard '*.c' '*.h' | xargs grep -nE "(^|[^A-Za-z0-9_>.\"])($banned)[[:space:]]*\(" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*//' |
	grep -vE '^transcoder/decoder/planar_jpeg_error\.c:[0-9]+:.*(setjmp|longjmp)')
if [ -z "$offences" ]; then printf 'ok 1 - no banned call\n'; else printf 'not ok 1 - no banned call\n%s\n' "$offences"; fi

offences=$(git grep -nwE 'TODO|FIXME|XXX' -- '*.c' '*.h' '*.sh' '*.mjs' '*.js' '*.sql' Makefile ':!tests/lint/banned.sh')
if [ -z "$offences" ]; then printf 'ok 2 - nothing left open\n'; else printf 'not ok 2 - nothing left open\n%s\n' "$offences"; fi
printf '1..2\n'
