// Presets as configuration: what a section says is what is taken, and what is wrong is named with file and line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "media/preset_set.h"
#include "tests/unit/cmocka_all.h"

static char path[] = "/tmp/safelight-presets-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static enum rc read_presets(const char *text, struct preset_set **ret_set, struct err *err)
{
	struct settings *settings = NULL;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(settings_load(path, &settings, err), RC_OK);
	enum rc rc = preset_set_new(settings, ret_set, err);
	settings_free(settings); // the set keeps nothing of it
	return rc;
}

static void assert_steps_equal(const struct preset_step *a, size_t a_count, const struct preset_step *b, size_t b_count)
{
	assert_int_equal(a_count, b_count);
	for (size_t i = 0; i < a_count; i++) {
		assert_string_equal(a[i].name, b[i].name);
		assert_int_equal(a[i].width, b[i].width);
		assert_int_equal(a[i].height, b[i].height);
		assert_int_equal(a[i].fit, b[i].fit);
		assert_int_equal(a[i].focus, b[i].focus);
		assert_int_equal(a[i].sharpen, b[i].sharpen);
	}
}

static void assert_equal(const struct preset *a, const struct preset *b)
{
	assert_string_equal(a->name, b->name);
	assert_steps_equal(a->steps, a->step_count, b->steps, b->step_count);
	assert_steps_equal(a->on_demand, a->on_demand_count, b->on_demand, b->on_demand_count);
	assert_int_equal(a->encoding_count, b->encoding_count);
	for (size_t i = 0; i < a->encoding_count; i++) {
		assert_int_equal(a->encodings[i].format, b->encodings[i].format);
		assert_int_equal(a->encodings[i].quality, b->encodings[i].quality);
		assert_int_equal(a->encodings[i].effort, b->encodings[i].effort);
		assert_int_equal(a->encodings[i].required, b->encodings[i].required);
		assert_string_equal(a->encodings[i].pool, b->encodings[i].pool);
	}
	assert_int_equal(a->keep_copyright, b->keep_copyright);
	assert_int_equal(a->keep_profile, b->keep_profile);
}

static void without_a_section_there_is_the_built_in_one(void **state)
{
	(void)state;
	struct preset_set *set = NULL;
	struct err err = { 0 };
	assert_int_equal(read_presets("", &set, &err), RC_OK);
	assert_int_equal(set->count, 1);
	assert_equal(preset_set_find(set, "default"), preset_default());
	assert_null(preset_set_find(set, "other"));
	preset_set_free(set);
}

