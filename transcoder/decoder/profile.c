// The two profiles.
#include "transcoder/decoder/profile.h"

#include <stddef.h>
#include <string.h>

#include "media/format.h"
#include "transcoder/decoder/fonts.h"

const struct profile profile_photo = {
	.name = "photo",
	.formats = FORMAT_BIT(FORMAT_JPEG) | FORMAT_BIT(FORMAT_PNG) | FORMAT_BIT(FORMAT_WEBP) | FORMAT_BIT(FORMAT_GIF) |
	           FORMAT_BIT(FORMAT_TIFF) | FORMAT_BIT(FORMAT_HEIF) | FORMAT_BIT(FORMAT_AVIF),
};

const struct profile profile_document = {
	.name = "document",
	.formats = FORMAT_BIT(FORMAT_PDF) | FORMAT_BIT(FORMAT_SVG),
	.readable = fonts_folders,
};

const struct profile *profile_find(const char *name)
{
	static const struct profile *const profiles[] = { &profile_photo, &profile_document };

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(profiles[i]->name, name) == 0)
			return profiles[i];
	}
	return NULL;
}
