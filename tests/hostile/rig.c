// Running jobs in a decoder child, for tests.
#include "tests/hostile/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "media/preset.h"
#include "tests/unit/cmocka_all.h"

// The build folder, from where this test lies in it.
static void find_binary(const char *binary, char *ret_path, size_t size)
{
	char self[3072];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *override = getenv("SAFELIGHT_DECODER");

	assert_true(length > 0);
	self[length] = '\0';
	for (int i = 0; i < 3; i++) // BUILD/tests/integration/test_x
		*strrchr(self, '/') = '\0';
	if (override != NULL && strcmp(binary, "bin/safelight-decoder") == 0)
		(void)snprintf(ret_path, size, "%s", override);
	else
		(void)snprintf(ret_path, size, "%s/%s", self, binary);
}

static void set_default_job(struct wire_job *job)
{
	const struct preset *preset = preset_default();

	job->limits = (struct wire_limits){ 100000000, 30000, 200, 200, 64u << 20 };
	job->preview_first = true;
	for (size_t i = 0; i < preset->step_count; i++) {
		job->steps[job->step_count++] = preset->steps[i];
	}
	job->encodings[job->encoding_count++] = (struct wire_encoding){ FORMAT_JPEG, 80, 0 };
	job->encodings[job->encoding_count++] = (struct wire_encoding){ FORMAT_WEBP, 75, 4 };
}

void rig_init(struct rig *rig, const char *binary)
{
	*rig = (struct rig){ .deadline_ms = 60000 };
	find_binary(binary, rig->binary, sizeof(rig->binary));
	rig->config = (struct child_config){
		.decoder = rig->binary,
		.profile = "photo",
		.uid = 65534,
		.memory_bytes = 2ull << 30,
		.max_output_bytes = 64u << 20,
		.cpu_seconds = 60,
		.sandbox_required = true,
	};
	set_default_job(&rig->job);
}

void rig_done(struct rig *rig)
{
	child_free(rig->child);
	rig->child = NULL;
}

void rig_start(struct rig *rig)
{
	struct err err = { 0 };

	if (rig->child != NULL && child_is_alive(rig->child))
		return;
	rig_done(rig);
	if (child_spawn(&rig->config, &rig->child, &err) != RC_OK ||
	    child_wait_ready(rig->child, deadline_after_ms(20000), &err) != RC_OK)
		fail_msg("%s", err.text);
}

static enum rc take_facts(void *context, const struct wire_facts *facts, struct err *err)
{
	struct rig_result *result = context;

	(void)err;
	result->facts = *facts;
	result->has_facts = true;
	return RC_OK;
}

static enum rc take_variant(void *context, const struct wire_variant *about, int *fd, struct err *err)
{
	struct rig_result *result = context;
	struct rig_variant *variant = &result->variants[result->variant_count];

	(void)err;
	assert_true(result->variant_count < RIG_VARIANTS_MOST);
	if (result->variant_count++ == 0)
		result->first_variant_us = clock_monotonic_us() - result->wall_us; // the start, until the end is known
	variant->about = *about;
	variant->bytes = malloc(about->bytes);
	assert_non_null(variant->bytes);
	assert_int_equal(pread(*fd, variant->bytes, about->bytes, 0), about->bytes);
	return RC_OK;
}

void rig_run(struct rig *rig, const void *bytes, size_t length, struct rig_result *ret_result)
{
	const struct child_events events = { .context = ret_result, .facts = take_facts, .variant = take_variant };
	CLEANUP(close_descriptor) int input = -1;

	*ret_result = (struct rig_result){ 0 };
	rig_start(rig);
	assert_int_equal(file_new_memory("input", &input, NULL), RC_OK);
	if (length > 0)
		assert_int_equal(file_write_all(input, bytes, length, NULL), RC_OK);
	assert_int_equal(file_seal(input, NULL), RC_OK);
	ret_result->wall_us = clock_monotonic_us();
	ret_result->rc = child_run(rig->child, ++rig->job_number, &rig->job, input, deadline_after_ms(rig->deadline_ms),
	                           &events, &ret_result->outcome, &ret_result->err);
	ret_result->wall_us = clock_monotonic_us() - ret_result->wall_us;
}

void rig_result_done(struct rig_result *result)
{
	for (size_t i = 0; i < result->variant_count; i++)
		free(result->variants[i].bytes);
	*result = (struct rig_result){ 0 };
}

const struct rig_variant *rig_find(const struct rig_result *result, const char *name, enum media_format format)
{
	for (size_t i = 0; i < result->variant_count; i++) {
		const struct rig_variant *variant = &result->variants[i];

		if (variant->about.format == format && strcmp(variant->about.name, name) == 0)
			return variant;
	}
	return NULL;
}

uint64_t rig_peak_bytes(const struct rig *rig)
{
	CLEANUP(close_stream) FILE *stream = NULL;
	unsigned long long kilobytes = 0;
	char path[64], line[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)child_pid(rig->child));
	stream = fopen(path, "re");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		if (sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1)
			break;
	}
	assert_true(kilobytes > 0);
	return kilobytes * 1024;
}

bool rig_read(const char *folder, const char *name, uint8_t **ret_bytes, size_t *ret_length)
{
	char path[512];
	char *data = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (file_read(path, 64u << 20, &data, ret_length, NULL) != RC_OK)
		return false;
	*ret_bytes = (uint8_t *)data;
	return true;
}

bool rig_is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return false;
#endif
}

bool rig_skip_without_data(void)
{
	if (access(RIG_DATA "/README.md", R_OK) == 0)
		return false;
	print_message("SKIPPED: no development photos at " RIG_DATA "\n");
	return true;
}

void rig_assert_done(const char *name, const struct rig_result *result)
{
	if (result->rc != RC_OK || !result->outcome.done)
		fail_msg("%s: %s %s", name, result->err.text, result->outcome.detail);
}

void rig_run_file(struct rig *rig, const char *folder, const char *name, struct rig_result *ret_result)
{
	uint8_t *bytes = NULL;
	size_t length;

	assert_true(rig_read(folder, name, &bytes, &length));
	rig_run(rig, bytes, length, ret_result);
	free(bytes);
	rig_assert_done(name, ret_result);
}
