// Behind the look at the first bytes (test_decoder_hostile) stands libvips's own list: of all loaders and savers in the
// process none but ours can run, whatever asks for it. One profile a process, so each is looked at in a child.
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vips/vips.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/profile.h"

struct expectation {
	const char *const *open;
	unsigned seen, found, wrong;
};

static void *look(GType type, void *context)
{
	struct expectation *expectation = context;
	VipsOperationClass *class = g_type_class_ref(type);
	const char *name = g_type_name(type);
	bool is_ours = false, is_open = (class->flags & VIPS_OPERATION_BLOCKED) == 0;

	if (G_TYPE_IS_ABSTRACT(type))
		return NULL;
	for (const char *const *prefix = expectation->open; *prefix != NULL; prefix++)
		is_ours = is_ours || strncmp(name, *prefix, strlen(*prefix)) == 0;
	expectation->seen++;
	expectation->found += is_ours;
	if (is_open != is_ours) {
		(void)fprintf(stderr, "%s is %s\n", name, is_open ? "open" : "blocked");
		expectation->wrong++;
	}
	return NULL;
}

static int count_wrong(const struct profile *profile, const char *kind, const char *const *open)
{
	struct expectation expectation = { .open = open };
	struct failure failure;

	if (!codecs_start(profile, &failure)) {
		(void)fprintf(stderr, "%s\n", failure.detail);
		return 1;
	}
	codecs_block_savers();
	(void)vips_type_map_all(g_type_from_name(kind), look, &expectation);
	if (expectation.seen < 20 || expectation.found == 0)
		return 1;
	return expectation.wrong == 0 ? 0 : 1;
}

static void assert_open(const struct profile *profile, const char *kind, const char *const *open)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(count_wrong(profile, kind, open));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_photos(void **state)
{
	static const char *const loaders[] = { "VipsForeignLoadJpeg",
		                               "VipsForeignLoadPng",
		                               "VipsForeignLoadWebp",
		                               "VipsForeignLoadNsgif",
		                               "VipsForeignLoadHeif",
		                               "VipsForeignLoadTiff",
		                               NULL };

	(void)state;
	assert_open(&profile_photo, "VipsForeignLoad", loaders);
}

static void test_documents(void **state)
{
	static const char *const loaders[] = { "VipsForeignLoadPdf", "VipsForeignLoadSvg", NULL };

	(void)state;
	assert_open(&profile_document, "VipsForeignLoad", loaders);
}

static void test_savers(void **state)
{
	static const char *const savers[] = { "VipsForeignSaveJpeg", "VipsForeignSaveHeif", "VipsForeignSaveAvif",
		                              NULL };

	(void)state;
	assert_open(&profile_photo, "VipsForeignSave", savers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_photos),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_savers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
