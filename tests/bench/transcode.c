// One worker of make bench-transcoder: the decoder's own code on a list of photos, without sandbox and supervisor.
//
// usage: transcode planar|general|both FOLDER|- FILE...
// Writes each photo's variants into the folder (-: nowhere), the default preset's nine with the preview first, and
// prints one line a photo: milliseconds to the last preview variant, milliseconds to the last variant, bytes written.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "media/preset.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/session.h"

struct output {
	const char *folder; // NULL: nowhere
	const char *photo;  // name without folder and ending
	uint64_t bytes;
};

static bool drop_facts(void *context, const struct wire_facts *facts, struct failure *failure)
{
	(void)context;
	(void)facts;
	(void)failure;
	return true;
}

static bool write_variant(void *context, const struct wire_variant *variant, const void *bytes, struct failure *failure)
{
	struct output *output = context;
	CLEANUP(close_stream) FILE *stream = NULL;
	char path[4096];

	output->bytes += variant->bytes;
	if (output->folder == NULL)
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s.%s.%s", output->folder, output->photo, variant->name,
	               media_format_info(variant->format)->extension);
	stream = fopen(path, "we");
	if (stream == NULL || fwrite(bytes, 1, variant->bytes, stream) != variant->bytes)
		return failure_set(failure, REASON_INTERNAL, "cannot write %s", path);
	return true;
}

static void make_job(struct wire_job *ret_job)
{
	const struct preset *preset = preset_default();
	struct wire_job job = { .limits = { 100000000, 30000, 200, 200, 64u << 20 }, .preview_first = true };

	for (size_t i = 0; i < preset->step_count; i++)
		job.steps[job.step_count++] = preset->steps[i];
	job.encodings[job.encoding_count++] = (struct wire_encoding){ FORMAT_JPEG, 80, 0 };
	job.encodings[job.encoding_count++] = (struct wire_encoding){ FORMAT_WEBP, 75, 4 };
	*ret_job = job;
}

static bool run_photo(const char *path, const struct wire_job *job, const char *which, struct output *output)
{
	const struct decode_path *const paths[] = { &decode_path_planar, &decode_path_general };
	const struct sink sink = { .context = output, .facts = drop_facts, .variant = write_variant };
	CLEANUP(free_pointer) char *bytes = NULL;
	size_t length, first = strcmp(which, "general") == 0 ? 1 : 0, count = strcmp(which, "both") == 0 ? 2 : 1;
	struct failure failure = { 0 };
	struct wire_done times;
	struct err err = { 0 };

	if (file_read(path, 256u << 20, &bytes, &length, &err) != RC_OK) {
		(void)fprintf(stderr, "%s: %s\n", path, err.text);
		return false;
	}
	output->bytes = 0;
	if (!session_run_by(paths + first, count, job, (const uint8_t *)bytes, length, &sink, &times, &failure)) {
		(void)fprintf(stderr, "%s: %s\n", path, failure.detail);
		return false;
	}
	printf("%s preview_ms %.1f total_ms %.1f decode_ms %.1f encode_ms %.1f bytes %llu\n", output->photo,
	       (double)times.preview_us / 1000, (double)times.total_us / 1000, (double)times.decode_us / 1000,
	       (double)times.encode_us / 1000, (unsigned long long)output->bytes);
	return true;
}

int main(int argument_count, char **arguments)
{
	struct failure failure = { 0 };
	struct wire_job job;

	if (argument_count < 4) {
		(void)fputs("usage: transcode planar|general|both FOLDER|- FILE...\n", stderr);
		return 2;
	}
	if (!codecs_start(&profile_photo, &failure)) {
		(void)fprintf(stderr, "%s\n", failure.detail);
		return 1;
	}
	codecs_block_savers();
	make_job(&job);
	for (int i = 3; i < argument_count; i++) {
		const char *slash = strrchr(arguments[i], '/');
		char name[256];
		struct output output = { .photo = name };

		(void)snprintf(name, sizeof(name), "%s", slash == NULL ? arguments[i] : slash + 1);
		name[strcspn(name, ".")] = '\0';
		if (strcmp(arguments[2], "-") != 0)
			output.folder = arguments[2];
		if (!run_photo(arguments[i], &job, arguments[1], &output))
			return 1;
	}
	return 0;
}
