// The edge while much is asked of it: keys change under load and nobody is refused wrongly; a purge reaches every
// worker; limits of one address hold.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

#define OLD_KEY "k1:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NEW_KEY "k2:ff2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define ASKERS 4
#define ROTATIONS 3
#define MEDIA_RATE 5 // a second, and four times as many ahead
#define CALLS_RATE 3

static struct edge_rig rig;

static int setup_generous(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start_with(&rig, NULL, "media_per_second = 0\nworkers = 2\n"); // all askers have one address
	return 0;
}

static int setup_strict(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start_with(&rig, NULL, "media_per_second = 5\ncalls_per_second = 3\nrequests_at_once = 6\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

// ---- rotation

// What the askers ask for, exchanged by the test as the key of the moment changes.
struct load {
	_Atomic(const char *) good;
	_Atomic(const char *) forged;
	atomic_bool is_over;
	atomic_uint answered, refused, lost, forged_refused, forged_answered;
};

static void *ask(void *argument)
{
	struct load *load = argument;
	while (!atomic_load(&load->is_over)) {
		struct edge_reply reply = edge_get(&rig, atomic_load(&load->good), NULL);
		atomic_fetch_add(reply.status == 200   ? &load->answered
		                 : reply.status == 403 ? &load->refused
		                                       : &load->lost,
		                 1);
		edge_reply_done(&reply);
		reply = edge_get(&rig, atomic_load(&load->forged), NULL);
		atomic_fetch_add(reply.status == 403 ? &load->forged_refused : &load->forged_answered, 1);
		edge_reply_done(&reply);
	}
	return NULL;
}

// Signed under the first key of this text; forged: by one letter.
static void sign_under(const char *keys, char ret_good[DELIVERY_URL_SIZE], char ret_forged[DELIVERY_URL_SIZE])
{
	assert_int_equal(delivery_keys_parse(keys, &rig.keys, NULL), RC_OK);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, ret_good);
	memcpy(ret_forged, ret_good, DELIVERY_URL_SIZE);
	char *letter = strstr(ret_forged, "&s=") + 3;
	*letter = *letter == 'A' ? 'B' : 'A';
}

// As cdn-config/README.md has it: the new key second, first, alone. In between signers change over.
static void test_rotation_under_load(void **state)
{
	(void)state;
	static struct load load;
	char old_good[DELIVERY_URL_SIZE], old_forged[DELIVERY_URL_SIZE];
	char new_good[DELIVERY_URL_SIZE], new_forged[DELIVERY_URL_SIZE];
	edge_rig_fresh_media(&rig);
	sign_under(NEW_KEY, new_good, new_forged);
	sign_under(OLD_KEY, old_good, old_forged);
	edge_assert_cache(&rig, old_good, NULL, "MISS");
	atomic_store(&load.good, old_good);
	atomic_store(&load.forged, old_forged);
	pthread_t threads[ASKERS];
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &load), 0);
	for (int i = 0; i < ROTATIONS; i++) {
		bool is_back = i % 2 != 0;
		const char *from = is_back ? NEW_KEY : OLD_KEY, *to = is_back ? OLD_KEY : NEW_KEY;
		char keys[256];
		(void)snprintf(keys, sizeof(keys), "%s\n%s\n", from, to);
		edge_rig_rotate(&rig, keys);
		atomic_store(&load.good, is_back ? old_good : new_good); // metadata-api signs with the new one
		atomic_store(&load.forged, is_back ? old_forged : new_forged);
		(void)snprintf(keys, sizeof(keys), "%s\n%s\n", to, from);
		edge_rig_rotate(&rig, keys);
		// The last requests with the old key are answered before it goes.
		clock_sleep_ms(300);
		(void)snprintf(keys, sizeof(keys), "%s\n", to);
		edge_rig_rotate(&rig, keys);
	}
	atomic_store(&load.is_over, true);
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("  %u answered, %u forged ones refused\n", load.answered, load.forged_refused);
	assert_true(load.answered > 100 && load.forged_refused > 100);
	assert_int_equal(load.refused, 0);
	assert_int_equal(load.lost, 0);
	assert_int_equal(load.forged_answered, 0);
	assert_int_equal(edge_origin_hits(&rig.store), 1);
}

// ---- purges

// Which fetch of the store's the answer came from, like "hit 2 end".
static void assert_fetched(const char *url, const char *fetch)
{
	struct edge_reply reply = edge_get(&rig, url, NULL);
	if (reply.status != 200 || strstr(reply.body, fetch) == NULL)
		fail_msg("not '%s': %u %s", fetch, reply.status, reply.body != NULL ? reply.body : "");
	edge_reply_done(&reply);
}

