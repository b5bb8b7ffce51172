#!/usr/bin/env bash
# Prints the manifest's lines of pictures (manifest.txt; tests never run this). exiftool says what they are, so that the decoder under
# test does not grade itself: it decodes nothing and shares no code with libvips.
#
#     tests/hostile/manifest.sh FILE… >>tests/hostile/manifest.txt     # in the checkout's folder
set -euo pipefail
for file in "$@"; do
	read -r width height frames orientation pages rotation < <(exiftool -n -f -T -ImageWidth -ImageHeight -FrameCount -Orientation \
		-PageCount -Rotation "$file" | tr '\t' ' ')
	[ "$orientation" != - ] || orientation=1
	[ "$pages" != - ] || pages=1
	[ "$frames" != - ] || frames=$({ grep -ao ANMF "$file" || true; } | wc -l)
	((frames > 0)) || frames=1
	# Upright: EXIF's turns, and HEIF's own.
	if ((orientation >= 5)) || [[ $rotation = 90 || $rotation = 270 ]]; then
		read -r width height <<<"$height $width"
	fi
	printf '%s ready %s %s %s %s %s %s\n' "$(sha256sum <"$file" | cut -d' ' -f1)" "$width" "$height" "$frames" "$pages" "$orientation" "$file"
done
