#!/usr/bin/env bash
# The command-line tools' side of make bench-transcoder: the default preset's nine files of each photo, one photo after the
# other. usage: transcoder_tools.sh vipsthumbnail|imagemagick FOLDER FILE...
set -euo pipefail
mode=$1 folder=$2
shift 2
export VIPS_CONCURRENCY=1 MAGICK_THREAD_LIMIT=1 OMP_NUM_THREADS=1

# One call a variant. (Without --eprofile, which converts twice and would be slower: all of the photos are sRGB.)
run_vipsthumbnail() {
	local to=$folder/$2 width
	vipsthumbnail "$1" -s 160x160 --smartcrop attention -o "$to.square.jpg[Q=80,optimize_coding,strip]"
	for width in 320 640 1280 2048; do
		vipsthumbnail "$1" -s "${width}x10000>" -o "$to.w$width.jpg[Q=80,optimize_coding,strip]"
		vipsthumbnail "$1" -s "${width}x10000>" -o "$to.w$width.webp[Q=75,effort=4,strip]"
	done
}

# One call a photo: decoded once, smaller from larger, as its manual's -write does it.
run_imagemagick() {
	local to=$folder/$2 width sizes=()
	for width in 2048 1280 640 320; do
		sizes+=(-resize "${width}x>" -quality 80 -write "$to.w$width.jpg" -quality 75 -define webp:method=4 -write "$to.w$width.webp")
	done
	"${CONVERT:-convert-im6.q16}" -define jpeg:size=4096x4096 "$1" -auto-orient -strip "${sizes[@]}" \
		-resize '160x160^' -gravity center -extent 160x160 -quality 80 "$to.square.jpg"
}

for photo; do
	name=${photo##*/}
	"run_$mode" "$photo" "${name%%.*}"
done
