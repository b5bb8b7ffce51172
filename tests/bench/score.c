// Grades what make bench-transcoder's sides have written, against all of the original's pixels
// (tests/hostile/grading.h).
//
// usage: score FOLDER PHOTO... prints: bytes of all variants (mean of a photo), SSIM of luma and mean difference of
// chroma over the variants of 640 and 1280 pixels.
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/hostile/grading.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/profile.h"

struct totals {
	double bytes, ssim, chroma;
	unsigned photos, graded;
};

static void add_bytes(const char *folder, const char *name, struct totals *totals)
{
	char pattern[4096];
	struct stat status;
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/%s.*", folder, name);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			totals->bytes += stat(found.gl_pathv[i], &status) == 0 ? (double)status.st_size : 0;
	}
	globfree(&found);
	totals->photos++;
}

static bool add_score(const char *folder, const char *name, const char *variant, const char *photo, size_t length,
                      struct totals *totals)
{
	CLEANUP(free_pointer) char *bytes = NULL;
	struct picture_pixels picture, reference;
	struct score score;
	char path[4096];
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/%s.%s", folder, name, variant);
	if (file_read(path, 64u << 20, &bytes, &size, NULL) != RC_OK ||
	    !picture_decode((const uint8_t *)bytes, size, &picture)) {
		(void)fprintf(stderr, "score: no %s\n", path);
		return false;
	}
	grading_make_reference(photo, length, picture.width, picture.height, &reference);
	score = grading_score(&picture, &reference);
	totals->ssim += score.ssim;
	totals->chroma += score.chroma;
	totals->graded++;
	free(picture.rgba);
	free(reference.rgba);
	return true;
}

static bool add_photo(const char *folder, const char *path, struct totals *totals)
{
	static const char *const variants[] = { "w640.jpg", "w640.webp", "w1280.jpg", "w1280.webp" };
	CLEANUP(free_pointer) char *photo = NULL;
	const char *slash = strrchr(path, '/');
	char name[256];
	size_t length;

	(void)snprintf(name, sizeof(name), "%s", slash == NULL ? path : slash + 1);
	name[strcspn(name, ".")] = '\0';
	if (file_read(path, 256u << 20, &photo, &length, NULL) != RC_OK)
		return false;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (!add_score(folder, name, variants[i], photo, length, totals))
			return false;
	}
	add_bytes(folder, name, totals);
	return true;
}

int main(int argument_count, char **arguments)
{
	struct failure failure = { 0 };
	struct totals totals = { 0 };

	if (argument_count < 3) {
		(void)fputs("usage: score FOLDER PHOTO...\n", stderr);
		return 2;
	}
	if (!codecs_start(&profile_photo, &failure))
		return 1;
	for (int i = 2; i < argument_count; i++) {
		if (!add_photo(arguments[1], arguments[i], &totals))
			return 1;
	}
	printf("%.0f %.4f %.2f\n", totals.bytes / totals.photos / 1000, totals.ssim / totals.graded,
	       totals.chroma / totals.graded);
	return 0;
}
