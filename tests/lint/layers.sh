#!/usr/bin/env bash
# Arrows point one way: which folder may include which, and which third-party header may stand where. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
test_number=0

# check NAME LINES: lines are offences (empty: none).
check() {
	test_number=$((test_number + 1))
	if [ -z "$2" ]; then
		printf 'ok %d - %s\n' "$test_number" "$1"
	else
		printf 'not ok %d - %s\n%s\n' "$test_number" "$1" "$2"
	fi
}

# allow FOLDER MODULE…: quoted includes of files below FOLDER may only name these modules.
allow() {
	local folder="$1" allowed
	shift
	allowed=$(IFS='|' && printf '%s' "$*")
	check "$folder includes only: $*" "$(grep -rnE '^#include "' --include='*.[ch]' "$folder" 2>/dev/null | grep -vE "#include \"($allowed)/")"
}

# only HEADER FOLDERS: a third-party header is included below these folders alone (tests may look over its shoulder).
only() {
	check "<$1> only in $2" "$(grep -rnE "^#include <$1" --include='*.[ch]' lib ingest transcoder metadata-api cdn-config safelightctl 2>/dev/null | grep -vE "^($2)")"
}

allow lib/base base
allow lib/media base media
allow lib/http base http
allow lib/db base db
allow lib/store base store
allow lib/bus base bus
allow lib/cache base cache
allow lib/catalog base db media catalog
allow ingest base media http db store bus cache catalog ingest
allow transcoder base media http db store bus catalog transcoder
allow transcoder/decoder base media transcoder/decoder transcoder/wire
allow transcoder/wire base media transcoder/wire
allow metadata-api base media http db store bus cache catalog metadata-api
allow cdn-config base media store cdn-config
allow safelightctl base media http db store bus cache catalog safelightctl
only 'libpq|<postgres' lib/db/
only 'nats' lib/bus/
only 'libs3' lib/store/
only 'hiredis' lib/cache/
only 'curl/' 'lib/(store|http)/'
only 'microhttpd' lib/http/
only 'jwt' lib/http/
only 'vips' transcoder/decoder/
only '(jpeglib|libheif|webp/)' transcoder/decoder/
only 'seccomp' transcoder/decoder/
only 'libexif' transcoder/decoder/
only 'fontconfig' transcoder/decoder/
only 'ngx_' cdn-config/
only 'sodium' 'lib/base/'
only 'openssl' 'lib/base/'
only 'magic' ingest/
only 'systemd/' lib/base/
only 'xxhash' lib/base/
printf '1..%d\n' "$test_number"
