#!/usr/bin/env bash
# The Dockerfile and the Compose file: linted, and holding what the systemd units hold. They are not built here: there is no container engine. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
source ../tap.sh
COMPOSE=../../deploy/docker/compose.yml
DOCKERFILE=../../deploy/docker/Dockerfile

install_linters() {
	cmp -s package-lock.json node_modules/.installed && return
	npm ci && cp package-lock.json node_modules/.installed
}

# dockerfilelint's exit status is the number of its complaints.
lint_dockerfile() { node_modules/.bin/dockerfilelint -c . "$DOCKERFILE"; }
lint_compose() { node_modules/.bin/dclint --max-warnings 0 "$COMPOSE"; }

# print_secrets FILE: VARIABLE SECRET a line, of a unit or of a service of the Compose file.
unit_secrets() { sed -n 's|^Environment=\(SAFELIGHT_[A-Z0-9_]*_FILE\)=%d/\(.*\)|\1 \2|p' "$1" | sort; }
compose_secrets() { awk -v service="  $1:" '$0 == service { in_it = 1; next } /^  [a-z]/ { in_it = 0 } in_it' "$COMPOSE" | sed -n 's|^ *\(SAFELIGHT_[A-Z0-9_]*_FILE\): /run/secrets/\(.*\)|\1 \2|p' | sort; }
has_same_secrets() {
	[ -n "$(compose_secrets "$1")" ] && diff <(unit_secrets "$2") <(compose_secrets "$1")
}

# A service is given the secrets that it names, no more and no less.
lists_its_secrets() {
	local listed
	listed=$(awk -v service="  $1:" '$0 == service { in_it = 1; next } /^  [a-z]/ { in_it = 0 } in_it && /^    [a-z]/ { list = ($0 == "    secrets:") } in_it && list && /^      - / { print $2 }' "$COMPOSE" | sort)
	diff <(printf '%s\n' "$listed") <(compose_secrets "$1" | cut -d' ' -f2 | sort -u)
}

builds_from_control() {
	local package
	while read -r package; do
		grep -q "^ $package,\?\$" ../../deploy/debian/control || [ "$package" = build-essential ] || { echo "$package is not in Build-Depends"; return 1; }
	done < <(sed -n '/--- to build/,/--- to run/s/^\([a-z][a-z0-9.+-]*\) .*/\1/p' ../../deploy/packages/run.txt)
}

runs_as_nobody() { [ "$(grep -c '^USER ' "$DOCKERFILE")" -eq "$(grep -c '^ENTRYPOINT' "$DOCKERFILE")" ] && ! grep -qE '^USER (root|0)|privileged: true' "$DOCKERFILE" "$COMPOSE"; }

check 'the linters' install_linters
check 'dockerfilelint has nothing to say' lint_dockerfile
check 'dclint has nothing to say' lint_compose
check 'ingest holds what its unit holds' has_same_secrets ingest ../../deploy/systemd/safelight-ingest@.service
check 'api holds what its unit holds' has_same_secrets api ../../deploy/systemd/safelight-api@.service
check 'transcoder holds what its unit holds' has_same_secrets transcoder ../../deploy/systemd/safelight-transcoder.service
for service in ingest api transcoder edge ctl; do
	check "$service is given the secrets that it names" lists_its_secrets "$service"
done
check 'every image runs without root' runs_as_nobody
check 'the image is built with what the tree is built with' builds_from_control
end_checks
