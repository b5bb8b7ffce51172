// What a decoder child is ordered to do for a job: by the media's preset, owner and focal point, the pool and the
// configuration.
#include "transcoder/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/settings.h"
#include "media/preset_set.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/pool.h"
#include "transcoder/resize.h"
#include "transcoder/transcoder.h"

#define CONFIG                                                                                              \
	"[pool.fast]\n[pool.slow]\n[transcoder]\nmax_pixels = 1000001\nmax_side = 1002\nmax_frames = 103\n" \
	"max_pages = 104\nmax_output_bytes = 2000005\n"                                                     \
	"[preset.poster]\nstep.card = 400x300 contain\nencoding.jpeg = quality=91 required\n"               \
	"encoding.avif = quality=61 effort=4 pool=slow optional\nmetadata = copyright\nprofile = keep\n"

static struct settings *settings;
static struct transcoder transcoder;
static struct pool pool;

// The pool's part in an order, without its threads; no job here is on demand.
struct pool_live pool_read_live(struct pool *asked)
{
	return asked->live;
}

void resize_describe(const struct resize *resize, struct wire_job *job)
{
	(void)resize;
	(void)job;
	fail();
}

static int setup(void **state)
{
	char path[] = "/tmp/test_order_XXXXXX";
	struct err err = { 0 };
	(void)state;
	int fd = mkstemp(path);
	if (fd < 0 || write(fd, CONFIG, sizeof CONFIG - 1) != sizeof CONFIG - 1)
		return -1;
	(void)close(fd);
	enum rc rc = settings_load_for(path, "", &settings, &err);
	(void)unlink(path);
	if (rc == RC_OK)
		rc = preset_set_new(settings, &transcoder.presets, &err);
	if (rc != RC_OK)
		print_error("%s\n", err.text);
	transcoder.settings = settings;
	return rc == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	preset_set_free(transcoder.presets);
	settings_free(settings);
	return 0;
}

static struct task task_of(const char *pool_name, const char *preset)
{
	struct task task = { .pool = &pool, .claim = { .kind = MEDIA_PHOTO } };
	pool.live = (struct pool_live){ 0 };
	(void)snprintf(pool.name, sizeof pool.name, "%s", pool_name);
	(void)snprintf(task.claim.preset, sizeof task.claim.preset, "%s", preset);
	return task;
}

static void positions_are_asked_for_where_the_owner_keeps_them(void **state)
{
	struct wire_job job;
	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		struct task task = task_of("fast", "default");
		task.claim.keep_positions = kept == 1;
		order_make(&transcoder, &task, &job);
		assert_int_equal(job.keep_position, kept);
	}
}

static void the_medias_own_preset_counts(void **state)
{
	struct wire_job job;
	(void)state;
	struct task task = task_of("fast", "poster");
	order_make(&transcoder, &task, &job);
	assert_true(job.keep_copyright && job.keep_profile && job.preview_first && !job.has_focal);
	assert_int_equal(job.step_count, 1);
	assert_string_equal(job.steps[0].name, "card");
	assert_int_equal(job.encoding_count, 1);
	assert_int_equal(job.encodings[0].format, FORMAT_JPEG);
	assert_int_equal(job.encodings[0].quality, 91);
	task = task_of("slow", "poster");
	order_make(&transcoder, &task, &job);
	assert_int_equal(job.encoding_count, 1);
	assert_int_equal(job.encodings[0].format, FORMAT_AVIF);
	assert_int_equal(job.encodings[0].quality, 61);
	assert_int_equal(job.encodings[0].effort, 4);
	// Of a document all that is required, in its own pool; nothing else.
	task = task_of("document", "poster");
	task.claim.kind = MEDIA_DOCUMENT;
	order_make(&transcoder, &task, &job);
	assert_int_equal(job.encoding_count, 1);
	assert_int_equal(job.encodings[0].format, FORMAT_JPEG);
	// One that is not configured any more: the default.
	task = task_of("fast", "gone");
	order_make(&transcoder, &task, &job);
	assert_false(job.keep_copyright || job.keep_profile);
	assert_int_equal(job.step_count, preset_default()->step_count);
	assert_int_equal(job.encoding_count, 2);
}

static void the_focal_point_and_later_generations(void **state)
{
	struct wire_job job;
	(void)state;
	struct task task = task_of("fast", "default");
	task.claim.has_focal = true;
	task.claim.focal_x = 0.25;
	task.claim.focal_y = 1;
	task.claim.published_generation = 1;
	order_make(&transcoder, &task, &job);
	assert_true(job.has_focal);
	assert_int_equal(job.focal_x, WIRE_FOCAL_MOST / 4);
	assert_int_equal(job.focal_y, WIRE_FOCAL_MOST);
	assert_false(job.preview_first); // it shows when it is whole
}

// Each limit from its own setting; a pool's own number of pixels goes before the configuration's.
static void limits(void **state)
{
	struct wire_job job;
	(void)state;
	struct task task = task_of("fast", "default");
	order_make(&transcoder, &task, &job);
	assert_int_equal(job.limits.max_pixels, 1000001);
	assert_int_equal(job.limits.max_side, 1002);
	assert_int_equal(job.limits.max_frames, 103);
	assert_int_equal(job.limits.max_pages, 104);
	assert_int_equal(job.limits.max_output_bytes, 2000005);
	pool.live.max_pixels = 77;
	order_make(&transcoder, &task, &job);
	assert_int_equal(job.limits.max_pixels, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_are_asked_for_where_the_owner_keeps_them),
		cmocka_unit_test(the_medias_own_preset_counts),
		cmocka_unit_test(the_focal_point_and_later_generations),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
