#!/usr/bin/env bash
# Bytes, score and time of each format at several settings over real photos: make bench-quality (PHOTOS="a.jpg b.jpg …" takes others).
set -euo pipefail
cd "$(dirname "$0")/../.."

BUILD="${BUILD:-build}"
DATA=../shared/data
WALLPAPERS=lomiri-wallpapers-16.04

# Photographs under free licences from a Debian package, fetched once.
fetch_wallpapers() {
	local folder="$BUILD/bench/wallpapers"
	if [ ! -d "$folder" ]; then
		mkdir -p "$BUILD/bench"
		local work
		work=$(mktemp -d -p "$BUILD/bench")
		(cd "$work" && timeout 90 apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$WALLPAPERS") >&2 &&
			dpkg-deb -x "$work/$WALLPAPERS"_*.deb "$work/tree" && mv -T "$work/tree" "$folder" ||
			printf 'bench-quality: %s cannot be fetched\n' "$WALLPAPERS" >&2
		rm -rf "$work"
	fi
	if [ -d "$folder" ]; then find "$folder" -name '*.jpg' -type f | sort; fi
}

if [ -z "${PHOTOS:-}" ] && [ ! -d "$DATA/phones" ]; then
	printf 'SKIPPED: bench-quality: no development photos at %s\n' "$DATA" >&2
	exit 0
fi
if [ -n "${PHOTOS:-}" ]; then
	read -ra photos <<<"$PHOTOS"
else
	mapfile -t photos < <(ls "$DATA"/phones/*.jpg "$DATA"/orientation/Landscape_1.jpg && fetch_wallpapers | head -n 8)
fi
"$BUILD/tests/bench/quality" "${photos[@]}"