// Each worker keeps the cache's files open; none may go on with the old one after a purge.
static void test_purge_reaches_every_worker(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	char url[DELIVERY_URL_SIZE], key[DELIVERY_URL_SIZE], request[512];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	(void)snprintf(key, sizeof(key), "%s", url + strlen(DELIVERY_PREFIX));
	*strchr(key, '?') = '\0';
	(void)snprintf(request, sizeof(request),
	               "Authorization: Bearer " EDGE_PURGE_TOKEN "\r\nContent-Length: %zu\r\n\r\n%s", strlen(key), key);
	for (int round = 1; round <= 5; round++) {
		char fetch[32];
		(void)snprintf(fetch, sizeof(fetch), "hit %d end", round);
		for (int i = 0; i < 40; i++)
			assert_fetched(url, fetch);
		struct edge_reply reply = edge_request(rig.admin_port, "POST", "/purge", request);
		assert_string_equal(reply.body, "{\"purged\":1,\"in_flight\":0}");
		edge_reply_done(&reply);
	}
}

// ---- limits

static int64_t limited(void)
{
	struct edge_reply reply = edge_request(rig.admin_port, "GET", "/metrics", NULL);
	const char *at = strstr(reply.body, "\nsafelight_edge_limited_total ");
	assert_non_null(at);
	int64_t value = strtoll(at + strlen("\nsafelight_edge_limited_total "), NULL, 10);
	edge_reply_done(&reply);
	return value;
}

// Ask so often; returns how many were answered with this status, the rest having been refused with 429.
static unsigned ask_often(const char *target, unsigned times, unsigned status)
{
	unsigned answered = 0;
	for (unsigned i = 0; i < times; i++) {
		struct edge_reply reply = edge_get(&rig, target, NULL);
		if (reply.status == status) {
			answered++;
		} else {
			edge_assert_problem(&reply, 429, "too-many-requests");
			assert_true(edge_reply_has(&reply, "Retry-After", "1"));
		}
		edge_reply_done(&reply);
	}
	return answered;
}

// The burst passes, then the rate does; the store's own 429 stays another thing.
static void test_request_rates(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], other[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, other);
	edge_origin_answer(&rig.store, 429, 0, false);
	struct edge_reply reply = edge_get(&rig, other, NULL);
	edge_assert_problem(&reply, 503, "unavailable");
	edge_reply_done(&reply);
	edge_origin_answer(&rig.store, 200, 0, false);

	int64_t before = limited();
	unsigned media = ask_often(url, 120, 200), calls = ask_often("/v1/me", 100, 200);
	assert_in_range(media, 4 * MEDIA_RATE, 100);
	assert_in_range(calls, 4 * CALLS_RATE, 80);
	assert_int_equal(limited() - before, 120 - media + 100 - calls);
	assert_int_equal(edge_origin_hits(&rig.api), calls);
	// Health checks are not counted; a second later the next requests pass.
	assert_int_equal(ask_often("/healthz", 50, 200), 50);
	clock_sleep_ms(1100);
	assert_int_equal(ask_often(url, 2, 200), 2);
	assert_int_equal(ask_often("/v1/me", 1, 200), 1);
}

struct slow_ask {
	char url[DELIVERY_URL_SIZE];
	unsigned status;
};

static void *ask_slowly(void *argument)
{
	struct slow_ask *slow = argument;
	struct edge_reply reply = edge_get(&rig, slow->url, NULL);
	slow->status = reply.status;
	if (reply.status != 200)
		edge_assert_problem(&reply, 429, "too-many-requests");
	edge_reply_done(&reply);
	return NULL;
}

// Six at once may wait for a slow store, the seventh may not.
static void test_requests_at_once(void **state)
{
	(void)state;
	clock_sleep_ms(2500); // the rates of the test before
	edge_origin_answer(&rig.store, 200, 1500, false);
	struct slow_ask asks[10];
	pthread_t threads[10];
	for (size_t i = 0; i < 10; i++) {
		char variant[16];
		(void)snprintf(variant, sizeof(variant), "v%zu", i);
		edge_rig_sign(&rig, variant, FORMAT_JPEG, 0, asks[i].url);
		assert_int_equal(pthread_create(&threads[i], NULL, ask_slowly, &asks[i]), 0);
	}
	unsigned answered = 0;
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		answered += asks[i].status == 200;
	}
	edge_origin_answer(&rig.store, 200, 0, false);
	assert_int_equal(answered, 6);
}

int main(void)
{
	const struct CMUnitTest generous[] = {
		cmocka_unit_test(test_purge_reaches_every_worker),
		cmocka_unit_test(test_rotation_under_load),
	};
	const struct CMUnitTest strict[] = {
		cmocka_unit_test(test_request_rates),
		cmocka_unit_test(test_requests_at_once),
	};
	int failed = cmocka_run_group_tests_name("edge under load", generous, setup_generous, teardown);
	return failed + cmocka_run_group_tests_name("edge limits", strict, setup_strict, teardown);
}
