# shellcheck shell=bash
# The real photos of the benches: the phones' of ../shared/data, and wallpapers (photographs under free licences) of two
# Debian packages, fetched once into the build's folder. For sourcing, at the tree's root, with BUILD set.

# list_wallpapers PACKAGE: its photos, or none where it cannot be fetched.
list_wallpapers() {
	local folder=$BUILD/bench/wallpapers/$1 work
	if [ ! -d "$folder" ]; then
		mkdir -p "$BUILD/bench/wallpapers"
		work=$(mktemp -d -p "$BUILD/bench")
		if (cd "$work" && timeout 90 apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$1") >&2 &&
			dpkg-deb -x "$work/$1"_*.deb "$work/tree"; then
			mv -T "$work/tree" "$folder"
		else
			printf 'the photos of %s cannot be fetched\n' "$1" >&2
		fi
		rm -rf "$work"
	fi
	if [ -d "$folder" ]; then find "$folder" -name '*.jpg' -type f | sort; fi
}

# list_large_photos: all of both that have 8 megapixels and more, larger files first.
list_large_photos() {
	local photo
	{
		ls "$PWD"/../shared/data/phones/*.jpg 2>/dev/null || true
		list_wallpapers lomiri-wallpapers-16.04
		list_wallpapers lomiri-wallpapers-20.04
	} | while read -r photo; do
		if [ $(($(vipsheader -f width "$photo") * $(vipsheader -f height "$photo"))) -ge 7900000 ]; then
			printf '%s %s\n' "$(stat -c %s "$photo")" "$photo"
		fi
	done | sort -rn | cut -d ' ' -f 2-
}
