// Grades what make bench-transcoder's sides have written, against all of the original's pixels
// (tests/hostile/grading.h).
//
// usage: score PHOTO... -- FOLDER... prints a line a folder: bytes of all variants (mean of a photo), SSIM of luma and
// mean difference of chroma over the variants of 640 and 1280 pixels.
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

#define FOLDERS_MOST 16

struct totals {
	double bytes, ssim, chroma;
	unsigned photos, graded;
};

struct photo {
	char name[256]; // without folder and ending
	char *bytes;
	size_t length;
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

// The reference is kept from call to call, until the size is another.
static bool add_score(const char *folder, const char *variant, const struct photo *photo,
                      struct picture_pixels *reference, struct totals *totals)
{
	CLEANUP(free_pointer) char *bytes = NULL;
	struct picture_pixels picture;
	struct score score;
	char path[4096];
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/%s.%s", folder, photo->name, variant);
	if (file_read(path, 64u << 20, &bytes, &size, NULL) != RC_OK ||
	    !picture_decode((const uint8_t *)bytes, size, &picture)) {
		(void)fprintf(stderr, "score: no %s\n", path);
		return false;
	}
	if (reference->width != picture.width || reference->height != picture.height) {
		free(reference->rgba);
		grading_make_reference(photo->bytes, photo->length, picture.width, picture.height, reference);
	}
	score = grading_score(&picture, reference);
	totals->ssim += score.ssim;
	totals->chroma += score.chroma;
	totals->graded++;
	free(picture.rgba);
	return true;
}

static bool read_photo(const char *path, struct photo *photo)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(photo->name, sizeof(photo->name), "%s", slash == NULL ? path : slash + 1);
	photo->name[strcspn(photo->name, ".")] = '\0';
	return file_read(path, 256u << 20, &photo->bytes, &photo->length, NULL) == RC_OK;
}

static bool add_photo(const char *path, char **folders, size_t folder_count, struct totals *totals)
{
	static const char *const variants[] = { "w640.jpg", "w640.webp", "w1280.jpg", "w1280.webp" };
	struct picture_pixels reference = { 0 };
	struct photo photo = { 0 };
	bool done = read_photo(path, &photo);

	for (size_t i = 0; done && i < sizeof(variants) / sizeof(variants[0]); i++) {
		for (size_t j = 0; done && j < folder_count; j++)
			done = add_score(folders[j], variants[i], &photo, &reference, &totals[j]);
	}
	for (size_t j = 0; done && j < folder_count; j++)
		add_bytes(folders[j], photo.name, &totals[j]);
	free(reference.rgba);
	free(photo.bytes);
	return done;
}

int main(int argument_count, char **arguments)
{
	struct failure failure = { 0 };
	struct totals totals[FOLDERS_MOST] = { { 0 } };
	char **folders = arguments + 1;
	size_t folder_count;

	while (*folders != NULL && strcmp(*folders, "--") != 0)
		folders++;
	folder_count = *folders == NULL ? 0 : (size_t)(arguments + argument_count - ++folders);
	if (folder_count == 0 || folder_count > FOLDERS_MOST) {
		(void)fputs("usage: score PHOTO... -- FOLDER...\n", stderr);
		return 2;
	}
	if (!codecs_start(&profile_photo, &failure))
		return 1;
	for (char **path = arguments + 1; path < folders - 1; path++) {
		if (!add_photo(*path, folders, folder_count, totals))
			return 1;
	}
	for (size_t i = 0; i < folder_count; i++)
		printf("%.0f %.4f %.2f\n", totals[i].bytes / totals[i].photos / 1000, totals[i].ssim / totals[i].graded,
		       totals[i].chroma / totals[i].graded);
	return 0;
}
