#!/usr/bin/env bash
# Bytes, score and time of each format at several settings over real photos: make bench-quality (PHOTOS="a.jpg b.jpg …" takes others).
set -euo pipefail
cd "$(dirname "$0")/../.."

BUILD=$(realpath "${BUILD:-build}")
DATA=../shared/data
# shellcheck source=tests/bench/photos.sh
source tests/bench/photos.sh

if [ -z "${PHOTOS:-}" ] && [ ! -d "$DATA/phones" ]; then
	printf 'SKIPPED: bench-quality: no development photos at %s\n' "$DATA" >&2
	exit 0
fi
if [ -n "${PHOTOS:-}" ]; then
	read -ra photos <<<"$PHOTOS"
else
	mapfile -t photos < <(ls "$DATA"/phones/*.jpg "$DATA"/orientation/Landscape_1.jpg && list_wallpapers lomiri-wallpapers-16.04 | head -n 8)
fi
"$BUILD/tests/bench/quality" "${photos[@]}"
