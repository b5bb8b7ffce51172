#!/usr/bin/env bash
# The Debian packages: lintian has nothing to say, the units are hardened, and a bare Debian 12 installs, runs and purges them. Prints TAP.
# BUILD: the folder that is built. Needs root for the chroot.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/tap.sh
BUILD=${BUILD:-build}
WORK=$(mktemp -d)
ROOT=$WORK/root
EXPOSURE=25 # tenths: systemd-analyze security's scale

clean_up() {
	umount "$ROOT/proc" 2>/dev/null
	rm -rf --one-file-system "$WORK"
}
trap clean_up EXIT

inside() { chroot "$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

run_lintian() { lintian --allow-root --fail-on error,warning,info --tag-display-limit 0 "$BUILD"/deb/*.deb; }

is_hardened() { systemd-analyze security --offline=true --threshold="$EXPOSURE" "$1"; }

make_root() {
	mmdebstrap --mode=root --variant=apt --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io bookworm "$ROOT" &&
		mount -t proc proc "$ROOT/proc" && mkdir "$ROOT/debs" && cp "$BUILD"/deb/*.deb "$ROOT/debs"
}

install_all() {
	inside apt-get update && inside sh -c 'apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io /debs/*.deb'
}

# Each program loads its libraries and tells its version; the decoder, which knows no options, is looked at with ldd.
programs_run() {
	local name
	for name in safelight-ingest safelight-transcoder safelight-api safelightctl; do
		inside "$name" --version && inside "$name" --check-config >/dev/null || return 1
	done
	! inside ldd /usr/libexec/safelight/safelight-decoder | grep 'not found'
}

configuration_is_read() {
	inside safelightctl --config /etc/safelight/safelight.conf --check-config >/dev/null || return 1
	printf '[ingest]\nlisten = 127.0.0.1:8081\nno_such_key = 1\n' >"$ROOT/bad.conf"
	! inside safelightctl --config /bad.conf --check-config 2>"$WORK/said" && grep -q 'bad.conf:3' "$WORK/said"
}

# Every credential that a unit loads and that is ours to make is there; every option that a unit sets exists.
units_fit() {
	local file name option
	for file in "$ROOT"/usr/lib/systemd/system/safelight-*.service; do
		while IFS=: read -r name _; do
			case $name in db_* | s3_* | nats_token) continue ;; esac
			[ -s "$ROOT/etc/safelight/secrets/$name" ] || { echo "$file: no secret $name"; return 1; }
		done < <(sed -n 's/^LoadCredential=//p' "$file")
		while read -r option; do
			inside env "$option=/etc/safelight/secrets/cursor_key" safelightctl --check-config >/dev/null || { echo "$file: $option"; return 1; }
		done < <(sed -n 's/^Environment=\(SAFELIGHT_[A-Z0-9_]*_FILE\)=.*/\1/p' "$file" | grep -v CDN_KEYS)
		while read -r file; do
			[ -x "$ROOT$file" ] || { echo "not there: $file"; return 1; }
		done < <(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$file")
	done
}

secrets_are_private() {
	[ "$(inside stat -c '%a %U' /etc/safelight/secrets/jwt_key)" = '600 root' ] &&
		[ "$(inside stat -c '%a %U' /etc/safelight/secrets/cdn_keys /etc/safelight/secrets/resize_token | sort -u)" = '600 safelight-edge' ]
}

secrets_stay() {
	local before
	before=$(sha256sum "$ROOT"/etc/safelight/secrets/*)
	inside sh -c 'dpkg --install /debs/safelight-common_*.deb' && [ "$(sha256sum "$ROOT"/etc/safelight/secrets/*)" = "$before" ]
}

edge_renders() {
	printf '%040d\n' 0 >"$ROOT/s3_edge"
	cat >"$ROOT/edge.conf" <<-'CONF'
		[cdn]
		keys_file = /etc/safelight/secrets/cdn_keys
		purge_token_file = /etc/safelight/secrets/purge_token
		on_demand = true
		[transcoder]
		resize_token_file = /etc/safelight/secrets/resize_token
		[edge]
		secret_key_file = /s3_edge
	CONF
	inside sh -c 'chown safelight-edge /s3_edge && chmod 0600 /s3_edge && install -d -o safelight-edge /var/lib/safelight-edge' &&
		inside setpriv --reuid safelight-edge --regid safelight-edge --clear-groups env SAFELIGHT_CONFIG=/edge.conf safelight-edge render
}

migrations_are_found() {
	# Without a database it must fail for want of one, and not for want of its files.
	local status=0
	inside env SAFELIGHT_DATABASE_PORT=9 safelightctl migrate >"$WORK/said" 2>&1 || status=$?
	printf 'exit status %d: %s\n' "$status" "$(cat "$WORK/said")"
	[ "$status" -eq 69 ] && ! grep -q 'folder of migrations' "$WORK/said" && diff -r lib/db/migrations "$ROOT/usr/share/safelight/migrations"
}

purge_all() {
	inside sh -c 'dpkg --purge $(dpkg-query --show --showformat "\${Package}\n" "safelight*")' &&
		[ ! -e "$ROOT/etc/safelight" ] && [ -z "$(find "$ROOT/usr" -name '*safelight*')" ]
}

check 'make deb' make -s BUILD="$BUILD" deb
check 'lintian: no error, warning or hint' run_lintian
for unit in deploy/systemd/*.service; do
	check "$(basename "$unit"): exposure at most $((EXPOSURE / 10)).$((EXPOSURE % 10))" is_hardened "$unit"
done
check 'a bare Debian 12' make_root
check 'apt installs all packages' install_all
check 'the programs run' programs_run
check 'the installed configuration is read, a mistake is told with its line' configuration_is_read
check 'the units name what is there' units_fit
check 'secrets are made, and private' secrets_are_private
check 'secrets outlive a reinstallation' secrets_stay
check 'the edge renders a configuration that nginx takes' edge_renders
check 'migrations are found' migrations_are_found
check 'purging leaves nothing' purge_all
end_checks
