// Reading the manifest.
#include "tests/hostile/manifest.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "tests/unit/cmocka_all.h"

#define MANIFEST "tests/hostile/manifest.txt"

void manifest_read(struct manifest *ret_manifest)
{
	CLEANUP(close_stream) FILE *stream = fopen(MANIFEST, "re");
	char line[512];

	assert_non_null(stream);
	ret_manifest->count = 0;
	while (fgets(line, sizeof line, stream) != NULL) {
		struct manifest_line *one = &ret_manifest->lines[ret_manifest->count];

		if (line[0] == '#')
			continue;
		assert_true(ret_manifest->count < MANIFEST_LINES_MOST);
		if (sscanf(line, "%64[0-9a-f] %47s %u %u %u %u %u %63s", one->sha256, one->end, &one->width,
		           &one->height, &one->frames, &one->pages, &one->orientation, one->name) != 8)
			fail_msg("%s: %s", MANIFEST, line);
		ret_manifest->count++;
	}
}
