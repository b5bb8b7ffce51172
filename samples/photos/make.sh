#!/bin/bash
# Makes the sample photos anew: compiles scenes.c, paints the scenes, and writes them as JPEG, PNG and WebP with libvips.
# Needs a C compiler and the vips tool (Debian: gcc, libvips-tools). The results are committed; run this only to change them.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=gnu11 -O2 -ffp-contract=off -o "$work/scenes" scenes.c -lm

paint() { # NAME WIDTH HEIGHT
	"$work/scenes" "$1" "$2" "$3" rgb >"$work/$1.ppm"
}

# An EXIF block (big-endian TIFF, offsets from its MM) as cameras write it: orientation 6, maker and a place, so that the sample
# shows both that pictures come out upright and that no place leaks into a variant. The place is Point Nemo, far from any land.
exif_block() {
	printf '\xff\xe1\x00\xb6Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08'
	printf '\x00\x03'                                         #   8: three entries
	printf '\x01\x0f\x00\x02\x00\x00\x00\x0a\x00\x00\x00\x32' # Make: 10 characters at 50
	printf '\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00' # Orientation 6: turn right to see it upright
	printf '\x88\x25\x00\x04\x00\x00\x00\x01\x00\x00\x00\x3c' # the GPS entries are at 60
	printf '\x00\x00\x00\x00'                                 # no further directory
	printf 'Safelight\x00'                                    #  50
	printf '\x00\x05'                                         #  60: five entries
	printf '\x00\x00\x00\x01\x00\x00\x00\x04\x02\x03\x00\x00' # GPS version 2.3
	printf '\x00\x01\x00\x02\x00\x00\x00\x02S\x00\x00\x00'
	printf '\x00\x02\x00\x05\x00\x00\x00\x03\x00\x00\x00\x7e' # latitude: three fractions at 126
	printf '\x00\x03\x00\x02\x00\x00\x00\x02W\x00\x00\x00'
	printf '\x00\x04\x00\x05\x00\x00\x00\x03\x00\x00\x00\x96' # longitude: three fractions at 150
	printf '\x00\x00\x00\x00'
	printf '\x00\x00\x00\x30\x00\x00\x00\x01\x00\x00\x00\x34\x00\x00\x00\x01\x00\x00\x00\x24\x00\x00\x00\x01' # 126: 48° 52′ 36″
	printf '\x00\x00\x00\x7b\x00\x00\x00\x01\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x24\x00\x00\x00\x01' # 150: 123° 23′ 36″
}

paint ridges 2400 1600
vips jpegsave "$work/ridges.ppm" ridges.jpg --Q 82 --optimize-coding --strip
paint tide 1200 1600
vips jpegsave "$work/tide.ppm" tide.jpg --Q 80 --interlace --strip
paint ember 1120 840
vips jpegsave "$work/ember.ppm" ember.jpg --Q 50 --optimize-coding --strip
paint aurora 1600 1000
vips webpsave "$work/aurora.ppm" aurora.webp --Q 80 --strip

paint iris 560 560
"$work/scenes" iris 560 560 alpha >"$work/iris-alpha.pgm"
vips bandjoin "$work/iris.ppm $work/iris-alpha.pgm" "$work/iris.v"
vips copy "$work/iris.v" "$work/iris-srgb.v" --interpretation srgb
vips pngsave "$work/iris-srgb.v" iris.png --compression 9 --filter all --strip

# Stored lying on its side, as a phone held upright stores it.
paint dunes 1200 1600
vips rot "$work/dunes.ppm" "$work/dunes.v" d270
vips jpegsave "$work/dunes.v" "$work/dunes.jpg" --Q 78 --optimize-coding --strip
{
	printf '\xff\xd8'
	exif_block
	tail -c +3 "$work/dunes.jpg"
} >dunes-exif6.jpg

ls -l -- *.jpg *.png *.webp
