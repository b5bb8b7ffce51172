#!/bin/bash
# Installs the Debian packages that are missing: deploy/packages/install.sh [run|check]
#
# `run` takes what run.txt lists, `check` also check.txt. When all of it is there, nothing
# is done and no right is needed. It never starts a service and makes no system-wide
# database: the local stack starts its own, in its own folder.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
POLICY=/usr/sbin/policy-rc.d
CLUSTER_CONF=/etc/postgresql-common/createcluster.d/safelight-no-cluster.conf

die() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

# Prints the packages of the lists: the first word of each line that is no comment. A
# comment that begins with [PROGRAM] makes it wanted only where PROGRAM is not there.
list_packages() {
    local package comment
    while read -r package comment; do
        [[ -n $package && $package != '#'* ]] || continue
        if [[ $comment =~ ^'# ['([a-z0-9.-]+)']' ]] && command -v "${BASH_REMATCH[1]}" >/dev/null; then
            continue
        fi
        printf '%s\n' "$package"
    done < <(cat "$@")
}

# Reads package names, prints those that are not fully installed.
list_missing() {
    local wanted installed
    wanted=$(sort -u)
    # shellcheck disable=SC2086 # one word a package
    installed=$(dpkg-query --show --showformat '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
        awk '$1 == "ii" || $1 == "hi" { print $2 }' | sort -u)
    comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed")
}

is_installed() { [[ $(dpkg-query --show --showformat '${db:Status-Abbrev}' "$1" 2>/dev/null) == ?i* ]]; }

# Debian starts services as it installs them, and asks this file before. Where there is
# one already (containers), its owner has decided.
forbid_services() {
    [ ! -e "$POLICY" ] || return 0
    undo+=("$POLICY")
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 0755 "$POLICY"
}

# Installing Postgres makes and starts a cluster of its own, unless told otherwise before.
# Where it is installed already, its clusters are none of our business.
forbid_cluster() {
    ! is_installed postgresql-common || return 0
    mkdir -p "$(dirname "$CLUSTER_CONF")"
    undo+=("$CLUSTER_CONF")
    printf 'create_main_cluster = false\n' >"$CLUSTER_CONF"
}

remove_traces() { [ "${#undo[@]}" -eq 0 ] || rm -f "${undo[@]}"; }

run_apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get --option DPkg::Lock::Timeout=300 \
        --option Acquire::Retries=3 "$@"
}

# As root: everything that is done to the system happens here.
install_packages() {
    undo=()
    trap remove_traces EXIT
    trap 'exit 130' INT TERM
    printf 'installing %d packages: %s\n' $# "$*"
    # Old lists may still do, so that this works on a machine without a network.
    run_apt update -qq || printf 'install: the package lists could not be renewed\n' >&2
    forbid_services
    forbid_cluster
    run_apt install -qq --yes --no-install-recommends --option Dpkg::Use-Pty=0 \
        --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold "$@" ||
        die "apt-get could not install them; see above"
}

main() {
    local lists missing
    case ${1:-run} in
    run) lists=("$HERE/run.txt") ;;
    check) lists=("$HERE/run.txt" "$HERE/check.txt") ;;
    *) die "usage: deploy/packages/install.sh [run|check]" ;;
    esac
    command -v dpkg-query >/dev/null || die "this is no Debian; what is needed stands in deploy/packages/*.txt"
    missing=$(list_packages "${lists[@]}" | list_missing)
    [ -n "$missing" ] || return 0
    if [ "$EUID" -eq 0 ]; then
        # shellcheck disable=SC2086 # one word a package
        install_packages $missing
    elif command -v sudo >/dev/null; then
        exec sudo -- bash "$HERE/install.sh" "${1:-run}"
    else
        die "you are not root and there is no sudo. As root: apt-get install --no-install-recommends ${missing//$'\n'/ }"
    fi
}

main "$@"
