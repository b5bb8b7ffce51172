#!/usr/bin/env bash
# The decoder against sharp, vipsthumbnail and ImageMagick: the same photos, the same nine files of each, the same quality and
# effort (JPEG 80, WebP 75 at 4), both cores, alternated rounds. What is compared is photos per second of CPU time, by the
# median of the rounds' pairs; wall time, memory, bytes and scores stand beside it. Ends non-zero when short of a goal.
#
# BUILD: where the binaries are; PHOTOS (8: how many), ROUNDS (3), KEEP=1 keeps what was written. With SAFELIGHT_CONFIG of a
# running stack the whole path is timed, too. "Real" photos: the phones' of ../shared/data, then a Debian package's wallpapers.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/bench
BUILD=$(realpath "${BUILD:-build}")
PHOTOS=${PHOTOS:-8}
ROUNDS=${ROUNDS:-3}
WALLPAPERS=lomiri-wallpapers-16.04
SIDES=(planar general sharp_tuned sharp_clone vipsthumbnail imagemagick)
declare -A GOAL=([sharp_tuned]=1.35 [sharp_clone]=3.2 [vipsthumbnail]=3.5 [imagemagick]=3)

# in_halves COMMAND...: the command twice at once, with every other file each.
in_halves() {
	local first=() second=() index pid
	for index in "${!FILES[@]}"; do
		if ((index % 2 == 0)); then first+=("${FILES[index]}"); else second+=("${FILES[index]}"); fi
	done
	"$@" "${first[@]}" &
	pid=$!
	"$@" "${second[@]}"
	wait "$pid"
}

run_side() {
	mkdir -p "$WORK/$1"
	case $1 in
	planar | general) in_halves "$BUILD/tests/bench/transcode" "$1" "$WORK/$1" ;;
	sharp_*) node "$BUILD/bench/sharp/transcoder_sharp.mjs" "${1#sharp_}" "$WORK/$1" "${FILES[@]}" ;;
	*) in_halves "$HERE/transcoder_tools.sh" "$1" "$WORK/$1" ;;
	esac
}

# A side as a program of its own, so that its CPU time can be told.
if [ "${1:-}" = --side ]; then
	WORK=$3 FILES=("${@:4}")
	run_side "$2" >"$WORK/$2.log"
	exit 0
fi

say() { printf '%s\n' "$*"; }
for program in node npm vipsthumbnail convert-im6.q16; do
	command -v "$program" >/dev/null || { say "SKIPPED bench-transcoder: no $program (deploy/packages/check.txt)"; exit 0; }
done
WORK=$(mktemp -d)
[ -n "${KEEP:-}" ] || trap 'rm -rf -- "$WORK"' EXIT
trap 'exit 130' INT TERM

# sharp in a folder of the build's own, as the lock file says.
install_sharp() {
	mkdir -p "$BUILD/bench/sharp"
	cp "$HERE/package.json" "$HERE/package-lock.json" "$HERE/transcoder_sharp.mjs" "$BUILD/bench/sharp/"
	cmp -s "$HERE/package-lock.json" "$BUILD/bench/sharp/.installed" && return
	(cd "$BUILD/bench/sharp" && npm ci --no-audit --no-fund >/dev/null)
	cp "$HERE/package-lock.json" "$BUILD/bench/sharp/.installed"
}

fetch_wallpapers() {
	local cache=$BUILD/bench/wallpapers
	mkdir -p "$BUILD/bench"
	if [ ! -d "$cache" ]; then
		(cd "$WORK" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$WALLPAPERS" >/dev/null 2>&1 &&
			dpkg-deb -x "$WALLPAPERS"_*.deb tree && mv tree "$cache") || return 0
	fi
	find "$cache" -name '*.jpg' -size +500k -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2-
}

mapfile -t ALL < <(ls "$PWD"/../shared/data/phones/*.jpg 2>/dev/null || true; fetch_wallpapers)
FILES=("${ALL[@]:0:$PHOTOS}")
[ "${#FILES[@]}" -ge 2 ] || { say "SKIPPED bench-transcoder: no photos (../shared/data, package $WALLPAPERS)"; exit 0; }

median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }
# column NUMBER SIDE: that number of each round.
column() { awk -v n="$1" '{ print $n }' "$WORK/$2.times"; }

install_sharp
say "# ${#FILES[@]} photos, $ROUNDS rounds, $(nproc) cores, load $(cut -d ' ' -f 1 /proc/loadavg)"
for ((round = 0; round < ROUNDS; round++)); do
	for side in "${SIDES[@]}"; do
		"$BUILD/tests/bench/measure" "$WORK/$side.times" "$HERE/transcoder.sh" --side "$side" "$WORK" "${FILES[@]}"
	done
done

printf '# %-14s %12s %12s %10s %10s %8s %8s\n' side CPU-s/photo wall-s/photo MB/process kB/photo SSIM chroma
for side in "${SIDES[@]}"; do
	read -r bytes ssim chroma < <("$BUILD/tests/bench/score" "$WORK/$side" "${FILES[@]:0:4}")
	printf '# %-14s %12.3f %12.3f %10s %10s %8s %8s\n' "$side" \
		"$(column 2 "$side" | median | awk -v n="${#FILES[@]}" '{ print $1 / n }')" \
		"$(column 1 "$side" | median | awk -v n="${#FILES[@]}" '{ print $1 / n }')" \
		"$(column 3 "$side" | sort -n | tail -1)" "$bytes" "$ssim" "$chroma"
done
awk '{ for (i = 2; i < NF; i += 2) sum[$i] += $(i + 1); n++ }
	END { printf "# planar, mean of a photo: preview after %.0f ms, decoding and resizing %.0f ms, encoding %.0f ms\n",
		sum["preview_ms"] / n, sum["decode_ms"] / n, sum["encode_ms"] / n }' "$WORK/planar.log"

# One worker against two.
"$BUILD/tests/bench/measure" "$WORK/one.times" "$BUILD/tests/bench/transcode" planar - "${FILES[@]}" >/dev/null
say "# one worker: $(awk -v n="${#FILES[@]}" '{ printf "%.2f", n / $1 }' "$WORK/one.times") photos/s, two:" \
	"$(column 1 planar | median | awk -v n="${#FILES[@]}" '{ printf "%.2f", n / $1 }')"

short=0
# report NAME VALUE GOAL
report() {
	say "ratio $1 $2 goal $3"
	awk -v value="$2" -v goal="$3" 'BEGIN { exit !(value < goal) }' && short=1
	return 0
}
for side in sharp_tuned sharp_clone vipsthumbnail imagemagick; do
	report "cpu-$side" "$(paste <(column 2 "$side") <(column 2 planar) | awk '{ print $1 / $2 }' | median | xargs printf '%.2f')" "${GOAL[$side]}"
done
if [ -n "${SAFELIGHT_CONFIG:-}" ]; then
	"$BUILD/tests/bench/path" "${FILES[@]}" | tee "$WORK/path.log"
	while read -r _ name value _ goal; do
		awk -v value="$value" -v goal="$goal" 'BEGIN { exit !(value < goal) }' && { say "short: $name"; short=1; }
	done < <(grep '^ratio ' "$WORK/path.log")
else
	say "# the whole path was not timed: SAFELIGHT_CONFIG names no running stack"
fi
exit "$short"
