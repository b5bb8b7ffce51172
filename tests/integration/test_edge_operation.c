// What operators see of the edge and do to it: key rotation, counters, logs, defaults.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "media/preset.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

static struct edge_rig rig;

static int setup(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start(&rig, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

static int fresh(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	return 0;
}

#define OLD_KEY "k1:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NEW_KEY "k2:ff2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

static void test_key_rotation(void **state)
{
	(void)state;
	char old_url[DELIVERY_URL_SIZE], new_url[DELIVERY_URL_SIZE];
	struct delivery_keys old_keys = rig.keys;
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, old_url);
	assert_int_equal(delivery_keys_parse(NEW_KEY, &rig.keys, NULL), RC_OK);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, new_url);
	edge_assert_cache(&rig, old_url, NULL, "MISS");
	struct edge_reply reply = edge_get(&rig, new_url, NULL);
	edge_assert_problem(&reply, 403, "url-refused");
	edge_reply_done(&reply);
	edge_rig_rotate(&rig, NEW_KEY "\n" OLD_KEY "\n"); // both, while old URLs live
	edge_assert_cache(&rig, old_url, NULL, "HIT");
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	edge_rig_rotate(&rig, NEW_KEY "\n");
	reply = edge_get(&rig, old_url, NULL);
	edge_assert_problem(&reply, 403, "url-refused");
	edge_reply_done(&reply);
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	// A file that is no good changes nothing: nginx goes on with what it has.
	edge_rig_try_rotate(&rig, "k2:00\n");
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	edge_rig_rotate(&rig, OLD_KEY "\n");
	rig.keys = old_keys;
}

static int64_t metric(const char *series)
{
	struct edge_reply reply = edge_request(rig.admin_port, "GET", "/metrics", NULL);
	assert_int_equal(reply.status, 200);
	char wanted[256];
	(void)snprintf(wanted, sizeof(wanted), "\n%s ", series);
	const char *at = strstr(reply.body, wanted);
	if (at == NULL)
		fail_msg("no %s in %s", series, reply.body);
	int64_t value = strtoll(at + strlen(wanted), NULL, 10);
	edge_reply_done(&reply);
	return value;
}

static void test_metrics(void **state)
{
	(void)state;
	static const char *const series[] = {
		"safelight_edge_deliveries_total{verdict=\"ok\"}",
		"safelight_edge_deliveries_total{verdict=\"malformed\"}",
		"safelight_edge_deliveries_total{verdict=\"unknown_key\"}",
		"safelight_edge_deliveries_total{verdict=\"bad_signature\"}",
		"safelight_edge_deliveries_total{verdict=\"expired\"}",
		"safelight_edge_deliveries_total{verdict=\"method\"}",
		"safelight_edge_cache_total{status=\"miss\"}",
		"safelight_edge_cache_total{status=\"hit\"}",
		"safelight_edge_origin_failures_total",
	};
	static const int64_t expected[] = { 4, 2, 1, 1, 1, 1, 2, 2, 1 };
	int64_t before[9];
	for (size_t i = 0; i < 9; i++)
		before[i] = metric(series[i]);
	char url[DELIVERY_URL_SIZE], failing[DELIVERY_URL_SIZE], bent[DELIVERY_URL_SIZE + 8];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	for (int i = 0; i < 3; i++)
		edge_assert_cache(&rig, url, NULL, i == 0 ? "MISS" : "HIT");
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, failing);
	edge_origin_answer(&rig.store, 500, 0, false);
	const char *others[] = { failing, bent, bent, bent, bent, "/m/x" };
	for (size_t i = 0; i < 6; i++) {
		(void)snprintf(bent, sizeof(bent), "%s", url);
		if (i == 1)
			(void)snprintf(bent, sizeof(bent), "%s&x=1", url);
		else if (i == 2)
			memcpy(strstr(bent, "k=k1"), "k=xx", 4);
		else if (i == 3)
			memcpy(strstr(bent, "w640"), "w320", 4);
		else if (i == 4)
			edge_rig_sign(&rig, "w640", FORMAT_JPEG, -1, bent);
		struct edge_reply reply = edge_get(&rig, others[i], NULL);
		edge_reply_done(&reply);
	}
	struct edge_reply reply = edge_request(rig.port, "DELETE", url, NULL);
	edge_reply_done(&reply);
	for (size_t i = 0; i < 9; i++)
		if (metric(series[i]) - before[i] != expected[i])
			fail_msg("%s rose by %lld", series[i], (long long)(metric(series[i]) - before[i]));
	assert_true(metric("safelight_edge_sent_bytes_total") > 0);
	assert_true(metric("safelight_edge_connections") >= 1);
}

// Read the access log until it has all the parts: nginx writes it a second late.
static void wait_for_log(struct buffer *access, const char *const *parts, size_t count)
{
	size_t found = 0;
	for (int waited = 0; found < count && waited < 15000; waited += 100) {
		clock_sleep_ms(100);
		buffer_clear(access);
		edge_rig_read_log(&rig, "access.log", access);
		for (found = 0; found < count && strstr(buffer_text(access), parts[found]) != NULL;)
			found++;
	}
	if (found < count)
		fail_msg("%s is not in the log", parts[found]);
}