// --help-config shows the default preset: uncommented, it is the default preset.
static void the_help_shows_the_built_in_one(void **state)
{
	(void)state;
	char *help = NULL;
	struct buffer lines;
	size_t length = 0;
	struct preset_set *set = NULL;
	struct err err = { 0 };
	buffer_init(&lines, 4096);
	FILE *out = open_memstream(&help, &length);
	settings_print_help(out);
	(void)fclose(out);
	char *section = strstr(help, "[preset.default]");
	assert_non_null(section);
	section = strstr(section + 1, "[preset.default]\n"); // the first one stands in the comment
	assert_non_null(section);
	for (const char *line = section; *line != '\0'; line += strcspn(line, "\n") + 1) {
		const char *from = line[0] == ';' ? line + 1 : line;
		if (strncmp(line, "; ", 2) != 0)
			buffer_append(&lines, from, strcspn(from, "\n") + 1);
	}
	if (read_presets(buffer_text(&lines), &set, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(set->count, 1);
	assert_equal(preset_set_find(set, "default"), preset_default());
	preset_set_free(set);
	buffer_done(&lines);
	free(help);
}

static void a_section_says_it_all(void **state)
{
	(void)state;
	struct preset_set *set = NULL;
	struct err err = { 0 };
	if (read_presets("[pool.own]\nworkers = 1\n[preset.print]\nstep.card = 400x300 contain background=FfeeDd\n"
	                 "step.face = 120x160   cover entropy sharpen=40\nstep.wide = 3000 inside sharpen=1\n"
	                 "encoding.jpeg = quality=95 pool=own\nencoding.avif = effort=0 optional\n"
	                 "metadata = copyright\nprofile = keep\n[preset.default]\nencoding.webp = quality=60\n",
	                 &set, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(set->count, 2);
	const struct preset *print = preset_set_find(set, "print");
	assert_int_equal(print->step_count, 3);
	assert_string_equal(print->steps[0].name, "card");
	assert_int_equal(print->steps[0].fit, PRESET_CONTAIN);
	assert_int_equal(print->steps[0].background, 0xffeedd);
	assert_int_equal(print->steps[1].width, 120);
	assert_int_equal(print->steps[1].height, 160);
	assert_int_equal(print->steps[1].fit, PRESET_COVER);
	assert_int_equal(print->steps[1].focus, PRESET_ENTROPY);
	assert_int_equal(print->steps[1].sharpen, 40);
	assert_int_equal(print->steps[2].fit, PRESET_INSIDE);
	assert_int_equal(print->steps[2].height, 0);
	assert_int_equal(print->encoding_count, 2);
	assert_int_equal(print->encodings[0].quality, 95);
	assert_string_equal(print->encodings[0].pool, "own");
	assert_true(print->encodings[0].required);
	assert_false(print->encodings[1].required);
	assert_int_equal(print->encodings[1].effort, 0);
	assert_int_equal(print->encodings[1].quality, 50); // as in the built-in one
	assert_true(print->keep_copyright && print->keep_profile);
	// Steps that a section does not name are the built-in ones.
	const struct preset *changed = preset_set_find(set, "default");
	assert_int_equal(changed->step_count, 5);
	assert_int_equal(changed->encoding_count, 1);
	assert_int_equal(changed->encodings[0].quality, 60);
	preset_set_free(set);
}

// Sizes on demand are replaced as a whole, and leave the steps as they are.
static void sizes_on_demand(void **state)
{
	(void)state;
	struct preset_set *set = NULL;
	struct err err = { 0 };
	if (read_presets("[preset.default]\non_demand.big = 5000\non_demand.face = 50x60 cover entropy sharpen=9\n"
	                 "[preset.bare]\non_demand.none =\n[preset.plain]\nmetadata = strip\n",
	                 &set, &err) != RC_OK)
		fail_msg("%s", err.text);
	const struct preset *changed = preset_set_find(set, "default"), *initial = preset_default();
	assert_int_equal(changed->on_demand_count, 2);
	assert_string_equal(changed->on_demand[0].name, "big");
	assert_int_equal(changed->on_demand[0].width, 5000);
	assert_int_equal(changed->on_demand[0].fit, PRESET_INSIDE);
	assert_int_equal(changed->on_demand[1].height, 60);
	assert_int_equal(changed->on_demand[1].focus, PRESET_ENTROPY);
	assert_int_equal(changed->on_demand[1].sharpen, 9);
	assert_null(preset_find_on_demand(changed, "w960"));
	assert_steps_equal(changed->steps, changed->step_count, initial->steps, initial->step_count);
	assert_int_equal(preset_set_find(set, "bare")->on_demand_count, 0);
	const struct preset *plain = preset_set_find(set, "plain");
	assert_true(initial->on_demand_count > 0);
	assert_steps_equal(plain->on_demand, plain->on_demand_count, initial->on_demand, initial->on_demand_count);
	assert_true(preset_set_has_on_demand(set, "big", FORMAT_JPEG));
	assert_true(preset_set_has_on_demand(set, "w960", FORMAT_WEBP)); // the plain one's
	assert_false(preset_set_has_on_demand(set, "w960", FORMAT_AVIF));
	assert_false(preset_set_has_on_demand(set, "w640", FORMAT_JPEG)); // made ahead
	assert_false(preset_set_has_on_demand(set, "bare", FORMAT_JPEG));
	assert_ptr_equal(preset_set_choose(set, "plain"), plain);
	assert_ptr_equal(preset_set_choose(set, "gone"), changed);
	preset_set_free(set);
}

// Their URLs are negotiated, so JPEG must be among what is made; a preset without them may do without it.
static void sizes_on_demand_need_jpeg(void **state)
{
#define ON_DEMAND "[cdn]\non_demand = true\n[preset.x]\n"
	(void)state;
	static const char *const refused[] = { ON_DEMAND "encoding.webp = required\n",
		                               ON_DEMAND "encoding.jpeg = optional\nencoding.webp = required\n" };
	struct preset_set *set = NULL;
	struct err err = { 0 };
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		assert_int_equal(read_presets(refused[i], &set, &err), RC_INVALID);
		assert_non_null(strstr(err.text,
		                       "[preset.x] sizes on demand need a required encoding.jpeg; without it: "
		                       "on_demand.none ="));
	}
	assert_int_equal(read_presets(ON_DEMAND "on_demand.none =\nencoding.webp = required\n", &set, &err), RC_OK);
	assert_int_equal(preset_set_find(set, "x")->encoding_count, 1);
	preset_set_free(set);
}

static void what_is_wrong_is_named_with_file_and_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *says;
	} ROWS[] = {
		{ "step.a = 0\n", ":2: [preset.x] step.a: 0: a step begins with WIDTH" },
		{ "step.a = 16384\n", ":2: [preset.x] step.a: 16384: a step begins" },
		{ "step.a = 10x\n", ":2: [preset.x] step.a: 10x: a step begins" },
		{ "step.a = cover\n", ":2: [preset.x] step.a: cover: a step begins" },
		{ "step.a =\n", ":2: [preset.x] step.a: (nothing): a step begins" },
		{ "step.A = 10\n", ":2: [preset.x] step.A: a step's name is" },
		{ "step.a = 10 cover\n", "cover: needs WIDTHxHEIGHT" },
		{ "step.a = 10x10 inside\n", "inside: takes a WIDTH alone" },
		{ "step.a = 10 entropy\n", "are of cover steps" },
		{ "step.a = 10x10 cover background=ffffff\n", "background= is of contain steps" },
		{ "step.a = 10x10 contain background=fffff\n", "background=fffff: must be six hex digits" },
		{ "step.a = 10 sharpen=101\n", "sharpen=101: must be a whole number from 0 to 100" },
		{ "step.a = 10 shiny\n", "shiny: a step's words are" },
		{ "encoding.gif = quality=1\n", "gif is no format of delivery" },
		{ "encoding.jpeg = quality=0\n", "quality=0: must be a whole number from 1 to 100" },
		{ "encoding.jpeg = effort=1\n", "JPEG knows no effort" },
		{ "encoding.webp = effort=7\n", "effort=7: must be a whole number from 0 to 6" },
		{ "encoding.webp = pool=Fast\n", "pool=Fast: a pool's name is" },
		{ "encoding.webp = fast\n", "fast: an encoding's words are" },
		{ "\nencoding.webp = pool=own\n",
		  ":3: [preset.x] encoding.webp is required, but there is no [pool.own]" },
		{ "encoding.avif = optional\n", ":2: [preset.x] has no required encoding" },
		{ "on_demand.big = 0\n", ":2: [preset.x] on_demand.big: 0: a step begins with WIDTH" },
		{ "on_demand.Big = 10\n", ":2: [preset.x] on_demand.Big: a step's name is" },
		{ "on_demand.none = 10\n", ":2: [preset.x] on_demand.none: takes no value" },
		// One name is one object key: a size is made ahead or on demand, whichever line came first.
		{ "on_demand.w640 = 700\n", "[preset.x] on_demand.w640: there is a step of that name" },
		{ "step.a = 10\non_demand.a = 20\n", "[preset.x] on_demand.a: there is a step of that name" },
		{ "on_demand.a = 10\nstep.a = 20\n", "[preset.x] on_demand.a: there is a step of that name" },
		{ "step.w960 = 960\n", "[preset.x] on_demand.w960: there is a step of that name" },
		{ "on_demand.a = 1\non_demand.b = 1\non_demand.c = 1\non_demand.d = 1\non_demand.e = 1\n"
		  "on_demand.f = 1\non_demand.g = 1\non_demand.h = 1\non_demand.i = 1\n",
		  ":10: [preset.x] on_demand.i: a preset has at most 8 sizes on demand" },
		{ "metadata = all\n", ":2: [preset.x] metadata: must be strip or copyright" },
		{ "profile = p3\n", "must be srgb or keep" },
		{ "colour = blue\n", ":2: [preset.x] colour: there is no such option" },
		{ "step.a = 1\nstep.b = 1\nstep.c = 1\nstep.d = 1\nstep.e = 1\nstep.f = 1\nstep.g = 1\nstep.h = 1\n"
		  "step.i = 1\n",
		  ":10: [preset.x] step.i: a preset has at most 8 steps" },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char text[512];
		struct preset_set *set = NULL;
		struct err err = { 0 };
		(void)snprintf(text, sizeof text, "[preset.x]\n%s", ROWS[i].text);
		if (read_presets(text, &set, &err) == RC_OK)
			fail_msg("row %zu was taken: %s", i, ROWS[i].text);
		if (strncmp(err.text, path, strlen(path)) != 0 || strstr(err.text, ROWS[i].says) == NULL)
			fail_msg("row %zu says: %s", i, err.text);
	}
}

static void names_are_checked(void **state)
{
	(void)state;
	struct preset_set *set = NULL;
	struct err err = { 0 };
	assert_int_equal(read_presets("[preset.Big]\nstep.a = 1\n", &set, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "a preset's name is"));
	char text[2048] = "";
	for (int i = 0; i < LIMIT_PRESETS; i++) // and the default one
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "[preset.p%d]\nstep.a = 1\n", i);
	assert_int_equal(read_presets(text, &set, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "there are 16 presets already"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_section_there_is_the_built_in_one),
		cmocka_unit_test(the_help_shows_the_built_in_one),
		cmocka_unit_test(a_section_says_it_all),
		cmocka_unit_test(sizes_on_demand),
		cmocka_unit_test(sizes_on_demand_need_jpeg),
		cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
		cmocka_unit_test(names_are_checked),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
