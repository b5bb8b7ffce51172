// What the edge does with variants on demand, beside a transcoder that is none: whom it asks for what, what it gives to
// clients of the answer, and what becomes of other missing objects. (test_on_demand has the whole way.)
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

#define TOKEN "resize-token-of-the-test"
#define ON_DEMAND "[transcoder]\nresize_token = " TOKEN "\nresize_ms = 2000\n[cdn]\non_demand = true\n"

static struct edge_rig rig;
static struct edge_origin transcoder;

static void start(const char *settings)
{
	edge_rig_start_with(&rig, NULL, settings);
	edge_origin_start(&transcoder, "transcoder", (uint16_t)(rig.port + 5));
}

static int start_built_in(void **state)
{
	(void)state;
	start(ON_DEMAND);
	return 0;
}

static int start_configured(void **state)
{
	(void)state;
	start(ON_DEMAND "[preset.other]\non_demand.w961 = 961\nencoding.jpeg = required\nencoding.avif = quality=50 "
	                "required\n"
	                "[preset.default]\non_demand.big = 5000\n  on_demand.wide : 2000\n; on_demand.w1600 = 1600\n");
	return 0;
}

// A preset with sizes of its own beside the default one, which has none.
static int start_beside(void **state)
{
	(void)state;
	start(ON_DEMAND "[preset.other]\non_demand.tall = 20x90\n");
	return 0;
}

static int start_none(void **state)
{
	(void)state;
	start(ON_DEMAND "[preset.default]\non_demand.none =\n");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	edge_origin_stop(&transcoder);
	return edge_rig_stop(&rig);
}

// A media of which the store has nothing.
static int fresh(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	edge_origin_reset(&transcoder);
	edge_origin_reset(&rig.store);
	edge_origin_answer(&rig.store, 404, 0, false);
	return 0;
}

static struct edge_reply get(const char *variant, enum media_format format)
{
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, variant, format, 0, url);
	return edge_get(&rig, url, "Range: bytes=0-3\r\nCookie: a=b\r\nAuthorization: Bearer of-the-client\r\n");
}

static void assert_missing(const char *variant, enum media_format format)
{
	struct edge_reply reply = get(variant, format);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
}

static void test_asked_for_once(void **state)
{
	(void)state;
	char id[UUID_TEXT_SIZE], wanted[128], value[256], url[DELIVERY_URL_SIZE];
	struct edge_reply reply = get("w960", FORMAT_WEBP);
	assert_int_equal(reply.status, 206);
	edge_reply_done(&reply);
	// In the edge's own name, for the whole, whatever the client said.
	uuid_format(&rig.media_id, id);
	edge_origin_last_header(&transcoder, "Authorization", value, sizeof value);
	assert_string_equal(value, "Bearer " TOKEN);
	static const char *const dropped[] = { "Range", "Cookie", "Accept" };
	for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
		edge_origin_last_header(&transcoder, dropped[i], value, sizeof value);
		assert_string_equal(value, "");
	}
	edge_rig_sign(&rig, "w960", FORMAT_WEBP, 0, url);
	reply = edge_get(&rig, url, NULL);
	assert_int_equal(reply.status, 200);
	(void)snprintf(wanted, sizeof wanted, "transcoder <Error>/resize/%s/1/w960.webp</Error> hit 1 end", id);
	assert_string_equal(reply.body, wanted);
	assert_int_equal(edge_origin_hits(&transcoder), 1);
	// A variant like any other.
	assert_true(edge_reply_has(&reply, "Content-Type", "image/webp"));
	assert_true(edge_reply_has(&reply, "X-Content-Type-Options", "nosniff"));
	assert_true(edge_reply_has(&reply, "Cache-Control", "public, max-age=31536000, immutable"));
	assert_null(strstr(reply.head, "secret-internals"));
	edge_reply_done(&reply);
}

// Names and formats that nobody makes on demand: no work, and with the transcoder gone no promise of any.
static void test_only_its_names(void **state)
{
	(void)state;
	static const struct {
		const char *variant;
		enum media_format format;
	} rows[] = { { "w640", FORMAT_JPEG },  { "w961", FORMAT_JPEG },   { "w9600", FORMAT_JPEG },
		     { "xw960", FORMAT_WEBP }, { "w960-x", FORMAT_JPEG }, { "w960", FORMAT_AVIF } };
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			assert_missing(rows[i].variant, rows[i].format);
		assert_int_equal(edge_origin_hits(&transcoder), 0);
		edge_origin_stop(&transcoder);
		(void)fresh(NULL);
	}
	struct edge_reply reply = get("w960", FORMAT_JPEG);
	edge_assert_problem(&reply, 503, "unavailable");
	assert_true(edge_reply_names(&reply, "Retry-After"));
	edge_reply_done(&reply);
	edge_origin_restart(&transcoder);
}

// What the transcoder says, and what a client gets.
static void test_its_refusals(void **state)
{
	(void)state;
	static const struct {
		unsigned says, becomes;
	} rows[] = { { 404, 404 }, { 422, 404 }, { 401, 404 }, { 503, 503 }, { 429, 503 }, { 500, 503 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)fresh(NULL);
		edge_origin_answer(&transcoder, rows[i].says, 0, false);
		struct edge_reply reply = get("w1600", FORMAT_JPEG);
		if (reply.status != rows[i].becomes)
			fail_msg("%u became %u", rows[i].says, reply.status);
		edge_assert_problem(&reply, rows[i].becomes, rows[i].becomes == 404 ? "not-found" : "unavailable");
		edge_reply_done(&reply);
	}
}

static void assert_asked(const char *variant, enum media_format format)
{
	unsigned hits = edge_origin_hits(&transcoder);
	struct edge_reply reply = get(variant, format);
	assert_int_equal(reply.status, 206);
	edge_reply_done(&reply);
	assert_int_equal(edge_origin_hits(&transcoder), hits + 1);
}

// Lines of a preset replace the built-in names, as they do in the services; all presets' names are asked for, and AVIF
// where one of them requires it.
static void test_configured_names(void **state)
{
	(void)state;
	assert_asked("big", FORMAT_JPEG);
	assert_asked("wide", FORMAT_WEBP);
	assert_asked("w961", FORMAT_AVIF);
	assert_missing("w960", FORMAT_JPEG);
	assert_missing("w1600", FORMAT_JPEG);
	assert_int_equal(edge_origin_hits(&transcoder), 3);
}

static void test_names_beside_the_built_in(void **state)
{
	(void)state;
	assert_asked("tall", FORMAT_JPEG);
	assert_asked("w960", FORMAT_JPEG);
	assert_missing("tall", FORMAT_AVIF);
}

static void test_no_names(void **state)
{
	(void)state;
	assert_missing("w960", FORMAT_JPEG);
	assert_missing("none", FORMAT_JPEG);
	assert_int_equal(edge_origin_hits(&transcoder), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest built_in[] = { TEST(test_asked_for_once), TEST(test_only_its_names),
		                               TEST(test_its_refusals) };
	const struct CMUnitTest configured[] = { TEST(test_configured_names) };
	const struct CMUnitTest beside[] = { TEST(test_names_beside_the_built_in) };
	const struct CMUnitTest none[] = { TEST(test_no_names) };
	if (crypto_init(NULL) != RC_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("built-in names", built_in, start_built_in, stop);
	failed += cmocka_run_group_tests_name("configured names", configured, start_configured, stop);
	failed += cmocka_run_group_tests_name("names beside the built-in", beside, start_beside, stop);
	return failed + cmocka_run_group_tests_name("no names", none, start_none, stop);
}