// Signatures and tokens stand in no log; every line is JSON and says what happened.
static void test_logs(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], failing[DELIVERY_URL_SIZE], forged[DELIVERY_URL_SIZE], target[512];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, failing);
	(void)snprintf(forged, sizeof(forged), "%s", url);
	memcpy(strstr(forged, "w640"), "w321", 4);
	edge_assert_cache(&rig, url, "User-Agent: a\"b\\c\x01\r\n", "MISS");
	edge_origin_stop(&rig.store); // so that the error log has to speak of the request, too
	edge_origin_stop(&rig.api);
	(void)snprintf(target, sizeof(target), "/hooks/s3?token=%s", "hidden-hook-token");
	const char *targets[] = { url,    failing,
		                  forged, "/v1/shared/hidden-share-token?password=hidden",
		                  target, "/v1/me?access_token=hidden" };
	for (size_t i = 0; i < 6; i++) {
		struct edge_reply reply = edge_get(&rig, targets[i], NULL);
		edge_reply_done(&reply);
	}
	edge_origin_restart(&rig.store);
	edge_origin_restart(&rig.api);
	static const char *const parts[] = { "\"cache\":\"MISS\",\"verdict\":\"ok\"",
		                             "\"cache\":\"HIT\",\"verdict\":\"ok\"",
		                             "\"verdict\":\"bad_signature\"",
		                             "\"path\":\"/v1/shared/\"",
		                             "\"path\":\"/hooks/s3\"",
		                             "\"path\":\"/v1/me\",\"status\":503" };
	struct buffer access, errors;
	buffer_init(&access, 16 << 20);
	buffer_init(&errors, 16 << 20);
	wait_for_log(&access, parts, sizeof(parts) / sizeof(parts[0]));
	edge_rig_read_log(&rig, "error.log", &errors);
	assert_non_null(strstr(buffer_text(&errors), "request: \"GET /v1/shared/\""));
	// Neither credentials of requests nor what the edge itself holds.
	const char *secrets[] = { strstr(url, "&s=") + 3,   strstr(failing, "&s=") + 3, "hidden",
		                  strchr(OLD_KEY, ':') + 1, strchr(NEW_KEY, ':') + 1,   "secret-of-the-test",
		                  EDGE_PURGE_TOKEN };
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		assert_null(strstr(buffer_text(&access), secrets[i]));
		assert_null(strstr(buffer_text(&errors), secrets[i]));
	}
	for (char *line = access.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		json_t *entry = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(entry) || json_object_get(entry, "request_id") == NULL)
			fail_msg("not a line of JSON: %.*s", (int)(end - line), line);
		json_decref(entry);
	}
	buffer_done(&access);
	buffer_done(&errors);
}

// render.sh has its own list of defaults; it must be the settings'.
static void test_defaults(void **state)
{
	(void)state;
	static const struct {
		const char *name, *initial;
	} options[] = {
#define SETTING(section, key, kind, initial, least, most, unit, text) { #section "." #key, initial },
#include "base/settings.def"
#undef SETTING
	};
	CLEANUP(free_pointer) char *script = NULL;
	size_t length, compared = 0;
	assert_int_equal(file_read("cdn-config/render.sh", 1 << 20, &script, &length, NULL), RC_OK);
	const char *at = strstr(script, "declare -A DEFAULTS=(");
	const char *end = at != NULL ? strstr(at, "\n)") : NULL;
	assert_true(at != NULL && end != NULL);
	while ((at = strstr(at, "\n    [")) != NULL && at < end) {
		char name[64], value[128];
		assert_int_equal(sscanf(at, "\n    [%63[^]]]=%127[^\n]", name, value), 2);
		bool is_known = false;
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
			if (strcmp(options[i].name, name) != 0)
				continue;
			assert_string_equal(value, options[i].initial);
			is_known = true;
		}
		if (!is_known)
			fail_msg("%s is no setting", name);
		compared++;
		at++;
	}
	assert_true(compared >= 10);
}

// The same of the sizes on demand.
static void test_default_names(void **state)
{
	(void)state;
	CLEANUP(free_pointer) char *script = NULL;
	size_t length;
	char wanted[256] = "\nON_DEMAND_NAMES='";
	const struct preset *preset = preset_default();
	for (size_t i = 0; i < preset->on_demand_count; i++)
		(void)snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%s%s", i > 0 ? " " : "",
		               preset->on_demand[i].name);
	(void)snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "'\n");
	assert_int_equal(file_read("cdn-config/render.sh", 1 << 20, &script, &length, NULL), RC_OK);
	if (strstr(script, wanted) == NULL)
		fail_msg("render.sh has not%s", wanted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(test_key_rotation), TEST(test_metrics),       TEST(test_logs),
		TEST(test_defaults),     TEST(test_default_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
