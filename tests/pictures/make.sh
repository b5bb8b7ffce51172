#!/usr/bin/env bash
# Makes the small pictures of this folder anew (they are committed; tests never run this): libvips's tools, ghostscript, python3.
# Each shows red, green, blue and white quarters, upright, so that a test sees turned, mirrored and miscoloured ones.
set -euo pipefail
cd "$(dirname "$0")"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
at() { printf '%s/%s' "$temporary" "$1"; }
# quarter NAME R G B WIDTH HEIGHT
quarter() {
	vips black "$(at black.v)" "$5" "$6" --bands 3
	vips linear "$(at black.v)" "$(at "$1.v")" "1 1 1" "$2 $3 $4" --uchar
}
# quarters NAME WIDTH HEIGHT: sRGB, each quarter WIDTH x HEIGHT
quarters() {
	quarter r 224 32 32 "$2" "$3"
	quarter g 32 192 32 "$2" "$3"
	quarter b 32 32 224 "$2" "$3"
	quarter w 240 240 240 "$2" "$3"
	vips arrayjoin "$(at r.v) $(at g.v) $(at b.v) $(at w.v)" "$(at joined.v)" --across 2
	vips copy "$(at joined.v)" "$(at "$1.v")" --interpretation srgb
}
quarters base 48 32
base=$(at base.v)
vips jpegsave "$base" progressive.jpg --interlace
vips colourspace "$base" "$(at grey.v)" b-w
vips jpegsave "$(at grey.v)" grey.jpg
vips icc_transform "$base" "$(at cmyk.v)" cmyk --input-profile srgb
vips jpegsave "$(at cmyk.v)" cmyk.jpg --strip
vips tiffsave "$(at cmyk.v)" cmyk.tiff --compression lzw --strip
vips icc_transform "$base" "$(at p3.v)" p3 --input-profile srgb
vips jpegsave "$(at p3.v)" p3.jpg --Q 90
vips colourspace "$base" "$(at wide.v)" rgb16
vips pngsave "$(at wide.v)" deep.png
vips pngsave "$base" palette.png --palette
vips extract_band "$base" "$(at one.v)" 1
vips linear "$(at one.v)" "$(at alpha.v)" 1 0 --uchar
vips bandjoin "$base $(at alpha.v)" "$(at clear.v)"
vips pngsave "$(at clear.v)" alpha-interlaced.png --interlace
vips webpsave "$base" lossy.webp
vips webpsave "$(at clear.v)" lossless.webp --lossless
vips heifsave "$base" plain.heic --compression hevc --Q 80 --strip
vips heifsave "$base" still.avif --compression av1 --Q 70 --effort 4
vips tiffsave "$base" lzw.tiff --compression lzw
# Four frames: the quarters wander.
vips rot "$base" "$(at f2.v)" d180
vips flip "$base" "$(at f1.v)" horizontal
vips flip "$base" "$(at f3.v)" vertical
for frame in base f1 f2 f3; do vips pngsave "$(at $frame.v)" "$(at $frame.png)"; done
vips arrayjoin "$(at base.png) $(at f1.png) $(at f2.png) $(at f3.png)" "$(at strip.v)" --across 1
vips gifsave "$(at strip.v)" animated.gif --page-height 64
vips webpsave "$(at strip.v)" animated.webp --page-height 64 --lossless
vips tiffsave "$(at strip.v)" pages.tiff --page-height 64 --compression lzw
python3 make_heic.py plain.heic grid.heic
python3 make_exif.py progressive.jpg copyright.jpg
# One picture in each container that carries EXIF, full of what must never get out: position, serial numbers, names, comments, a
# thumbnail, XMP, IPTC. exiftool writes them, who is not among our own readers.
exiftool=(exiftool -q -overwrite_original)
vips jpegsave progressive.jpg "$(at thumbnail.jpg)" --strip
"${exiftool[@]}" -Comment=CANARY-thumbnail "$(at thumbnail.jpg)"
for source in progressive.jpg lzw.tiff deep.png lossy.webp plain.heic still.avif; do
	traces=traces.${source##*.}
	cp "$source" "$traces"
	"${exiftool[@]}" -Make='Lamp & Co' -Model=L-1 -LensModel='Lens 4.25mm f/1.8' -ISO=400 -ExposureTime=1/50 -FNumber=1.8 \
		-FocalLength=4.25 -FocalLengthIn35mmFormat=26 -DateTimeOriginal='2026:06:21 23:59:58' -OffsetTimeOriginal=-03:30 \
		-GPSLatitudeRef=N -GPSLatitude=64.145867 -GPSLongitudeRef=W -GPSLongitude=21.9405 '-GPSAltitudeRef#=1' -GPSAltitude=12.345 \
		-SerialNumber=CANARY-serial -LensSerialNumber=CANARY-lens -OwnerName=CANARY-owner -ImageUniqueID=CANARY-id \
		-UserComment=CANARY-comment -ImageDescription=CANARY-description -XMP:Creator=CANARY-xmp -XMP:Location=CANARY-place \
		-EXIF:Artist=CANARY-artist -EXIF:Copyright=CANARY-copyright "$traces"
done
"${exiftool[@]}" "-ThumbnailImage<=$(at thumbnail.jpg)" -IPTC:City=CANARY-iptc -Comment=CANARY-jpeg traces.jpg traces.tiff
