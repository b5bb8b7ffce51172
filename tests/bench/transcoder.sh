#!/usr/bin/env bash
# The decoder against sharp, vipsthumbnail and ImageMagick: the same photos, the same nine files of each, the same quality and
# effort (JPEG 80, WebP 75 at 4), both cores, alternated rounds. What is compared is photos per second of CPU time, by the
# median of the rounds' pairs; wall time, memory, bytes and scores stand beside it. Ends non-zero when short of a goal.
#
# BUILD: where the binaries are; PHOTOS (16: how many of photos.sh's large ones), ROUNDS (2), SIDES (which; those that are
# compared need planar), KEEP=1 keeps what was written. Afterwards the whole path is timed on a stack of its own (RUN_DIR,
# PORT_BASE), on SAFELIGHT_CONFIG's, or not at all (WHOLE_PATH=0).
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/bench
BUILD=$(realpath "${BUILD:-build}")
PHOTOS=${PHOTOS:-16}
ROUNDS=${ROUNDS:-2}
BACKLOG=12 # of tests/bench/path.c
read -ra SIDES <<<"${SIDES:-planar general sharp_tuned sharp_clone vipsthumbnail imagemagick}"
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
chmod 0711 "$WORK"
# shellcheck source=tests/bench/photos.sh
source tests/bench/photos.sh

# sharp in a folder of the build's own, as the lock file says.
install_sharp() {
	mkdir -p "$BUILD/bench/sharp"
	cp "$HERE/package.json" "$HERE/package-lock.json" "$HERE/transcoder_sharp.mjs" "$BUILD/bench/sharp/"
	cmp -s "$HERE/package-lock.json" "$BUILD/bench/sharp/.installed" && return
	(cd "$BUILD/bench/sharp" && npm ci --no-audit --no-fund >/dev/null)
	cp "$HERE/package-lock.json" "$BUILD/bench/sharp/.installed"
}

mapfile -t FILES < <(list_large_photos | head -n "$PHOTOS")
[ "${#FILES[@]}" -ge 2 ] || { say "SKIPPED bench-transcoder: no photos (tests/bench/photos.sh)"; exit 0; }

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
mapfile -t SCORES < <("$BUILD/tests/bench/score" "${FILES[@]:0:4}" -- "${SIDES[@]/#/$WORK/}")
for index in "${!SIDES[@]}"; do
	side=${SIDES[index]}
	read -r bytes ssim chroma <<<"${SCORES[index]}"
	printf '# %-14s %12.3f %12.3f %10s %10s %8s %8s\n' "$side" \
		"$(column 2 "$side" | median | awk -v n="${#FILES[@]}" '{ print $1 / n }')" \
		"$(column 1 "$side" | median | awk -v n="${#FILES[@]}" '{ print $1 / n }')" \
		"$(column 3 "$side" | sort -n | tail -1)" "$bytes" "$ssim" "$chroma"
done
awk '{ for (i = 2; i < NF; i += 2) sum[$i] += $(i + 1); n++ }
	END { printf "# planar, mean of a photo: preview after %.0f ms, decoding and resizing %.0f ms, encoding %.0f ms\n",
		sum["preview_ms"] / n, sum["decode_ms"] / n, sum["encode_ms"] / n }' "$WORK/planar.log"

short=0
# report NAME VALUE GOAL
report() {
	say "ratio $1 $2 goal $3"
	awk -v value="$2" -v goal="$3" 'BEGIN { exit !(value < goal) }' && short=1
	return 0
}
for side in "${SIDES[@]}"; do
	[ -n "${GOAL[$side]:-}" ] || continue
	report "cpu-$side" "$(paste <(column 2 "$side") <(column 2 planar) | awk '{ print $1 / $2 }' | median | xargs printf '%.2f')" "${GOAL[$side]}"
done

# What one worker and two do in the same time.
"$BUILD/tests/bench/measure" "$WORK/one.times" "$BUILD/tests/bench/transcode" planar "$WORK/planar" "${FILES[@]}" >/dev/null
"$BUILD/tests/bench/measure" "$WORK/two.times" "$HERE/transcoder.sh" --side planar "$WORK" "${FILES[@]}"
say "# one worker: $(awk -v n="${#FILES[@]}" '{ printf "%.2f", n / $1 }' "$WORK/one.times") photos/s," \
	"two: $(awk -v n="${#FILES[@]}" '{ printf "%.2f", n / $1 }' "$WORK/two.times")"
report two-workers "$(paste "$WORK/one.times" "$WORK/two.times" | awk '{ printf "%.2f", $1 / $4 }')" 1.3

# find_phone_photo: the first of a phone with 11 megapixels and more, as phones write it (baseline); else the first of all.
find_phone_photo() {
	local photo
	for photo in "${FILES[@]}"; do
		[[ $photo == */phones/* ]] || continue
		if [ $(($(vipsheader -f width "$photo") * $(vipsheader -f height "$photo"))) -ge 11000000 ]; then printf '%s\n' "$photo"; return; fi
	done
	printf '%s\n' "${FILES[0]}"
}

# time_path: tests/bench/path.c's lines, and the backlog's throughput beside that of the bare decoders on the same photos.
time_path() {
	local files photo
	files=("$(find_phone_photo)")
	for photo in "${FILES[@]:0:BACKLOG + 1}"; do
		if [ "$photo" != "${files[0]}" ] && [ "${#files[@]}" -le "$BACKLOG" ]; then files+=("$photo"); fi
	done
	"$BUILD/tests/bench/path" "${files[@]}" | tee "$WORK/path.log"
	while read -r _ name value _ goal; do
		awk -v value="$value" -v goal="$goal" 'BEGIN { exit !(value < goal) }' && { say "short: $name"; short=1; }
	done < <(grep '^ratio ' "$WORK/path.log")
	"$BUILD/tests/bench/measure" "$WORK/bare.times" "$HERE/transcoder.sh" --side planar "$WORK" "${files[@]}"
	report path-to-bare "$(awk 'NR == FNR { bare = $1; next } /^# all/ { printf "%.2f", bare * 1000 / $5 }' "$WORK/bare.times" "$WORK/path.log")" 0.8
}

if [ "${WHOLE_PATH:-1}" != 0 ] && [ -z "${SAFELIGHT_CONFIG:-}" ]; then
	export RUN_DIR=${RUN_DIR:-$WORK/run} PORT_BASE=${PORT_BASE:-24800} BUILD_DIR=$BUILD SAFELIGHT_STACK=$PWD/deploy/local/stack.sh
	trap 'FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1; [ -n "${KEEP:-}" ] || rm -rf -- "$WORK"' EXIT
	deploy/local/stack.sh up >/dev/null
	export SAFELIGHT_CONFIG=$RUN_DIR/safelight.conf
fi
[ "${WHOLE_PATH:-1}" = 0 ] || time_path
exit "$short"
